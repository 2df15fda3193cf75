"""Runs networks where they are deployed: exported, by the runtime of a device."""

import functools
import importlib
import os
import pathlib
import tempfile
from collections import Counter
from collections.abc import Callable
from types import ModuleType

import keras
import numpy as np

from zoo import command, inference
from zoo.fusing import fuse
from zoo.genotypes.base import check, check_whole

RUNTIMES = ("tensorflow", "litert", "onnx", "jax")
FORMATS = ("saved_model", "litert", "onnx")
# What writes and runs each, of the extra `export`.
MODULES = {
    "saved_model": (),
    "litert": ("ai_edge_litert",),
    "onnx": ("onnx", "tf2onnx", "onnxruntime"),
}
# Of a network alone, as `zoo.conversion` names them.
CLIP, LOGITS = "clip", "logits"
Arrays = dict[str, np.ndarray]


def caller(
    model: keras.Model, runtime: str, threads: int | None = None
) -> Callable[[np.ndarray], np.ndarray]:
    """A network's inference by one of the runtimes: from clips to logits.

    Norms are merged into convolutions (`zoo.fusing`). LiteRT and ONNX Runtime get the
    exported network, as a file that is gone afterwards, and take the clips of a batch
    one after the other, as a device does.

    Args:
        model: A network of one input, or of several, given as a dict by their names.
        runtime: One of `RUNTIMES`.
        threads: Of LiteRT or ONNX Runtime; None is the runtime's own choice.

    Raises:
        ValueError: The runtime is unknown, not installed, or can not run the network.
    """
    check_usable(runtime, threads)
    if runtime in ("tensorflow", "jax"):
        return inference.compiled(fuse(model))
    from zoo import conversion  # Not where nothing is exported.

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "network")
        conversion.write(conversion.plain(fuse(model)), path, runtime)
        run = opened(path, runtime, threads)
    return functools.partial(_one_by_one, run)


def check_usable(runtime: str, threads: int | None = None) -> None:
    """Raises ValueError unless this process can run networks by a runtime.

    Args:
        runtime: One of `RUNTIMES`.
        threads: Of LiteRT or ONNX Runtime; None is the runtime's own choice.
    """
    check_threads(runtime, threads)
    backend = keras.backend.backend()
    if runtime in ("tensorflow", "jax"):
        rule = f"that of Keras, {backend}; KERAS_BACKEND={runtime} makes it the other"
        check(runtime == backend, "runtime", rule, runtime)
        return
    from zoo import conversion  # Not where nothing is exported.

    for module in MODULES[runtime]:
        need(module)
    conversion.check_backend()


def check_threads(runtime: str, threads: int | None) -> None:
    """Raises ValueError unless a runtime is one of `RUNTIMES` and has these threads."""
    check(runtime in RUNTIMES, "runtime", f"one of {RUNTIMES}", runtime)
    if threads is not None:
        rule = f"None for {runtime}, whose threads are set when the process begins"
        check(runtime not in ("tensorflow", "jax"), "threads", rule, threads)
        check_whole(threads, "threads")


def _one_by_one(run: Callable[[Arrays], Arrays], clips) -> np.ndarray:
    parts = clips if isinstance(clips, dict) else {CLIP: clips}
    rows = range(len(next(iter(parts.values()))))
    each = [{name: part[i : i + 1] for name, part in parts.items()} for i in rows]
    return np.concatenate([run(part)[LOGITS] for part in each])


def opened(
    path: str | os.PathLike, form: str, threads: int | None = None
) -> Callable[[Arrays], Arrays]:
    """An exported network as a function of arrays by name.

    Args:
        path: Of the file, or of the folder of a SavedModel.
        form: One of `FORMATS`.
        threads: None is the runtime's own choice; a SavedModel has the process's.

    Raises:
        ValueError: There is no such format, or its runtime is not installed.
    """
    check(form in FORMATS, "format", f"one of {FORMATS}", form)
    openers = {"saved_model": _saved_model, "litert": _litert, "onnx": _onnx}
    return openers[form](str(path), threads)


def need(module: str) -> ModuleType:
    """Imports what the extra `export` installs.

    Raises:
        ValueError: It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        rule = "installed: pip install 'video-zoo[export]'"
        raise ValueError(f"`{module}` must be {rule}. Got: {error}") from None


def _saved_model(path: str, _) -> Callable[[Arrays], Arrays]:
    tensorflow = need("tensorflow")
    loaded = tensorflow.saved_model.load(path)
    function = loaded.signatures["serving_default"]

    def run(arrays: Arrays, _keep=loaded) -> Arrays:  # Else its variables are gone.
        tensors = {k: tensorflow.convert_to_tensor(v) for k, v in arrays.items()}
        return {name: x.numpy() for name, x in function(**tensors).items()}

    return run


def _litert(path: str, threads: int | None) -> Callable[[Arrays], Arrays]:
    interpreters = need("ai_edge_litert.interpreter")
    with command.silence():  # It tells of each delegate that it makes.
        interpreter = interpreters.Interpreter(path, num_threads=threads)
        interpreter.allocate_tensors()
    runner = interpreter.get_signature_runner()
    return lambda arrays: runner(**arrays)


def _onnx(path: str, threads: int | None) -> Callable[[Arrays], Arrays]:
    onnxruntime = need("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = 3  # Errors.
    providers = ["CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(path, options, providers=providers)
    names = [output.name for output in session.get_outputs()]
    return lambda arrays: dict(zip(names, session.run(names, arrays), strict=True))


def operations(path: str | os.PathLike, form: str) -> Counter[str]:
    """How many operations of each kind an exported network has.

    Args:
        path: Of the file, or of the folder of a SavedModel.
        form: One of `FORMATS`.
    """
    if form == "onnx":
        return Counter(node.op_type for node in need("onnx").load(path).graph.node)
    if form == "saved_model":
        loaded = need("tensorflow").saved_model.load(str(path))
        graph = loaded.signatures["serving_default"].graph.as_graph_def()
        bodies = [graph.node, *(body.node_def for body in graph.library.function)]
        return Counter(node.op for body in bodies for node in body)
    interpreters = need("ai_edge_litert.interpreter")
    kinds = interpreters.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    options = {"experimental_op_resolver_type": kinds}  # A delegate hides operations.
    interpreter = interpreters.Interpreter(str(path), **options)
    return Counter(part["op_name"] for part in interpreter._get_ops_details())
