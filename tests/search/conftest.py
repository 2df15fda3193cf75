import shlex
import sys
import warnings

import keras
import pytest

from search import deployment
from zoo import conversion, cost, registry, training


class Sketch(keras.Model):
    """Stands for a network where only its cost on paper is needed."""

    def __init__(self, genotype, clip_shape, num_classes):
        super().__init__()
        self.genotype, self.clip_shape = genotype, clip_shape
        self.num_classes = num_classes

    def save_weights(self, path, **_):
        pass


@pytest.fixture
def instant(monkeypatch):
    """Builds, measures and trains nothing; a network scores by its parameters."""

    def fit(model, *args, callbacks=(), **kwargs):
        for callback in callbacks:
            callback.on_train_begin()

    def scorer(model, *args, **kwargs):
        parameters = model.genotype.cost(model.num_classes).parameters
        return lambda: {"loss": 1.0, "top1": 1 / parameters}

    monkeypatch.setattr(registry, "build", Sketch)
    monkeypatch.setattr(cost, "latency_ms", lambda model, seconds: 2.0)
    monkeypatch.setattr(cost, "matmul_rate", lambda: 1e10)
    monkeypatch.setattr(training, "fit", fit)
    monkeypatch.setattr(training, "scorer", scorer)
    monkeypatch.setattr(keras.backend, "clear_session", lambda: None)


@pytest.fixture
def exported(monkeypatch):
    """Exports nothing but a word; gives the path of each file, and its format."""
    files = []

    def write(program, path, form):
        path.write_text("network")
        files.append((path, form))

    monkeypatch.setattr(deployment, "fuse", lambda model: model)
    monkeypatch.setattr(conversion, "plain", lambda model: model)
    monkeypatch.setattr(conversion, "check_backend", lambda: None)
    monkeypatch.setattr(conversion, "write", write)
    return files


@pytest.fixture
def program(tmp_path_factory):
    """Writes a program in Python; gives the command that runs it."""

    def write(text):
        path = tmp_path_factory.mktemp("a command") / "measure.py"
        path.write_text(f"import sys\n{text}")
        return shlex.join([sys.executable, "-S", str(path)])

    return write


@pytest.fixture
def eager():
    """Runs step by step what TensorFlow would compile for longer than it runs."""
    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Even though the `tf.config.experimental")
        yield
    tf.config.run_functions_eagerly(False)
