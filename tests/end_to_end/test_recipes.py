"""Every training config builds its network and takes two steps on tiny clips."""

import gc
import pathlib
import re

import gin
import keras
import numpy as np
import pytest
from clip_sources import ArrayClips, tiny_genotype

from zoo import flags, gin_files, launch, monitor
from zoo.genotypes import FOUND

FOLDER = pathlib.Path(__file__).parents[2] / "gin"
JOB = "zoo.train.train"


class Clips(ArrayClips):
    """With empty maps of objects, for networks that read them."""

    inputs = ("clip", "objects")

    def _batches(self, *arguments):
        for clip, *rest in super()._batches(*arguments):
            objects = np.zeros(clip.shape[:-1], "uint8")
            yield {"clip": clip, "objects": objects}, *rest


def model_of(path):
    """What a config trains, or what its head says that it may train."""
    text = gin_files.with_included(path)
    found = re.search(r"train\.model = '(\w+)'", text)
    found = found or re.search(r"--model=(\w+) ", text)
    return found and found[1]


def cases():
    for path in sorted(FOLDER.glob("train/*.gin")):
        if model_of(path) in FOUND:
            yield pytest.param(path, id=path.stem)


@pytest.fixture(autouse=True)
def forgotten():
    """Networks of earlier tests, which Keras keeps: all together fill the memory."""
    yield
    keras.utils.clear_session()
    gc.collect()


def train(path, model, workdir):
    """Two steps, also on the clips of a data set that is not there."""
    argv = [f"--gin_file=train/{path.name}", f"--model={model}", "--smoke"]
    argv += [f"--workdir={workdir}", "--data=moving_shapes"]
    text = gin_files.with_included(path)
    multi = "data/charades" in text or "data/mlb_youtube" in text
    body = launch.configure(JOB, flags.parse_flags(JOB, argv, {}, ""), [])
    result = body(clips=Clips("multi" if multi else "single"))
    gin.clear_config()
    assert result["step"] == 2
    assert len(monitor.read_table(workdir / "metrics.csv")) == 2
    assert ("validation_map" in result) == multi


@pytest.mark.slow
@pytest.mark.parametrize("path", list(cases()))
def test_two_steps_of_a_config(path, tmp_path):
    train(path, model_of(path), tmp_path / "run")


@pytest.mark.model
@pytest.mark.parametrize("name", ["tiny_video_hmdb51", "tiny_video_charades"])
def test_two_steps_of_a_small_network(name, tmp_path):
    genotype = tmp_path / "best.json"
    genotype.write_text(tiny_genotype().to_json())
    train(FOLDER / f"train/{name}.gin", genotype, tmp_path / "run")
