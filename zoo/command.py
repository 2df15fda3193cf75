"""What every command does: one line for a mistake, and a quiet screen."""

import contextlib
import importlib.util
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator

DEBUG = r"--?debug(=(true|t|1))?"  # As absl reads a flag.


def command(body: Callable[[list[str]], object]) -> None:
    """Runs a program; a mistake of its user becomes one line. Ends the process.

    Args:
        body: Gets the arguments; what it returns, if a number, is the exit code.
    """
    quiet()
    # Names of files need not be text: they are shown as they are.
    sys.stdout.reconfigure(errors="surrogateescape")
    # JAX's newer random numbers compile for seconds for each shape of weights.
    os.environ.setdefault("JAX_THREEFRY_PARTITIONABLE", "0")
    debug = any(re.fullmatch(DEBUG, word, re.IGNORECASE) for word in sys.argv[1:])
    try:
        code = body(sys.argv[1:])
    except KeyboardInterrupt as interrupt:
        hint = f"; {interrupt}" if str(interrupt) else ""
        print(f"interrupted{hint}", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # The reader, such as `head`, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(0)
    except Exception as error:
        line = mistake(error)
        if debug or line is None:
            raise
        print(f"error: {line}", file=sys.stderr)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def function(path: str) -> Callable:
    """The function at a dotted path."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def mistake(error: Exception) -> str | None:
    """One line for an error that the user can mend; None where the code is wrong."""
    text, _, places = str(error).partition("\n  In ")
    if isinstance(error, SyntaxError):
        file = error.filename and f"{error.filename}, line {error.lineno}"
        return f"{file or '--gin_bindings'}: {_line(error.msg)}"
    place = re.match(r'file "(.*)", (line \d+)\n\s*(.*)', places)
    if place:
        return f"{_line(text)} In {place[1]}, {place[2]}: {place[3]}"
    place = re.match(r"bindings string line \d+\n\s*(.*)", places)
    if place:
        return f"{_line(text)} In --gin_bindings: {place[1]}"
    # A setting that something needs, and no config gives.
    lacks = isinstance(error, TypeError) and places.startswith("call to configurable")
    if lacks or isinstance(error, (ValueError, OSError)):
        return _line(text)
    # What TensorFlow's input makes of an error in a clip source.
    inner = re.search(r"ValueError: (.*)", text)
    if type(error).__module__.startswith("tensorflow") and inner:
        return inner[1]
    return None


def quiet() -> None:
    """Leaves on the screen what the user can use; call it before TensorFlow loads."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.formatwarning = lambda text, *_, **__: f"warning: {text}\n"
    for name in ("datasets", "search", "zoo"):
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.handlers = [logging.StreamHandler()]
        logger.handlers[0].setFormatter(logging.Formatter("warning: %(message)s"))
    if not any(isinstance(finder, _TensorFlowFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _TensorFlowFinder())


class _TensorFlowFinder:
    """Imports TensorFlow without its messages and, where JAX computes, without GPUs.

    There it only reads video, but would take the GPU's memory. Keras imports it in
    passing, so there is no one place to do this after.
    """

    def find_spec(self, name: str, path=None, target=None):
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None:
            execute = spec.loader.exec_module
            spec.loader.exec_module = lambda module: _tamed(execute, module)
        return spec


def _tamed(execute: Callable, module) -> None:
    with silence():
        execute(module)
    keras = sys.modules.get("keras")
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if hasattr(keras, "config"):  # It is missing while Keras itself is imported.
        backend = keras.config.backend()
    if backend != "tensorflow":
        module.config.set_visible_devices([], "GPU")


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Drops what libraries in C write; errors in Python still come as errors."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)


def _line(text: str) -> str:
    return " ".join(text.split())
