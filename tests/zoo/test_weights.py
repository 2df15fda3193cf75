import pathlib

import keras
import numpy as np
import pytest
from clip_sources import TINY, tiny_network

from zoo import weights


def path_in(folder):
    return folder / "a.weights.h5"


def equal(one, other):
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    return [bool(np.array_equal(*pair)) for pair in pairs]


def test_loaded_weights_are_the_saved_ones(tmp_path):
    saved, loaded = tiny_network(seed=1), tiny_network(seed=2)
    weights.save(saved, path_in(tmp_path))
    weights.load(loaded, path_in(tmp_path))
    assert all(equal(saved, loaded))
    assert [path.name for path in tmp_path.iterdir()] == ["a.weights.h5"]


def test_head_may_keep_its_own_weights(tmp_path):
    saved, other = tiny_network(seed=1), tiny_network(classes=5, seed=2)
    head = other.get_layer("head").get_weights()
    weights.save(saved, path_in(tmp_path))
    weights.load(other, path_in(tmp_path), skip_head=True)
    assert all(equal(saved, other)[:-2])
    kept = other.get_layer("head").get_weights()
    assert all(map(np.array_equal, head, kept))


def test_first_layer_that_differs_is_named_and_nothing_changes(tmp_path):
    weights.save(tiny_network(), path_in(tmp_path))
    other = tiny_network(classes=5, seed=2)
    before = keras.models.clone_model(other)
    before.set_weights(other.get_weights())
    rule = r"of this model.*'head/kernel' is \(8, 3\), in the model \(8, 5\)"
    with pytest.raises(ValueError, match=rule):
        weights.load(other, path_in(tmp_path))
    assert all(equal(before, other))


def test_model_with_more_layers_is_refused(tmp_path):
    weights.save(tiny_network(), path_in(tmp_path))
    clip = keras.Input(TINY.shape)
    x = tiny_network()(clip)
    deeper = keras.Model(clip, keras.layers.Dense(2, name="head")(x))
    with pytest.raises(ValueError, match="`weights` must be of this model"):
        weights.load(deeper, path_in(tmp_path))


@pytest.mark.parametrize("content", [b"", b"no HDF5 at all"])
def test_damaged_file_is_refused(content, tmp_path):
    path_in(tmp_path).write_bytes(content)
    with pytest.raises(ValueError, match=r"which can not be read"):
        weights.load(tiny_network(), path_in(tmp_path))


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`weights` must be a file that exists"):
        weights.load(tiny_network(), path_in(tmp_path))


def test_other_endings_are_refused(tmp_path):
    for use in (weights.save, weights.load):
        with pytest.raises(ValueError, match=r"a \.weights\.h5 file\. Got: "):
            use(tiny_network(), tmp_path / "a.keras")


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = path_in(tmp_path)
    path.write_text("old")

    def fail(self, place):
        pathlib.Path(place).write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keras.Model, "save_weights", fail)
    with pytest.raises(OSError, match="No space left"):
        weights.save(tiny_network(), path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
