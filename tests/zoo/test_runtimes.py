import importlib

import keras
import numpy as np
import pytest
from clip_sources import TINY, tiny_network

from zoo import runtimes

TENSORFLOW = keras.backend.backend() == "tensorflow"
OTHER = "jax" if TENSORFLOW else "tensorflow"
CLIPS = np.random.default_rng(0).random((3, *TINY.shape), "float32")


@pytest.mark.parametrize(
    ("runtime", "threads", "reason"),
    [
        ("torch", None, "`runtime` must be one of"),
        (OTHER, None, f"`runtime` must be that of Keras.*KERAS_BACKEND={OTHER}"),
        (keras.backend.backend(), 2, "`threads` must be None for"),
        ("litert", 0, "`threads` must be a whole number of at least 1"),
    ],
)
def test_mistakes_are_named(runtime, threads, reason):
    with pytest.raises(ValueError, match=reason):
        runtimes.caller(None, runtime, threads)
    with pytest.raises(ValueError, match=reason):
        runtimes.check_usable(runtime, threads)


@pytest.mark.parametrize("runtime", ["litert", "onnx"])
def test_a_runtime_that_is_not_installed_names_the_extra(runtime, monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ValueError, match=r"pip install 'video-zoo\[export\]'"):
        runtimes.caller(None, runtime)


def test_an_unknown_format_is_refused():
    with pytest.raises(ValueError, match="`format` must be one of"):
        runtimes.opened("x", "caffe")


@pytest.mark.model
@pytest.mark.tensorflow
@pytest.mark.parametrize("runtime", ["tensorflow", "litert", "onnx"])
def test_a_runtime_says_what_the_network_says(runtime):
    model = tiny_network()
    call = runtimes.caller(model, runtime, None if runtime == "tensorflow" else 1)
    np.testing.assert_allclose(call(CLIPS), model(CLIPS), atol=1e-5)


@pytest.mark.jax
def test_another_backend_does_not_export():
    with pytest.raises(ValueError, match="`backend` must be tensorflow to export"):
        runtimes.caller(tiny_network(), "litert")
