import dataclasses
import json
import textwrap

import numpy as np
import pytest
from clip_sources import TINY, tiny_genotype
from official import something_something_v2
from synthesis import write_video

from datasets.viewing import Viewer
from zoo import ensemble, inference, metrics, predict, stream, weights
from zoo.genotypes import ClipSpec
from zoo.record import settings_of_clips

ABOUT = inference.Description(tiny_genotype(), ("dark", "light", "wet"), "single", TINY)


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    write_video(folder / "a.mp4", frames=24)
    write_video(folder / "more/b.avi", frames=12)
    (folder / "broken.mp4").write_bytes(b"no video")
    (folder / "notes.txt").write_text("not a video")
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    inference.describe(folder, ABOUT)
    weights.save(ABOUT.build(), folder / "best.weights.h5")
    return folder


@pytest.fixture(scope="module")
def run(trained):
    return inference.load(trained)


@pytest.fixture
def loaded(run, monkeypatch):
    """Spares the commands what it takes to load the run and to compile it."""
    monkeypatch.setattr(inference, "load", lambda folder: run)


def test_folders_are_searched_and_broken_files_named(run, videos):
    results = dict(predict.predict(run, [str(videos), "gone.mp4"]))
    names = [name.removeprefix(str(videos)) for name in results]
    assert names == ["/a.mp4", "/broken.mp4", "/more/b.avi", "gone.mp4"]
    good, broken, other, gone = results.values()
    assert good.shape == other.shape == (3,)
    assert good.sum() == pytest.approx(1, abs=1e-5)
    assert all(isinstance(why, str) and why for why in (broken, gone))


def test_views_of_one_video_are_joined(run, videos):
    path = str(videos / "a.mp4")
    batch = Viewer().read(path, TINY, clips=2, crops=3)
    assert len(np.unique(batch, axis=0)) == 6
    for join in ("mean", "max"):
        [(_, chances)] = predict.predict(run, [path], views=2, crops=3, join=join)
        expected = getattr(run.predict(batch), join)(axis=0)
        np.testing.assert_allclose(chances, expected / expected.sum(), atol=1e-6)


def test_videos_are_read_as_the_run_s_own_clips_are(run, videos, tmp_path):
    path = str(videos / "a.mp4")
    sub = tmp_path / "member"
    sub.mkdir()
    text = """
        from __gin__ import dynamic_registration
        from datasets import folder
        import zoo.train
        train.train.clips = @folder.VideoFolder()
        folder.VideoFolder.root = 'nowhere'
        folder.VideoFolder.short = %what
        folder.VideoFolder.evaluation = 'uniform'
        what = 'hold'
    """
    (tmp_path / "config.gin").write_text(textwrap.dedent(text))
    settings = {"evaluation": "uniform", "short": "hold"}
    assert settings_of_clips(tmp_path, *settings) == settings
    held = dataclasses.replace(run, workdir=sub)  # A member, whose config is above.
    slow = ClipSpec(TINY.frames, 0.5, TINY.height, TINY.width)
    object.__setattr__(held, "clip_spec", slow)
    object.__setattr__(held, "logits", lambda clips: clips.mean((2, 3))[..., 0])
    [(_, found)] = predict.predict(held, [path])
    clip = Viewer(**settings).read(path, slow)
    np.testing.assert_allclose(
        found, metrics.probabilities("single", held.logits(clip))[0]
    )
    assert not np.allclose(clip, Viewer().read(path, slow))


def test_runs_without_a_config_or_clips_have_no_settings(tmp_path):
    assert settings_of_clips(tmp_path, "short") == {}
    (tmp_path / "config.gin").write_text("train.train.seed = 1\n")
    assert settings_of_clips(tmp_path, "short") == {}


def test_test_lists_without_labels_are_predicted(run, tmp_path, monkeypatch):
    root = something_something_v2(tmp_path)
    [(path, why)] = predict.predict(run, [f"something_something_v2:{root}"])
    assert path == f"{root}/videos/9.webm"  # An empty file.
    assert isinstance(why, str)


def test_table_has_the_best_classes_first(trained, videos, capsys):
    assert predict.main([f"--model={trained}", "--top=2", str(videos / "a.mp4")]) == 0
    head, first, second = capsys.readouterr().out.splitlines()
    assert head == str(videos / "a.mp4")
    assert float(first.split()[0]) >= float(second.split()[0]) > 0


@pytest.mark.usefixtures("loaded")
def test_json_holds_predictions_and_errors(trained, videos, capsys):
    paths = [str(videos / name) for name in ("broken.mp4", "a.mp4")]
    assert predict.main([f"--model={trained}", "--json", *paths]) == 1
    broken, good = json.loads(capsys.readouterr().out)
    assert broken.keys() == {"path", "error"}
    assert good["path"] == paths[1]
    assert {guess["class"] for guess in good["predictions"]} == {"dark", "light", "wet"}
    assert sum(g["probability"] for g in good["predictions"]) == pytest.approx(
        1, abs=1e-4
    )


@pytest.mark.usefixtures("loaded")
def test_broken_file_gets_one_line_and_others_go_on(trained, videos, capsys):
    paths = [str(videos / name) for name in ("broken.mp4", "a.mp4")]
    assert predict.main([f"--model={trained}", *paths]) == 1
    said = capsys.readouterr()
    assert said.err.startswith(f"error: {paths[0]}: ")
    assert said.err.count("\n") == 1
    assert paths[1] in said.out


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["a.mp4"], "`model` must be given"),
        (["--model=x"], "`path` must be given"),
        (["--model=x", "a.mp4"], "`workdir` must be a run's folder"),
        (["--model=x", "--top=0", "a.mp4"], "`top` must be"),
        (["--model=x", "--views=0", "a.mp4"], "`views` must be"),
        (["--model=x", "--crops=2", "a.mp4"], "`crops` must be one of"),
        (["--model=x", "--join=sum", "a.mp4"], "`join` must be one of"),
        (["--model=x", "--stream=a.mp4", "b.mp4"], "`path` must be left out"),
        (["--model=x", "--stream=a.mp4", "--stride=0"], "`stride` must be above 0"),
        (["--model=x", "--stream=a.mp4", "--speed=0"], "`speed` must be above 0"),
        (["--model=x", "--stream=a.mp4", "--crops=3"], "`crops` must be left out wh"),
        (["--model=x", "--stride=2", "a.mp4"], "`stride` must be left out where the"),
        (["--model=x", "--stream=gone.mp4"], "gone.mp4: No such file"),
        (["--modle=x"], "Unknown command line flag 'modle'"),
    ],
)
def test_mistakes_are_named(argv, reason):
    with pytest.raises(ValueError, match=reason):
        predict.main(argv)


@pytest.mark.usefixtures("loaded")
def test_folder_without_videos_is_refused(trained, tmp_path):
    with pytest.raises(ValueError, match="`path` must be a video, or a folder"):
        predict.main([f"--model={trained}", str(tmp_path)])


def test_help_shows_an_example(capsys):
    assert predict.main(["--help"]) == 0
    assert "example: python -m zoo.predict" in capsys.readouterr().out


@pytest.mark.usefixtures("loaded")
def test_a_stream_is_decided_again_and_again(trained, videos, capsys):
    argv = [f"--model={trained}", "--stream", str(videos / "a.mp4"), "--speed=20"]
    assert predict.main([*argv, "--stride=0.25", "--json"]) == 0
    *lines, last = map(json.loads, capsys.readouterr().out.splitlines())
    times = [line["time"] for line in lines]  # The video lasts for 1.2 seconds.
    assert times == sorted(times)
    assert 0.2 <= times[0] <= times[-1] <= 1.2
    assert all(len(line["predictions"]) == 1 for line in lines)
    summary = last["summary"]
    assert (summary["frames"], summary["decisions"]) == (24, len(lines))
    assert 0 < summary["median_ms"] <= summary["worst_ms"]


@pytest.mark.usefixtures("loaded")
def test_a_stream_ends_with_a_summary_also_at_an_interrupt(
    trained, videos, capsys, monkeypatch
):
    def interrupted(*args):
        raise KeyboardInterrupt

    path = str(videos / "a.mp4")
    assert predict.watch(str(trained), path, stride=9.0, speed=50.0, top=2) == 0
    first, second, last = capsys.readouterr().out.splitlines()
    assert first.startswith("  0:00.")
    assert first.split()[-1] != second.split()[-1]
    assert last.startswith("1 decisions on 24 frames, ")
    monkeypatch.setattr(predict, "_tell", interrupted)
    assert predict.watch(str(trained), path, stride=9.0) == 0
    assert "1 decisions on " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("time", "shown"), [(0.0, "  0:00.0"), (59.96, "  1:00.0"), (600.04, " 10:00.0")]
)
def test_times_have_less_than_sixty_seconds(time, shown, capsys):
    decision = stream.Decision(time, np.ones(1), 0.1)
    predict._tell(decision, [{"class": "a b", "probability": 1.0}], as_json=False)
    assert capsys.readouterr().out == f"{shown}  100.00 %  a b\n"


def test_ensemble_is_shown_the_clips_of_all_its_members(videos, tmp_path, monkeypatch):
    wide = ClipSpec(frames=2, rate=4.0, height=16, width=24)
    runs = {
        name: inference.Run(None, ABOUT.classes, "single", spec, tmp_path)
        for name, spec in [("a", TINY), ("b", wide), ("c", TINY)]
    }
    seen = []

    def logits(run, clip):
        seen.append(clip.shape)
        return np.tile([0.0, 1.0, 2.0], (len(clip), 1)) * clip.shape[3]

    monkeypatch.setattr(inference.Run, "logits", logits)
    both = ensemble.Ensemble(runs, tmp_path)
    [(_, chances)] = predict.predict(both, [str(videos / "a.mp4")], views=2)
    assert seen == [(2, *spec.shape) for spec in (TINY, wide, TINY)]
    parts = [np.array([0.0, 1, 2]) * width for width in (16, 24, 16)]
    np.testing.assert_allclose(chances, metrics.fused("single", parts), atol=1e-6)
    alike = ensemble.Ensemble({"a": runs["a"], "c": runs["c"]}, tmp_path)
    [(_, chances)] = predict.predict(alike, [str(videos / "a.mp4")])
    assert chances.shape == (3,)
