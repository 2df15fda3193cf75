import importlib
import os

import keras
import numpy as np
import pytest
from clip_sources import TINY, tiny_network
from keras import layers

from zoo import comparing, conversion, runtimes


@pytest.mark.parametrize(
    ("form", "quantize", "reason"),
    [
        ("litert", "int4", "`quantize` must be one of"),
        ("onnx", "int8", "`quantize` must be none where the format is onnx"),
        ("saved_model", "float16", "`quantize` must be none where"),
    ],
)
def test_what_a_format_can_not_be_is_refused(form, quantize, reason):
    with pytest.raises(ValueError, match=reason):
        conversion.check_quantize(form, quantize)


@pytest.mark.tensorflow
def test_a_network_of_several_inputs_gets_them_by_name():
    a, b = keras.Input((2,), name="clip"), keras.Input((2,), name="objects")
    for given in ([a, b], {"clip": a, "objects": b}):
        model = keras.Model(given, layers.Subtract()([a, b]))
        program = conversion.plain(model)
        assert program.inputs["objects"] == ((1, 2), "float32")
        parts = {"objects": np.ones((1, 2), "float32"), "clip": np.zeros((1, 2))}
        found = program.call(**parts)[runtimes.LOGITS]
        np.testing.assert_array_equal(found, [[-1, -1]])


@pytest.mark.tensorflow
def test_tf2onnx_is_afterwards_as_it_was(monkeypatch):
    nodes = importlib.import_module("tf2onnx.graph").Node
    monkeypatch.setenv(conversion.CATCH, "TRUE")
    renew = nodes.update_proto
    with conversion._without_copies():
        assert nodes.update_proto is not renew
        assert os.environ[conversion.CATCH] == "FALSE"
    assert nodes.update_proto is renew
    assert os.environ[conversion.CATCH] == "TRUE"


@pytest.mark.model
@pytest.mark.tensorflow
def test_an_operation_that_litert_lacks_is_named_and_its_layer(tmp_path):
    clip = keras.Input(TINY.shape)
    model = keras.Model(clip, layers.MaxPooling3D(2, name="block1_pool")(clip))
    with pytest.raises(ValueError, match=r"Got: MaxPool3D of .*block1_pool"):
        conversion.write(conversion.plain(model), tmp_path / "x", "litert")
    assert not [*tmp_path.iterdir()]


@pytest.mark.model
@pytest.mark.tensorflow
def test_the_first_layer_that_differs_is_named(monkeypatch):
    model, opened = tiny_network(), runtimes.opened
    place = [layer.name for layer in model.layers[1:]].index("head") - 2

    def spoilt(*arguments):
        run = opened(*arguments)
        names = [f"layer{place}", f"layer{place + 1}"]
        return lambda arrays: {
            name: value + (name in names) for name, value in run(arrays).items()
        }

    clip = {"clip": np.ones((1, *TINY.shape), "float32")}
    comparing.check_equal(1e-5, "none", model, "litert", clip)
    comparing.check_equal(9.0, "int8", model, "litert", clip)
    monkeypatch.setattr(runtimes, "opened", spoilt)
    name = model.layers[1 + place].name
    with pytest.raises(ValueError, match=f"0.2, and of its layers the first: {name}'$"):
        comparing.check_equal(0.2, "none", model, "litert", clip)


@pytest.mark.parametrize(
    ("found", "expected", "apart"), [(0.5, 0.1, 0.4), (12.0, 10.0, 0.2)]
)
def test_differences_are_shares_of_what_is_large(found, expected, apart):
    expected = np.array([0.0, expected])
    assert comparing.difference([0.0, found], expected) == pytest.approx(apart)
