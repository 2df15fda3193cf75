import csv
import functools
import json
import os
import shlex
import signal
import sys
import types

import pytest
from keras_tuner.errors import FailedTrialError

from search import deployment, network, progress, run, supervisor
from search.budget import Budget, machine_memory
from search.random_search import RandomOracle
from search.spaces.tiny_video import TinyVideoSpace
from search.tournament import TournamentOracle
from zoo import cost, genotypes, launch, registry, training
from zoo.genotypes import ClipSpec
from zoo.training import Recipe

pytestmark = pytest.mark.usefixtures("instant")

SPACE = TinyVideoSpace(
    frames=(2, 3), sizes=(16, 16), blocks=(1, 2), repeats=(1, 1), filters=(8, 16)
)
RECIPE = Recipe(steps=3, batch_size=4, learning_rate=0.05, warmup_steps=0)
CLIP = ClipSpec(frames=4, rate=8.0, height=24, width=32)


class Clips:
    classes, task = ("a", "b"), "single"

    def size(self, split):
        return 4

    def batches(self, *args, **kwargs):
        pytest.fail("no clips are read here")


def search(
    folder, method=TournamentOracle, clips=None, recipe=RECIPE, options=(), **arguments
):
    arguments = {"space": SPACE, "max_trials": 3, **arguments}
    made = functools.partial(method, **arguments)
    return run.search(made, clips or Clips(), str(folder), recipe, **dict(options))


@pytest.fixture
def command(monkeypatch):
    """Makes this process look like the command; keeps its handlers as they are."""
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(run, "_is_command", lambda: True)
    yield
    signal.signal(signal.SIGTERM, before)


def test_it_tells_the_best_and_how_to_train_it(tmp_path, capsys):
    winner = search(tmp_path)
    out = capsys.readouterr().out
    memory = progress.amount("memory", machine_memory())
    assert f"Searching 3 networks within {memory}." in out
    assert "3 trials: 3 completed, 0 over budget, 0 failed" in out
    model = f"--model={tmp_path}/best.json"
    assert f"python -m zoo.train {model} --data=CLIPS --workdir={tmp_path}/train" in out
    assert (tmp_path / "best.json").read_text().strip() == winner.genotype
    assert (
        genotypes.from_json(winner.genotype).cost(2).parameters
        == (winner.details["parameters"])
    )


def test_a_folder_with_a_space_is_quoted_in_the_commands(tmp_path, capsys):
    folder = tmp_path / "my search"
    search(folder)
    out = capsys.readouterr().out
    flags = [f"--model={folder}/best.json", "--data=CLIPS", f"--workdir={folder}/train"]
    lines = [line.partition(" it: ")[2] for line in out.splitlines()]
    commands = [shlex.split(line)[3:] for line in lines if line]
    assert commands == [[str(folder)], flags]


def test_the_folder_may_be_this_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    winner = search(".")
    assert (tmp_path / "best.json").read_text().strip() == winner.genotype
    assert search(".") == winner
    assert (tmp_path / "journal.jsonl").exists()


def test_a_finished_search_says_so_and_runs_nothing(tmp_path, capsys, monkeypatch):
    winner = search(tmp_path)
    capsys.readouterr()
    monkeypatch.setattr(training, "fit", lambda *args, **kwargs: pytest.fail("trained"))
    assert search(tmp_path) == winner
    out = capsys.readouterr().out
    assert "is finished; nothing is run again" in out
    assert "1/3" not in out


def test_more_trials_prolong_a_search(tmp_path, capsys):
    search(tmp_path)
    capsys.readouterr()
    search(tmp_path, max_trials=5)
    out = capsys.readouterr().out
    assert "after 3 of 5 trials" in out
    assert "5 trials: 5 completed" in out


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 1}, "seed 0, not 1"),
        (
            {"space": TinyVideoSpace(frames=(2, 2))},
            "space TinyVideoSpace(frames=(2, 3)",
        ),
        ({"budget": Budget(macs=1e9)}, "budget "),
        ({"method": RandomOracle}, "method TournamentOracle, not RandomOracle"),
        ({"recipe": Recipe(4, 4, 0.05, 0)}, "recipe Recipe(steps=3"),
        ({"options": {"dropout": 0.1}}, "'dropout': 0.1"),
        ({"clip_spec": CLIP}, "clip_spec None, not ClipSpec(frames=4"),
    ],
)
def test_the_workdir_of_another_search_is_refused(tmp_path, change, named):
    search(tmp_path)
    before = (tmp_path / "search.json").read_text()
    with pytest.raises(ValueError, match="`workdir` must be new") as error:
        search(tmp_path, **change)
    assert named in str(error.value)
    assert "\n" not in str(error.value)
    assert (tmp_path / "search.json").read_text() == before


def test_a_seed_of_its_own_takes_the_place_of_the_methods(tmp_path):
    seeded = search(tmp_path / "a", options={"seed": 5}, seed=2)
    assert search(tmp_path / "b", seed=5).genotype == seeded.genotype
    assert search(tmp_path / "c", seed=2).genotype != seeded.genotype


def test_options_reach_the_networks(tmp_path, monkeypatch):
    given = []

    def build(genotype, *shape_and_classes, **options):
        given.append((*shape_and_classes, options))
        raise OSError("enough")

    monkeypatch.setattr(registry, "build", build)
    with pytest.raises(ValueError, match="enough"):
        search(tmp_path, options={"dropout": 0.1}, max_crashes=1)
    assert given == [(None, 2, {"dropout": 0.1})]


@pytest.mark.parametrize("given", ["to the search", "to the method"])
def test_networks_are_built_trained_scored_and_counted_on_other_clips(
    tmp_path, monkeypatch, given
):
    seen = []
    plain_fit, plain_scorer = training.fit, training.scorer

    def fit(model, clips, spec, *args, **options):
        seen.append((model.clip_shape, spec))
        return plain_fit(model, clips, spec, *args, **options)

    def scorer(model, clips, spec, *args):
        seen.append((model.clip_shape, spec))
        return plain_scorer(model, clips, spec, *args)

    monkeypatch.setattr(training, "fit", fit)
    monkeypatch.setattr(training, "scorer", scorer)
    options = {"clip_spec": CLIP}
    if given == "to the method":
        search(tmp_path, **options)
    else:
        search(tmp_path, options=options)
    assert seen == [(CLIP.shape, CLIP)] * 6
    rows = [*csv.DictReader((tmp_path / "history.csv").read_text().splitlines())]
    for row in rows:
        cost = genotypes.from_json(row["genotype"]).cost(2, CLIP.shape)
        assert int(row["macs"]) == cost.macs
    identity = json.loads((tmp_path / "search.json").read_text())["search"]
    assert identity["clip_spec"] == repr(CLIP)


def test_one_class_is_refused(tmp_path):
    class One(Clips):
        classes = ("a",)

    with pytest.raises(ValueError, match="`clips` must be of two classes"):
        search(tmp_path, clips=One())


def test_other_classes_are_another_search(tmp_path):
    class Others(Clips):
        classes = ("a", "c")

    search(tmp_path)
    with pytest.raises(ValueError, match="classes"):
        search(tmp_path, clips=Others())


def test_what_the_machine_tells_is_measured_once(tmp_path, monkeypatch):
    limits = {"budget": Budget(latency_ms=5)}
    search(tmp_path, **limits)
    monkeypatch.setattr(cost, "matmul_rate", lambda: 1e9)
    search(tmp_path, max_trials=4, **limits)
    machine = json.loads((tmp_path / "search.json").read_text())["machine"]
    assert machine == {"memory": machine_memory(), "macs_per_second": 1e10}


def test_networks_that_no_machine_makes_in_time_are_never_built(tmp_path, monkeypatch):
    monkeypatch.setattr(cost, "matmul_rate", lambda: 1e8)
    budget = Budget(latency_ms=2.5)
    search(tmp_path, budget=budget, max_trials=8)
    rows = (tmp_path / "history.csv").read_text().splitlines()[1:]
    macs = [int(row.rsplit('}",', 1)[1].split(",")[1]) for row in rows]
    assert max(macs) <= 2 * 1e8 * 2.5e-3
    assert len(macs) == 8


def test_a_budget_nothing_meets_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("search.budget.SAMPLES", 10)
    with pytest.raises(ValueError, match="`budget` must be one that networks") as error:
        search(tmp_path, budget=Budget(parameters=1))
    assert "\n" not in str(error.value)


def test_no_feasible_network_is_said(tmp_path, capsys):
    smallest = r"none of 3 does; the smallest of each: latency_ms 2 \(limit 1 ms, "
    smallest += r"\+100%\)$"
    for _ in range(2):  # Also where the search is finished already.
        with pytest.raises(ValueError, match=smallest):
            search(tmp_path, budget=Budget(latency_ms=1))
        out = capsys.readouterr().out
        assert "3 over budget" in out
        nearest = "No network keeps the budget. The nearest: trial 0000  "
        assert nearest in out
        assert "latency_ms +100%)" in out
        assert "fitness" not in out.partition(nearest)[2]
        assert "history.csv" in out


def test_a_command_that_fails_fails_the_trial_and_ends_the_search(
    tmp_path, exported, program
):
    line = program("print('no phone'); sys.exit(2)")
    budget = Budget(latency_ms=5, measure=line)
    with pytest.raises(ValueError, match=r"2 trials in a row .* ended with 2, 'no pho"):
        search(tmp_path, budget=budget, max_crashes=2)
    rows = [*csv.DictReader((tmp_path / "history.csv").read_text().splitlines())]
    told = f"`measure` must be a command that ends with 0. Got: {line}: "
    assert [row["error"] for row in rows] == [f"{told}it ended with 2, 'no phone'"] * 2
    assert {row["status"] for row in rows} == {"failed"}


def test_what_a_command_says_is_the_latency(tmp_path, exported, program, capsys):
    line = program("print('{\"latency_ms\": 4.5}')")
    limits = {"budget": Budget(latency_ms=5, measure=line)}
    told = f"promised 5.0 ms, measured 4.5 ms by {line} (-10 %)"
    for _ in range(2):  # Also where the search is finished already.
        winner = search(tmp_path, max_trials=1, **limits)
        last = capsys.readouterr().out.splitlines()[-1]
        assert last == f"Latency of trial {winner.trial}: {told}"
        assert len(exported) == 2
    rows = [*csv.DictReader((tmp_path / "history.csv").read_text().splitlines())]
    assert [row["latency_ms"] for row in rows] == ["4.5"]


@pytest.mark.parametrize("limits", [{}, {"latency_ms": 5}])
def test_a_promise_is_told_where_there_was_one(tmp_path, limits, capsys):
    search(tmp_path, budget=Budget(**limits))
    assert ("promised" in capsys.readouterr().out) is bool(limits)
    search(tmp_path / "unmeasured", options={"latency_seconds": None})
    assert "promised" not in capsys.readouterr().out


@pytest.mark.usefixtures("command")
def test_what_a_worker_measured_is_not_measured_elsewhere(
    tmp_path, monkeypatch, capsys
):
    budget = Budget(latency_ms=5)
    monkeypatch.setenv(network.TUNER_ID, "host-0")
    search(tmp_path, budget=budget)
    (tmp_path / "promise.json").unlink()
    monkeypatch.delenv(network.TUNER_ID)
    capsys.readouterr()
    for options in ({}, {"workers": 2}):
        search(tmp_path, budget=budget, options=options)
        assert "promised" not in capsys.readouterr().out
    assert not (tmp_path / "promise.json").exists()


def test_a_device_that_is_not_there_leaves_the_folder_free(tmp_path, exported):
    budget = Budget(latency_ms=5, measure="/none/adb.sh")
    with pytest.raises(ValueError, match="`measure` must be a command that is there"):
        search(tmp_path / "new", budget=budget)
    assert not (tmp_path / "new").exists()
    other = Budget(latency_ms=5, measure="true")
    with pytest.raises(ValueError, match="`latency_seconds` must be seconds"):
        search(tmp_path, budget=other, options={"latency_seconds": None})


def test_no_network_that_trains_is_said(tmp_path, monkeypatch):
    scores = {"loss": float("nan"), "top1": 0.5}
    monkeypatch.setattr(training, "scorer", lambda *args: lambda: scores)
    message = r"`recipe` must be .* none of 3 does; the last: failed \(the loss on"
    with pytest.raises(ValueError, match=message):
        search(tmp_path)


@pytest.mark.parametrize(
    ("device", "told"),
    [
        ({"runtime": "onnx"}, "`runtime` must be one that .* by, not onnx"),
        ({"measure": "true"}, "`runtime` must be one that .* by, not litert"),
        ({}, "`space` must be one whose networks are built"),
    ],
)
def test_networks_that_can_not_be_had_are_said(
    tmp_path, exported, monkeypatch, device, told
):
    def refuse(*arguments):
        raise FailedTrialError("no such operation")

    monkeypatch.setattr(deployment, "check_ready", lambda budget: None)
    monkeypatch.setattr(deployment, "latency_ms", refuse)
    message = rf"{told}.* none of 3.* the last: failed \(no such operation\)$"
    with pytest.raises(ValueError, match=message):
        search(tmp_path, budget=Budget(latency_ms=5, **device))


def test_a_command_that_tells_nothing_is_said(tmp_path, exported):
    message = r"`measure` must be a command that tells .* none of 3.* ended with 1"
    with pytest.raises(ValueError, match=message):
        search(tmp_path, budget=Budget(latency_ms=5, measure="false"))


def test_crashes_in_a_row_end_the_search_in_one_line(tmp_path, monkeypatch):
    def fit(*args, **kwargs):
        raise OSError("no space left")

    monkeypatch.setattr(training, "fit", fit)
    with pytest.raises(
        ValueError, match="2 trials in a row crashed: OSError: no space"
    ):
        search(tmp_path, max_crashes=2)


@pytest.mark.usefixtures("command")
def test_crashes_end_it_also_where_the_process_is_renewed(tmp_path, monkeypatch):
    def fit(*args, **kwargs):
        raise OSError("no space left")

    monkeypatch.setattr(training, "fit", fit)
    monkeypatch.setattr(run, "_restart", sys.exit)
    made = functools.partial(TournamentOracle, SPACE, max_trials=9, max_crashes=2)

    def once():
        run.search(made, Clips(), str(tmp_path), RECIPE, trials_per_process=1)

    with pytest.raises(SystemExit):
        once()
    with pytest.raises(ValueError, match="2 trials in a row crashed"):
        once()


@pytest.mark.usefixtures("command")
def test_a_finished_search_starts_no_workers(tmp_path, monkeypatch, capsys):
    crews = []
    monkeypatch.setattr(supervisor, "supervise", lambda *crew, **_: crews.append(crew))
    winner = search(tmp_path)
    assert search(tmp_path, options={"workers": 2}) == winner
    assert crews == []
    out = capsys.readouterr().out
    assert out.count("is finished; nothing is run again") == 1
    with pytest.raises(SystemExit):
        search(tmp_path, options={"workers": 2}, max_trials=4)
    assert [crew[0] for crew in crews] == [2]


def test_from_python_it_goes_through_in_one_process(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "execv", lambda *args: pytest.fail("started anew"))
    made = functools.partial(TournamentOracle, SPACE, max_trials=3)
    best = run.search(made, Clips(), str(tmp_path), RECIPE, trials_per_process=1)
    assert best is not None


@pytest.mark.usefixtures("command")
def test_the_command_starts_itself_anew(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(os, "execv", lambda *args: calls.append(args))
    made = functools.partial(TournamentOracle, SPACE, max_trials=3)
    run.search(made, Clips(), str(tmp_path), RECIPE, trials_per_process=1)
    expected = (sys.executable, [sys.executable, *sys.orig_argv[1:]])
    assert calls == [expected]
    lines = (tmp_path / "history.csv").read_text().splitlines()
    assert len(lines) == 2


@pytest.mark.usefixtures("command")
def test_who_asks_the_command_to_end_interrupts_it(tmp_path, monkeypatch):
    def fit(*args, **kwargs):
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(training, "fit", fit)
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path)
    last = (tmp_path / "journal.jsonl").read_text().splitlines()[-1]
    assert '"event":"lost"' in last
    assert "interrupted" in last


def test_an_audit_writes_nothing_and_measures_nothing(tmp_path, monkeypatch, capsys):
    limits = {"budget": Budget(latency_ms=5)}
    search(tmp_path / "a", **limits)
    (tmp_path / "a" / "history.csv").unlink()
    monkeypatch.setattr(cost, "matmul_rate", lambda: pytest.fail("measured"))
    before = {path: path.read_bytes() for path in tmp_path.glob("*/*.json*")}
    capsys.readouterr()
    assert search(tmp_path / "a", options={"audit": True}, **limits) is None
    assert "as it should be" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in tmp_path.glob("*/*.json*")} == before
    assert not (tmp_path / "a" / "history.csv").exists()


def test_an_audit_of_what_is_no_search_is_one_line(tmp_path):
    folder = tmp_path / "none"
    with pytest.raises(ValueError, match=f"Got: '{folder}'$"):
        search(folder, budget=Budget(latency_ms=5), options={"audit": True})
    assert not folder.exists()


@pytest.fixture
def worker(tmp_path, monkeypatch):
    """Runs a worker that has no chief; gives how often it was asked."""
    roles = []
    monkeypatch.setattr(network, "set_role", lambda *role: roles.append(role))

    def search_alone(self, clips):
        raise network.Unreachable("no chief")

    monkeypatch.setattr(run._Worker, "search", search_alone)
    monkeypatch.delenv(network.TUNER_ID, raising=False)
    return lambda: search(tmp_path, options={"role": "worker"}) or roles


@pytest.mark.usefixtures("command")
def test_a_worker_whose_chief_is_gone_has_an_exit_code_of_its_own(worker, capsys):
    with pytest.raises(SystemExit) as end:
        worker()
    assert end.value.code == supervisor.UNREACHABLE
    assert capsys.readouterr().err == "error: no chief\n"


def test_lone_workers_have_names_of_their_own(worker, monkeypatch):
    monkeypatch.setattr(run._Worker, "search", lambda self, clips: None)
    assert len({name for _, name in [*worker(), *worker()]}) == 2


def test_a_worker_tells_its_log_which_trial_it_has(capsys):
    trial = types.SimpleNamespace(trial_id="0007")
    run._Worker.on_trial_begin(run._Worker.__new__(run._Worker), trial)
    assert capsys.readouterr().out == f"{supervisor.BEGUN}0007\n"


def test_options_are_the_tuners_or_the_networks(tmp_path, monkeypatch):
    search(tmp_path / "a", options={"executions_per_trial": 2})
    with pytest.raises(ValueError, match="executions_per_trial 2, not 1"):
        search(tmp_path / "a")
    with pytest.raises(ValueError, match="inherits"):
        search(tmp_path / "b", options={"inherits": True})


def test_the_help_lists_the_settings_of_the_tuner(capsys):
    settings = "search.tuner.ArchitectureTuner"
    launch.run("search.run.search", ["--help"], {}, "", settings)
    listed = capsys.readouterr().out.partition(f"those of {settings}:")[2]
    assert {line.split(":")[0].strip() for line in listed.splitlines() if line} == {
        *run.SETTINGS
    }
