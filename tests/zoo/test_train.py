import contextlib
import csv
import io
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from clip_sources import ArrayClips, tiny_genotype

import zoo
from zoo import (
    evaluate,
    flags,
    inference,
    launch,
    members,
    metrics,
    monitor,
    train,
    training,
)
from zoo.files import locked
from zoo.genotypes import FOUND, ClipSpec
from zoo.genotypes.base import revised
from zoo.genotypes.tiny_video import SpatialLayer

RECIPE = training.Recipe(4, 4, 0.05)
OPTIONS = {"recipe": RECIPE, "save_every": 2, "log_every": 1, "verbose": False}


@pytest.fixture
def genotype(tmp_path):
    path = tmp_path / "best.json"
    path.write_text(tiny_genotype().to_json())
    return str(path)


class BuiltError(Exception):
    """A network would now be built."""


@pytest.fixture
def planned(monkeypatch, tmp_path):
    """Gives the genotype and the clips of what a call would build."""

    def build(about):
        raise BuiltError(about.genotype, about.clip_spec)

    def plan(model, folder=tmp_path / "run", **options):
        monkeypatch.setattr(inference.Description, "build", build)
        with pytest.raises(BuiltError) as built:
            train.train(str(folder), model, ArrayClips(), **OPTIONS, **options)
        return built.value.args

    return plan


def test_genotypes_come_by_name_file_or_folder(genotype, planned, tmp_path):
    assert planned("tvn1") == (FOUND["tvn1"], FOUND["tvn1"].clip_spec)
    for place in (genotype, str(tmp_path)):
        assert planned(place) == (tiny_genotype(), tiny_genotype().clip_spec)


def test_folder_named_like_a_model_does_not_hide_it(tmp_path, monkeypatch, planned):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tvn1").mkdir()
    assert planned("tvn1")[0] == FOUND["tvn1"]


CLIP = ClipSpec(frames=3, rate=2.0, height=24, width=20)


def write_claim(folder, clip=CLIP):
    known = {"search": {"clip_spec": clip and repr(clip)}, "machine": {}}
    (folder / "search.json").write_text(json.dumps(known))


def begin(folder, clip, genotype=None):
    """A run's folder, as it is once the run has begun."""
    about = genotype or tiny_genotype(), ("dark", "grey", "light"), "single", clip
    inference.describe(folder, inference.Description(*about))


def test_what_a_search_found_trains_on_its_clips(genotype, planned, tmp_path):
    own = tiny_genotype().clip_spec
    write_claim(tmp_path, None)
    assert planned(genotype)[1] == own
    write_claim(tmp_path)
    for place in (genotype, str(tmp_path)):
        assert planned(place)[1] == CLIP
        assert planned(place, clip_spec=own)[1] == own


def test_a_run_goes_on_with_the_clips_that_it_began_on(genotype, planned, tmp_path):
    own, write = tiny_genotype().clip_spec, write_claim
    write(tmp_path)
    for name, clip in [("own", own), ("searched", CLIP)]:
        begin(tmp_path / name, clip)
        assert planned(genotype, tmp_path / name)[1] == clip
    other = ClipSpec(frames=4, rate=2.0, height=24, width=20)
    begin(tmp_path / "other", other)  # Given to it, as it must be again.
    assert planned(genotype, tmp_path / "other")[1] == CLIP


def test_a_run_is_trained_anew_on_its_clips(planned, tmp_path):
    begin(tmp_path / "old", CLIP)
    for place in (tmp_path / "old", tmp_path / "old" / "model.json"):
        assert planned(str(place)) == (tiny_genotype(), CLIP)


@pytest.mark.parametrize("began", [None, "member0"])
def test_members_train_on_the_clips_of_their_search(began, search, planned, tmp_path):
    write_claim(tmp_path / "search")
    if began:
        begin(tmp_path / "run" / began, tiny_genotype().clip_spec)
        members.chosen(tmp_path / "run", search, 2, {}, False)
    expected = tiny_genotype().clip_spec if began else CLIP
    assert planned(None, search=search, top_k=2) == (tiny_genotype(), expected)


def test_misspelt_option_leaves_no_folder(genotype, tmp_path):
    with pytest.raises(ValueError, match=r"`options` must be .*'dropuot'"):
        train.train(str(tmp_path / "run"), genotype, ArrayClips(), dropuot=0.2)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("text", "reason"),
    [("{", "must be JSON"), ('{"family": "tiny"}', "family"), ("[]", "a JSON object")],
)
def test_invalid_genotype_names_the_file(text, reason, tmp_path):
    path = tmp_path / "best.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"best\.json: .*{reason}"):
        train.train(str(tmp_path / "run"), str(path), ArrayClips())
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("model", ["tnv1", "no/best.json", "."])
def test_unknown_models_are_refused(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="`model` must be a"):
        train.train("run", model, ArrayClips())
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": 1}'])
def test_damaged_runs_and_searches_are_one_line(text, tmp_path, genotype):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "model.json").write_text(text)
    for place in (tmp_path / "run", tmp_path / "run" / "model.json"):
        line = r"^`.*model\.json` must be written by zoo\.train\. Got: .*$"
        with pytest.raises(ValueError, match=line):
            train.train(str(tmp_path / "new"), str(place), ArrayClips())
    (tmp_path / "search.json").write_text(text)
    with pytest.raises(ValueError, match=r"search\.json` must be written by search"):
        train.train(str(tmp_path / "new"), genotype, ArrayClips())
    assert not (tmp_path / "new").exists()


def test_one_class_is_refused(genotype, tmp_path):
    with pytest.raises(ValueError, match="`clips` must be of two classes or more"):
        train.train(str(tmp_path / "run"), genotype, ArrayClips(classes=("one",)))
    assert not (tmp_path / "run").exists()


@pytest.mark.model
@pytest.mark.parametrize("task", ["single", "multi"])
def test_run_leaves_what_it_promises(task, genotype, tmp_path, capsys):
    folder = tmp_path / "run"
    options = {**OPTIONS, "verbose": True, "dropout": 0.2}
    result = train.train(str(folder), genotype, ArrayClips(task), **options)
    assert result["step"] == 4
    names = {path.name for path in folder.iterdir()}
    files = {"model.json", "best.weights.h5", "checkpoint.npz", "metrics.csv"}
    assert files | {"speed.csv", "summary.md"} <= names
    assert [row["step"] for row in monitor.read_table(folder / "metrics.csv")] == [
        *range(1, 5)
    ]
    run = zoo.load(folder)
    assert (run.classes, run.task) == (("dark", "grey", "light"), task)
    assert run.model.get_layer("head").dropout == 0.2
    shown = capsys.readouterr()
    assert "12 training clips of 3 classes, 4 steps of 4" in shown.out
    assert f"python -m zoo.evaluate --model={folder}" in shown.out
    assert f"python -m zoo.predict --model={folder}" in shown.out
    assert f"summary:  {folder / 'summary.md'}" in shown.out
    assert "step 4/4  loss" in shown.err


@pytest.mark.model
def test_folder_where_another_process_trains_is_left_alone(genotype, tmp_path):
    folder = tmp_path / "run"
    with locked(folder), pytest.raises(ValueError, match="no other process trains"):
        train.train(str(folder), genotype, ArrayClips(), **OPTIONS)
    assert [path.name for path in folder.iterdir()] == [".lock"]


@pytest.mark.model
@pytest.mark.parametrize("several", [False, True])
def test_dry_run_tells_what_would_be_and_writes_nothing(
    several, genotype, search, tmp_path, capsys
):
    names = sorted(tmp_path.iterdir())
    model = {"model": None, "search": search} if several else {"model": genotype}
    options = {**OPTIONS, **model, "dry_run": True}
    assert train.train(str(tmp_path / "run"), clips=ArrayClips(), **options) == {}
    out = capsys.readouterr().out
    assert out.count("4 steps of 4: 1.33 epochs") == (3 if several else 1)
    assert "memory, as an estimate: weights 1 MB" in out
    assert sorted(tmp_path.iterdir()) == names


@pytest.mark.model
def test_job_that_is_asked_to_end_ends_after_a_step(genotype, tmp_path, monkeypatch):
    def add(*args):
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(monitor.MetricsTable, "add", add)
    with pytest.raises(SystemExit) as caught:
        train.train(str(tmp_path / "run"), genotype, ArrayClips(), **OPTIONS)
    assert caught.value.code == 0
    with np.load(tmp_path / "run" / "checkpoint.npz") as file:
        assert file["step"] == 1
    assert not (tmp_path / "run" / "summary.md").exists()


@pytest.mark.model
def test_seed_decides_the_run(genotype, tmp_path):
    for name, seed in [("a", 3), ("b", 3), ("c", 4)]:
        train.train(str(tmp_path / name), genotype, ArrayClips(), seed=seed, **OPTIONS)
    first, same, other = (zoo.load(tmp_path / name).model for name in "abc")
    for one, two in zip(first.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(first.get_weights()[0], other.get_weights()[0])


@pytest.mark.model
def test_other_clips_than_the_genotypes(genotype, tmp_path):
    spec = ClipSpec(frames=3, rate=2.0, height=24, width=20)
    folder = tmp_path / "run"
    train.train(str(folder), genotype, ArrayClips(), clip_spec=spec, **OPTIONS)
    run = zoo.load(folder)
    assert run.clip_spec == spec
    assert run.model.input_shape == (None, 3, 24, 20, 3)


@pytest.mark.model
def test_training_begins_with_the_weights_of_another_run(genotype, tmp_path):
    train.train(str(tmp_path / "a"), genotype, ArrayClips(), **OPTIONS)
    classes = ArrayClips(classes=("dark", "light"))
    options = {**OPTIONS, "recipe": training.Recipe(1, 4, 1e-9)}
    options["weights"] = str(tmp_path / "a")
    with pytest.raises(ValueError, match=r"of this model.*head/dense/kernel"):
        train.train(str(tmp_path / "b"), genotype, classes, **options)
    assert not (tmp_path / "b").exists()
    train.train(str(tmp_path / "b"), genotype, classes, new_head=True, **options)
    old, new = (zoo.load(tmp_path / name).model.trainable_weights for name in "ab")
    np.testing.assert_allclose(old[0], new[0], atol=1e-6)
    assert old[-1].shape != new[-1].shape


@pytest.mark.model
def test_new_head_trains_on_frozen_layers_of_another_run(genotype, tmp_path):
    train.train(str(tmp_path / "a"), genotype, ArrayClips(), **OPTIONS)
    classes = ArrayClips(classes=("dark", "light"))
    options = {**OPTIONS, "weights": str(tmp_path / "a"), "new_head": True}
    with pytest.raises(ValueError, match="`freeze` must be a regular expression"):
        train.train(str(tmp_path / "b"), genotype, classes, freeze="body", **options)
    assert not (tmp_path / "b").exists()
    options["freeze"] = "(?!head).*"
    train.train(str(tmp_path / "b"), genotype, classes, **options)
    old, new = (zoo.load(tmp_path / name).model for name in "ab")
    pairs = zip(old.layers, new.layers, strict=True)
    kept = [(a.get_weights(), b.get_weights()) for a, b in pairs if a.name != "head"]
    for one, other in kept:
        for before, after in zip(one, other, strict=True):
            np.testing.assert_array_equal(before, after)
    assert sum(len(one) for one, _ in kept) > 4
    assert old.get_layer("head").get_weights()[-1].shape == (3,)
    assert new.get_layer("head").get_weights()[-1].shape == (2,)


@pytest.mark.model
def test_folder_of_another_network_is_refused(genotype, tmp_path):
    folder = tmp_path / "run"
    train.train(str(folder), genotype, ArrayClips(), **OPTIONS)
    before = (folder / "model.json").read_text()
    with pytest.raises(ValueError, match=r"`workdir` must be new, or .*same classes"):
        train.train(str(folder), genotype, ArrayClips(classes=("a", "b")), **OPTIONS)
    assert (folder / "model.json").read_text() == before


@pytest.fixture
def search(tmp_path):
    return write_search(tmp_path / "search")


def write_search(folder):
    """A search that is not finished: its best network, the like of that, another."""
    folder.mkdir()
    best = tiny_genotype()
    block = best.blocks[0]
    alike = revised(best, blocks=(revised(block, filters=8),))
    pool = SpatialLayer("max_pool", kernel=2, stride=2)
    stream = revised(best.streams[0], rate=2.0, size=20)
    changed = revised(block, spatial=pool, expand=4, repeats=2, skip=True)
    other = revised(best, streams=(stream,), blocks=(changed,))
    lines = ["trial,genotype,fitness,feasible,parent"]
    for number, genotype in enumerate([other, best, alike]):
        text = genotype.to_json().replace('"', '""')
        lines.append(f'000{number},"{text}",{(0.3, 0.5, 0.4)[number]},True,')
    (folder / "history.csv").write_text("\n".join(lines) + "\n")
    (folder / "best.json").write_text(best.to_json() + "\n")
    (folder / "journal.jsonl").write_text('{"event":"open","max_trials":9}\n')
    return str(folder)


def chosen(folder):
    record = json.loads((folder / "members.json").read_text())
    return [member["trial"] for member in record["members"]]


@pytest.mark.parametrize(("top_k", "trials"), [(1, "1"), (2, "10"), (3, "102")])
def test_members_are_the_best_that_are_not_alike(top_k, trials, search, tmp_path):
    folder = tmp_path / "ensemble"
    networks = members.chosen(folder, search, top_k, {}, False)
    assert chosen(folder) == [f"000{number}" for number in trials]
    assert networks[0][1] == tiny_genotype()
    # The search goes on, and its ranking changes.
    (tmp_path / "search" / "history.csv").unlink()
    assert members.chosen(folder, search, top_k, {}, False) == networks


def test_all_are_taken_where_there_are_fewer(search, tmp_path):
    with pytest.warns(UserWarning, match="found 3 networks .*: all are taken"):
        networks = members.chosen(tmp_path / "ensemble", search, 4, {}, False)
    assert len(networks) == 3


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"top_k": 0}, "`top_k` must be a whole number of at least 1"),
        ({"search": "nowhere"}, r"`search` must be a search's folder, with history"),
        ({"model": "tvn1"}, "`model` must be left out with `search`"),
        ({"weights": "runs/a"}, "`weights` must be left out with `search`"),
        ({"freeze": "a"}, "`freeze` must be left out with `search`"),
        ({"search": None}, "`model` must be given where there is no `search`"),
        (
            {"search": None, "model": "tvn1", "top_k": 2},
            "`top_k` must be left out where there is no `search`",
        ),
        ({"dropuot": 0.5}, r"`options` must be .*'dropuot'"),
    ],
)
def test_mistakes_with_a_search_leave_no_folder(change, reason, search, tmp_path):
    arguments = {"model": None, "search": search, **OPTIONS, **change}
    folder = tmp_path / "ensemble"
    with pytest.raises(ValueError, match=reason):
        train.train(str(folder), clips=ArrayClips(), **arguments)
    assert not folder.exists()


def test_broken_genotype_of_a_search_names_it(tmp_path):
    rows = 'trial,genotype,fitness,feasible,parent\n0,"{}",1,True,\n'
    (tmp_path / "history.csv").write_text(rows)
    with pytest.raises(ValueError, match=f"{tmp_path}: `genotype family`"):
        members.chosen(tmp_path / "ensemble", str(tmp_path), 1, {}, False)


def test_folders_of_other_runs_are_refused(search, tmp_path):
    folder = tmp_path / "ensemble"
    folder.mkdir()
    (folder / "model.json").write_text("{}")
    with pytest.raises(ValueError, match="`workdir` must be new, or of an ensemble"):
        members.chosen(folder, search, 2, {}, False)
    (folder / "model.json").unlink()
    members.chosen(folder, search, 2, {}, False)
    for other, top_k in [(search, 3), (str(tmp_path), 2)]:
        with pytest.raises(ValueError, match="must be new, or of the same search and"):
            members.chosen(folder, other, top_k, {}, False)


def test_search_flags_bind_the_job(search, tmp_path):
    config = "from datasets import moving_shapes\nimport search.run\n"
    config += "search.run.search.clips = @moving_shapes.MovingShapes()\n"
    text = f"{launch.REGISTER}\n{config}"
    (tmp_path / "search" / "config.gin").write_text(text)
    job, options = "zoo.train.train", {"search": "folder", "top_k": "networks"}
    argv = [f"--search={search}", "--top_k=2", f"--workdir={tmp_path / 'a'}"]
    values = flags.parse_flags(job, argv, options, "")
    launch._check_early(job, values)
    body = launch.configure(job, values, list(options))
    launch._check_complete(job, values)
    query = launch.gin.query_parameter
    assert (query(f"{job}.search"), query(f"{job}.top_k")) == (search, 2)
    assert "MovingShapes" in str(query(f"{job}.clips"))
    (tmp_path / "search" / "history.csv").unlink()
    with pytest.raises(ValueError, match="`search` must be a search's folder"):
        body()


def test_neither_model_nor_search_is_told_at_once(tmp_path):
    argv = [f"--workdir={tmp_path / 'a'}", "--data=moving_shapes"]
    with pytest.raises(ValueError, match="`model` must be given: --model or --search"):
        launch.run("zoo.train.train", argv, {"search": "folder"})
    argv.append("--search=nowhere")
    with pytest.raises(ValueError, match="`search` must be a search's folder that"):
        launch.run("zoo.train.train", argv, {"search": "folder"})


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A search and the ensemble that was trained from it, its scores and its words."""
    home = tmp_path_factory.mktemp("trained")
    search = write_search(home / "search")
    options = {**OPTIONS, "verbose": True, "search": search, "top_k": 2}
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        scores = train.train(str(home / "run"), None, ArrayClips(), **options)
    return home / "run", search, scores, out.getvalue(), err.getvalue()


@pytest.mark.model
def test_members_are_trained_one_by_one(trained):
    folder, search, scores, out, err = trained
    assert scores.keys() == {"member0", "member1"}
    assert f"{search} is not finished: 3 of 9 trials have ended" in out
    assert "Of 3 networks, trials by fitness: 0001 (0.5), 0000 (0.3)" in out
    assert "member 2 of 2, trial 0000 of fitness 0.3: " in out
    assert out.count(f"python -m zoo.evaluate --model={folder}") == 1
    assert "member 1 of 2, step 4/4  loss" in err
    assert "member 2 of 2, step 4/4  loss" in err
    # What is finished is not trained again.
    clips, options = ArrayClips(), {**OPTIONS, "search": search, "top_k": 2}
    assert train.train(str(folder), None, clips, **options) == scores
    assert "train" not in {split for split, *_ in clips.asked}


@pytest.mark.model
def test_ensemble_of_a_search_is_scored_and_used(trained):
    folder = trained[0]
    run = zoo.load(folder)
    assert [spec.rate for spec in run.clip_specs.values()] == [4.0, 2.0]
    result = evaluate.evaluate(str(folder), ArrayClips())
    assert result["clips"] == 4
    assert (folder / "evaluation-test" / "overlap.csv").exists()
    clips = {
        name: np.stack([ArrayClips().clip(spec, "test", i)[0] for i in range(4)])
        for name, spec in run.clip_specs.items()
    }
    chances = run.predict(clips)
    assert result["top1"] == metrics.top_k(np.array([0, 1, 2, 0]), chances)
    members = [str(folder / "member0"), str(folder / "member1")]
    assert evaluate.evaluate(members, ArrayClips()) == result
    with open(folder / "evaluation-test" / "predictions.csv") as file:
        rows = list(csv.reader(file))[1:]
    written = [[float(cell) for cell in row[2:]] for row in rows]
    np.testing.assert_allclose(written, chances, rtol=1e-3)


@pytest.mark.model
def test_interrupted_ensemble_goes_on_with_its_member(trained, tmp_path, monkeypatch):
    whole, search, expected, *_ = trained
    broken, options = tmp_path / "run", {**OPTIONS, "search": search, "top_k": 2}
    add, done = monitor.MetricsTable.add, []

    def add_and_end(table, row):
        add(table, row)
        done.extend([table.path] if table.path.name == "metrics.csv" else [])
        if len(done) == 7:  # The third step of the second member; the second is saved.
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(monitor.MetricsTable, "add", add_and_end)
        with pytest.raises(KeyboardInterrupt):
            train.train(str(broken), None, ArrayClips(), **options)
    assert done[-1].parent.name == "member1"
    assert not (broken / "model.json").exists()
    assert train.train(str(broken), None, ArrayClips(), **options) == expected
    for name in ("model.json", "member0/metrics.csv", "member1/metrics.csv"):
        assert (broken / name).read_text() == (whole / name).read_text()


@pytest.mark.model
def test_command_trains_scores_and_is_recorded(search, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    bindings = ("actions=('blink', 'shake')", "videos_per_class=4")
    argv = ["--search=search", "--top_k=2", "--workdir=ens", "--data=moving_shapes"]
    argv += [f"--gin_bindings=moving_shapes.MovingShapes.{b}" for b in bindings]
    options = {"search": "folder", "top_k": "networks"}
    launch.run("zoo.train.train", [*argv, "--smoke"], options)
    assert zoo.load("ens").classes == ("blink", "shake")
    argv = ["--gin_file=ens/config.gin", "--workdir=ens"]
    launch.run("zoo.train.train", argv, options)
    capsys.readouterr()
    scores = launch.run("zoo.evaluate.evaluate", ["--model=ens"], {})
    assert scores["clips"] == 2
    scores = launch.run(
        "zoo.evaluate.evaluate", ["--model=ens/member0,ens/member1"], {}
    )
    assert scores["clips"] == 2
    assert "overlap by" in capsys.readouterr().out


def command(genotype, workdir):
    """A small training on the embedded clips, which needs no video library."""
    bindings = (
        "training.Recipe.batch_size=2",
        "train.train.save_every=5",
        "train.train.validation_limit=4",
    )
    return [
        *(sys.executable, "-m", "zoo.train", "--data=moving_shapes", "--steps=60"),
        *(f"--model={genotype}", f"--workdir={workdir}"),
        *(f"--gin_bindings={binding}" for binding in bindings),
    ]


def wait_for_step(process, folder, step):
    while process.poll() is None:
        path = folder / "checkpoint.npz"
        if path.exists():
            with np.load(path) as file:
                if file["step"] >= step:
                    return
        time.sleep(0.01)
    raise AssertionError(process.communicate())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM"])
def test_ended_run_goes_on_as_if_nothing_had_happened(name, genotype, tmp_path):
    number = signal.Signals[name]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run(command(genotype, whole), check=True, capture_output=True)
    for step in (5, 25):
        process = subprocess.Popen(
            command(genotype, killed), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        wait_for_step(process, killed, step)
        os.kill(process.pid, number)
        told = process.communicate()[1].decode()
        if name == "SIGTERM":
            assert process.returncode == 0, told
            assert "saved: resume with the same command" in told
        else:
            assert process.returncode == -number
    done = subprocess.run(command(genotype, killed), capture_output=True, text=True)
    assert done.returncode == 0
    assert "resumed at step" in done.stderr
    tables = [(folder / "metrics.csv").read_text() for folder in (whole, killed)]
    assert tables[0] == tables[1]
    files = [np.load(folder / "checkpoint.npz") for folder in (whole, killed)]
    assert all(
        np.array_equal(files[0][name], files[1][name]) for name in files[0].files
    )
    for file in files:
        file.close()


@pytest.mark.slow
def test_commands_lead_from_training_to_a_report(genotype, tmp_path):
    folder = tmp_path / "run"
    subprocess.run([*command(genotype, folder), "--smoke"], check=True)
    done = subprocess.run(
        [sys.executable, "-m", "zoo.evaluate", f"--model={folder}", "--smoke"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "clips of test" in done.stdout
    assert json.loads((folder / "evaluation-test/evaluation.json").read_text())["clips"]


# As the papers have them; the Inception networks as EvaNet.
BATCHES = {
    "tiny_video": 128,
    "evanet": 144,
    "inception": 144,
    "assemblenet": 512,
    "resnet2plus1d": 64,
    "pseudo3d": 72,
    "pvnas": 256,
}


@pytest.mark.parametrize("name", sorted(FOUND))
def test_each_published_model_has_its_config(name, tmp_path):
    argv = [f"--gin_file=train/{name}.gin", f"--workdir={tmp_path}"]
    values = flags.parse_flags("zoo.train.train", argv, {}, "")
    launch.configure("zoo.train.train", values, [])
    assert launch.gin.query_parameter("zoo.train.train.model") == name
    batch_size = launch.gin.query_parameter("zoo.training.Recipe.batch_size")
    assert batch_size == BATCHES[FOUND[name].family]
