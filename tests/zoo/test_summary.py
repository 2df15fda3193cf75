import shlex

import pytest
from clip_sources import ArrayClips, tiny_genotype

from zoo import inference, summary, training

RECIPE = training.Recipe(steps=300, batch_size=4, label_smoothing=0.1)
TABLE = """step,learning_rate,loss,accuracy,validation_loss,validation_top1
100,0.1,2,0.4,1.5,0.75
200,0.05,1,0.5,1.25,0.75
250,0.02,0.9,0.6,,
300,0,0.8,0.7,1.125,0.5
"""
SPEED = """step,clips_per_second,input_wait,seconds,aside
100,10,0.5,40,5
200,20,,20,
300,20,0.1,20,15
"""
RESULT = {"step": 300, "loss": 0.8, "validation_top1": 0.5, "best_score": 0.75}


@pytest.fixture
def about():
    genotype = tiny_genotype()
    classes, spec = ArrayClips().classes, genotype.clip_spec
    return inference.Description(genotype, classes, "single", spec, {"dropout": 0.2})


@pytest.fixture
def page(about, tmp_path):
    (tmp_path / "metrics.csv").write_text(TABLE)
    (tmp_path / "speed.csv").write_text(SPEED)
    (tmp_path / "config.gin").write_text("")
    settings = {"seed": 3, "frozen": None}
    summary.write(tmp_path, "tiny", about, ArrayClips(), RECIPE, settings, RESULT)
    return (tmp_path / "summary.md").read_text()


@pytest.mark.parametrize(
    "line",
    [
        "# tiny",
        "- dropout: 0.2",
        "- source: ArrayClips",
        "- training: 12",
        "- classes: 3, single label",
        "- each: 2 frames at 4 fps, 16 x 16",
        "- epochs: 100",
        "- steps: 300",
        "- label_smoothing: 0.1",
        "- seed: 3",
        # Of equal scores the later weights are kept.
        "- best: top1 0.7500 at step 200",
        "- last: step 300, loss 0.8, validation_top1 0.5",
        "- training: 1:20",
        "- compiling, scoring and saving: 0:20",
        "- speed: 15 clips/s",
        "- of that waiting for clips: 37 %",
    ],
)
def test_page_says(line, page):
    assert line in page.splitlines()


def test_page_leaves_defaults_out(page):
    assert "momentum" not in page
    assert "frozen" not in page


def test_page_says_what_comes_next(page, tmp_path):
    assert f"python -m zoo.evaluate --model={tmp_path}\n" in page
    assert f"python -m zoo.predict --model={tmp_path} CLIP\n" in page
    assert f"--gin_file={tmp_path / 'config.gin'} --steps=600" in page


def test_commands_name_any_folder(tmp_path):
    folder = tmp_path / "my runs" / "a'b"
    for line in summary.commands(folder).values():
        assert f"--model={folder}" in shlex.split(line)


def test_many_steps_are_told_to_the_last(about, tmp_path):
    (tmp_path / "metrics.csv").write_text(TABLE)
    result = {**RESULT, "step": 123456}
    summary.write(tmp_path, "tiny", about, ArrayClips(), RECIPE, {}, result)
    assert "step 123456" in (tmp_path / "summary.md").read_text()


def test_runs_without_speeds_have_a_page(about, tmp_path):
    (tmp_path / "metrics.csv").write_text(TABLE)
    summary.write(tmp_path, "tiny", about, ArrayClips(), RECIPE, {}, RESULT)
    page = (tmp_path / "summary.md").read_text()
    assert "clips/s" not in page
    assert "zoo.train" not in page  # It was no command.
