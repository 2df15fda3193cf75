import dataclasses
import json

import keras
import numpy as np
import pytest
from clip_sources import TINY, ArrayClips, tiny_genotype

from zoo import export, inference, weights
from zoo.exporting import Exported

CLASSES = ("dark", "grey", "light")
ABOUT = inference.Description(tiny_genotype(), CLASSES, "single", TINY)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("run"), ABOUT)


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """A run of a network most of whose file is weights."""
    (block,) = tiny_genotype().blocks
    blocks = (dataclasses.replace(block, filters=64),)
    genotype = dataclasses.replace(tiny_genotype(), blocks=blocks)
    about = dataclasses.replace(ABOUT, genotype=genotype)
    return trained(tmp_path_factory.mktemp("wide"), about)


def trained(folder, about):
    inference.describe(folder, about)
    weights.save(about.build(), folder / "best.weights.h5")
    return folder


def share(folder, path):
    """The size of a file as a share of what the network's has without quantizing."""
    plain = path.with_name("plain.tflite")
    export.export(str(folder), str(plain), "litert")
    return path.stat().st_size / plain.stat().st_size


def noise(size=(16, 16)):
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (TINY.frames, *size, 3)).astype("uint8")


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"format": "caffe"}, "`format` must be one of"),
        ({"quantize": "int4"}, "`quantize` must be one of"),
        ({"quantize": "float16"}, "`quantize` must be none where the format"),
        ({"format": "litert", "quantize": "int8"}, "`clips` must be given for int8"),
        ({"limit": 0}, "`limit` must be a whole number"),
        ({"model": "tvn1"}, "`weights` must be given for tvn1"),
        ({"weights": "x.weights.h5"}, "`weights` must be left out"),
        ({"clips": ArrayClips("multi")}, "`clips` must be of a single-label task"),
        ({"clips": ArrayClips(classes=("a", "b"))}, "`clips` must be of the network's"),
    ],
)
def test_mistakes_are_named_and_nothing_is_written(folder, tmp_path, options, reason):
    out = tmp_path / "out"
    with pytest.raises(ValueError, match=reason):
        export.export(**{"model": str(folder), "out": str(out), **options})
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("taken", ["out", "out.json"])
def test_what_is_there_stays(folder, tmp_path, taken):
    (tmp_path / taken).write_text("mine")
    with pytest.raises(ValueError, match="`out` must be new, or with --overwrite"):
        export.export(str(folder), str(tmp_path / "out"))
    assert (tmp_path / taken).read_text() == "mine"


@pytest.mark.tensorflow
def test_a_folder_of_other_things_is_not_replaced(folder, tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="`out` must be a folder that zoo"):
        export.export(str(folder), str(tmp_path / "runs"), overwrite=True)
    assert (tmp_path / "runs/mine.txt").read_text() == "mine"


@pytest.mark.tensorflow
@pytest.mark.parametrize("text", ["mine", '{"genotype": 1}', "[1]"])
def test_a_description_of_something_else_is_not_replaced(folder, tmp_path, text):
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(ValueError, match=r"`out` must be a name whose model\.json is"):
        export.export(str(folder), str(tmp_path / "model"), overwrite=True)
    assert (tmp_path / "model.json").read_text() == text


@pytest.mark.tensorflow
def test_an_exported_folder_may_be_replaced(folder, tmp_path):
    (tmp_path / "out").mkdir()
    rule = "`weights` must be given for tvn1"  # Which is asked for after the place.
    with pytest.raises(ValueError, match=rule):
        export.export("tvn1", str(tmp_path / "out"), overwrite=True)
    (tmp_path / "out/saved_model.pb").write_text("old")
    (tmp_path / "out.json").write_text('{"version": 1, "quantize": "none"}')
    with pytest.raises(ValueError, match=rule):
        export.export("tvn1", str(tmp_path / "out"), overwrite=True)


@pytest.mark.tensorflow
def test_a_place_that_can_not_be_written_to_is_named(folder, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="`out` must be a folder that can be written"):
        export.export(str(folder), str(tmp_path / "file/out"))


def test_what_zoo_export_did_not_write_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"with x\.json beside it"):
        Exported(tmp_path / "x")


@pytest.mark.model
@pytest.mark.tensorflow
@pytest.mark.parametrize("form", ["saved_model", "litert", "onnx"])
def test_what_is_exported_says_what_the_run_says(folder, tmp_path, form, capsys):
    out = tmp_path / "out"
    out.write_text("old")
    found = export.export(str(folder), str(out), form, overwrite=True)
    assert found["difference"] <= 1e-4
    assert {path.name for path in tmp_path.iterdir()} == {"out", "out.json"}
    assert json.loads((tmp_path / "out.json").read_text())["classes"] == [*CLASSES]
    assert "operations: " in capsys.readouterr().out
    exported, run = Exported(out, threads=1), inference.load(folder)
    assert exported.classes == run.classes
    chances = exported(noise())
    np.testing.assert_allclose(chances, run.predict(noise() / 255.0), atol=1e-4)
    assert np.abs(exported(noise((20, 31))) - chances).max() > 1e-7
    with pytest.raises(ValueError, match=r"`frames` must be uint8 of \(2, height"):
        exported(noise().astype("float32"))


@pytest.mark.model
@pytest.mark.tensorflow
def test_int8_is_scored_beside_the_network(wide, tmp_path):
    clips, out = ArrayClips(classes=CLASSES), tmp_path / "x.tflite"
    found = export.export(str(wide), str(out), "litert", "int8", clips, limit=3)
    assert found["clips"] == 3
    assert {"exported top1", "model top1"} <= found.keys()
    assert share(wide, out) < 0.4


@pytest.mark.slow
@pytest.mark.tensorflow
@pytest.mark.parametrize(("quantize", "most"), [("dynamic", 0.4), ("float16", 0.6)])
def test_weights_of_fewer_bits_are_nearly_the_same(wide, tmp_path, quantize, most):
    out = tmp_path / "x.tflite"
    found = export.export(str(wide), str(out), "litert", quantize)
    assert found["difference"] < 0.1
    assert share(wide, out) < most


@pytest.mark.tensorflow
def test_a_network_that_was_not_exported_well_is_not_kept(
    folder, tmp_path, monkeypatch
):
    def wrong(*arguments):
        raise ValueError("another network")

    monkeypatch.setattr(export.conversion, "write", lambda *x: x[1].write_text("x"))
    monkeypatch.setattr(export, "_compared", wrong)
    with pytest.raises(ValueError, match="another network"):
        export.export(str(folder), str(tmp_path / "out"))
    assert not [*tmp_path.iterdir()]


def test_a_run_s_dtype_does_not_matter(folder):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        run = export._loaded(str(folder), None, 400)
    finally:
        keras.config.set_dtype_policy(before)
    assert run.model.layers[-1].compute_dtype == "float32"
    assert dataclasses.replace(run, model=None).shape == (2, 16, 16, 3)
