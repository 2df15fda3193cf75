import dataclasses
import json
import shutil

import keras
import numpy as np
import pytest
from clip_sources import TINY, tiny_genotype, tiny_network
from keras import ops

import zoo
from zoo import inference, metrics, weights
from zoo.genotypes import ClipSpec

GENOTYPE = tiny_genotype()
DESCRIPTION = inference.Description(
    GENOTYPE, ("calm", "wild", "wet"), "single", TINY, {"dropout": 0.25}
)
CLIPS = np.random.default_rng(0).random((3, *TINY.shape), dtype="float32")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A run's folder, which no test changes."""
    folder = tmp_path_factory.mktemp("saved")
    inference.describe(folder, DESCRIPTION)
    weights.save(DESCRIPTION.build(), folder / "best.weights.h5")
    return folder


@pytest.mark.parametrize(
    ("devices", "mirrors", "expected"),
    [(["cpu:0"], 1, False), (["gpu:0"], 1, True), (["gpu:0", "gpu:1"], 2, False)],
)
def test_xla_compiles_for_one_accelerator_and_on_jax(
    devices, mirrors, expected, monkeypatch
):
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: devices)
    monkeypatch.setattr(inference.devices, "mirrors", lambda: mirrors)
    on_jax = keras.backend.backend() == "jax"
    assert inference.compiles_with_xla() == (expected or on_jax)


@pytest.fixture
def workdir(saved, tmp_path):
    return shutil.copytree(saved, tmp_path, dirs_exist_ok=True)


@pytest.fixture(scope="module")
def run(saved):
    return inference.load(saved)


@pytest.fixture(scope="module")
def predict():
    return inference.compiled(tiny_network())


def test_compiled_function_follows_the_weights():
    network = tiny_network()
    predict = inference.compiled(network)
    expected = ops.convert_to_numpy(network(CLIPS, training=False))
    np.testing.assert_allclose(predict(CLIPS), expected, atol=1e-5)
    network.get_layer("head").bias.assign([5.0, 0.0, 0.0])
    np.testing.assert_allclose(predict(CLIPS)[:, 0], expected[:, 0] + 5, atol=1e-5)


def test_loaded_run_is_the_described_one(saved):
    run = zoo.load(saved)
    assert (run.classes, run.task) == (("calm", "wild", "wet"), "single")
    assert (run.clip_spec, run.workdir) == (TINY, saved)
    assert run.model.get_layer("head").dropout == 0.25


def test_run_gives_probabilities_of_clips_and_batches(run):
    logits = ops.convert_to_numpy(run.model(CLIPS, training=False))
    expected = metrics.probabilities("single", logits)
    np.testing.assert_allclose(run.predict(CLIPS), expected, atol=1e-5)
    np.testing.assert_allclose(run.predict(CLIPS[1]), expected[1], atol=1e-5)
    assert run.predict(CLIPS[1]).sum() == pytest.approx(1, abs=1e-5)


def test_prediction_compiles_once(run, monkeypatch):
    made, run = [], dataclasses.replace(run)
    make = inference.compiled
    monkeypatch.setattr(inference, "compiled", lambda m: made.append(m) or make(m))
    for clip in CLIPS:
        run.predict(clip)
    assert len(made) == 1


@pytest.mark.parametrize("shape", [(2, 16, 16), (2, 16, 8, 3), (1, 1, 2, 16, 16, 3)])
def test_clips_of_another_shape_are_refused(shape, run):
    with pytest.raises(ValueError, match="`clip` must be of shape"):
        run.predict(np.zeros(shape))


def test_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a run's folder, with model\.json"):
        inference.load(tmp_path)


@pytest.mark.parametrize("name", ["", "best.json"])
def test_what_a_search_found_is_to_be_trained_first(name, tmp_path):
    (tmp_path / "best.json").write_text("{}")
    with pytest.raises(ValueError, match="makes one of what a search found"):
        inference.load(tmp_path / name)


def test_run_without_weights_is_refused(tmp_path):
    inference.describe(tmp_path, DESCRIPTION)
    with pytest.raises(ValueError, match=r"saved best\.weights\.h5, as its first"):
        inference.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": 99}, "`version` must be 1"),
        ({"preprocessing": "BGR"}, "`preprocessing` must be 'RGB in"),
        ({"genotype": {"family": "tiny"}}, "genotype family"),
        ({"clip_spec": {"frames": 0}}, "missing 3 required"),
        ({"classes": None}, "not iterable"),
    ],
)
def test_foreign_description_is_refused(change, reason, workdir):
    path = workdir / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ValueError, match=f"written by zoo.train.*{reason}"):
        inference.load(workdir)


def test_incomplete_description_is_refused(workdir):
    (workdir / "model.json").write_text("{}")
    with pytest.raises(ValueError, match="no 'version'"):
        inference.load(workdir)


def test_folder_of_another_network_keeps_its_description(workdir):
    before = (workdir / "model.json").read_text()
    inference.describe(workdir, DESCRIPTION)
    spec = ClipSpec(2, 4.0, 32, 32)
    other = inference.Description(GENOTYPE, DESCRIPTION.classes, "single", spec)
    with pytest.raises(ValueError, match="a run with the same clip_spec"):
        inference.describe(workdir, other)
    assert (workdir / "model.json").read_text() == before
