"""Writes a network as a SavedModel, or in the format of LiteRT or ONNX.

TensorFlow does it, so Keras' backend must be TensorFlow.
"""

import contextlib
import importlib
import logging
import os
import pathlib
import re
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import keras

from zoo import command, runtimes
from zoo.genotypes.base import check
from zoo.runtimes import CLIP, LOGITS, Arrays, need

QUANTIZATIONS = ("none", "dynamic", "float16", "int8")
OPSET = 17  # Of ONNX.
CATCH = "TF2ONNX_CATCH_ERRORS"  # Whether an optimization that fails is passed over.
SHOWN = 5  # Layers in an error.


@dataclass(frozen=True)
class Program:
    """What is exported.

    Args:
        model: Whose weights it holds.
        call: From tensors, by name, to a dict of them.
        inputs: Shape and type of each, by name; None is a size that varies.
    """

    model: keras.Model
    call: Callable
    inputs: dict[str, tuple[tuple[int | None, ...], str]]


def plain(model: keras.Model) -> Program:
    """A network as it is, of one clip: float32 of (1, frames, height, width, 3)."""
    tensors = {tensor.name: tensor for tensor in model.inputs}
    if len(tensors) == 1:
        tensors = {CLIP: model.inputs[0]}
    inputs = {n: ((1, *x.shape[1:]), x.dtype) for n, x in tensors.items()}
    return Program(model, lambda **x: {LOGITS: called(model, x)}, inputs)


def called(model: keras.Model, parts: dict) -> object:
    """What a model makes, in inference, of tensors by the names of its inputs."""
    if len(parts) == 1:
        return model(*parts.values(), training=False)
    by_name = isinstance(model.input, dict)
    given = parts if by_name else [parts[x.name] for x in model.inputs]
    return model(given, training=False)


def check_backend() -> None:
    """Raises ValueError unless networks can be exported here."""
    backend = keras.backend.backend()
    rule = "tensorflow to export: KERAS_BACKEND=tensorflow"
    check(backend == "tensorflow", "backend", rule, backend)


def write(
    program: Program,
    path: str | os.PathLike,
    form: str,
    quantize: str = "none",
    calibration: Iterable[Arrays] = (),
) -> None:
    """Writes a program.

    Args:
        program: What to write.
        path: Of a file, or for "saved_model" of a folder.
        form: One of `runtimes.FORMATS`.
        quantize: One of `QUANTIZATIONS`; of other formats than LiteRT "none".
        calibration: Inputs that show "int8" the range of all numbers within.

    Raises:
        ValueError: What is written can not have this format; the operations and layers
            that stand against it are named.
    """
    check_backend()
    check(form in runtimes.FORMATS, "format", f"one of {runtimes.FORMATS}", form)
    check_quantize(form, quantize)
    with command.silence():
        if form == "saved_model":
            _save(program, path)
        elif form == "litert":
            _write_litert(program, path, quantize, calibration)
        else:
            _write_onnx(program, path)


def check_quantize(form: str, quantize: str) -> None:
    """Raises ValueError unless a format can be quantized so."""
    rule = f"one of {QUANTIZATIONS}"
    check(quantize in QUANTIZATIONS, "quantize", rule, quantize)
    fits = form == "litert" or quantize == "none"
    check(fits, "quantize", f"none where the format is {form}, not litert", quantize)


def traced(program: Program):
    """The program as a function of TensorFlow: its graph."""
    tensorflow = need("tensorflow")
    return tensorflow.function(program.call).get_concrete_function(**_specs(program))


def _specs(program: Program) -> dict:
    spec = need("tensorflow").TensorSpec
    return {n: spec(shape, kind, n) for n, (shape, kind) in program.inputs.items()}


def _save(program: Program, path: str | os.PathLike) -> None:
    tensorflow = need("tensorflow")
    module = tensorflow.Module()
    module.weights = [variable.value for variable in program.model.variables]
    tensorflow.saved_model.save(module, str(path), signatures=traced(program))


def _write_litert(program: Program, path, quantize: str, calibration) -> None:
    tensorflow = need("tensorflow")
    with tempfile.TemporaryDirectory() as folder:
        _save(program, folder)
        converter = tensorflow.lite.TFLiteConverter.from_saved_model(folder)
        if quantize != "none":
            converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
        if quantize == "float16":
            converter.target_spec.supported_types = [tensorflow.float16]
        if quantize == "int8":
            converter.representative_dataset = lambda: calibration
        try:
            with warnings.catch_warnings():
                # To find ranges it uses an interpreter that it says is deprecated.
                warnings.simplefilter("ignore")
                content = converter.convert()
        except Exception as error:  # Of several kinds, and of no public one.
            _refuse(program, "LiteRT", str(error))
    pathlib.Path(path).write_bytes(content)


def _refuse(program: Program, runtime: str, text: str) -> None:
    """Names the operations that a converter's error names, and whose they are."""
    kinds = set(re.findall(r"\btf\.(\w+)\(|\bFlex(\w+)", text))
    kinds = {first or second for first, second in kinds}
    nodes = [n for n in traced(program).graph.get_operations() if n.type in kinds]
    found = [f"{n.type} of {n.name.rpartition('/')[0]}" for n in nodes[:SHOWN]]
    reason = ", ".join(found or sorted(kinds)) or " ".join(text.split())[-300:]
    raise ValueError(
        f"`model` must be one that {runtime} has operations for. Got: {reason}"
    ) from None


def _write_onnx(program: Program, path: str | os.PathLike) -> None:
    tensorflow = need("tensorflow")
    convert = need("tf2onnx").convert
    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)
    specs = _specs(program)
    positional = tensorflow.function(
        lambda *x: program.call(**dict(zip(specs, x, strict=True)))
    )
    given = positional, [*specs.values()]
    try:
        try:
            with _without_copies():
                proto, _ = convert.from_function(*given, opset=OPSET)
        except Exception:  # Of an optimization, which is passed over below.
            proto, _ = convert.from_function(*given, opset=OPSET)
    except Exception as error:
        _refuse(program, "ONNX", str(error))
    pathlib.Path(path).write_bytes(proto.SerializeToString())


@contextlib.contextmanager
def _without_copies() -> Iterator[None]:
    """Keeps tf2onnx from copying all weights in each of its optimizations.

    It copies the graph to come back to where one fails, and the weights of each node,
    which Protocol Buffers keep to the end: 60 times the size of a network. Only
    nodes that are no weights need to be renewed.
    """
    nodes = importlib.import_module("tf2onnx.graph").Node
    renew, known = nodes.update_proto, os.environ.get(CATCH)

    def update_proto(node, *arguments, **options) -> None:
        if not node.is_const():
            renew(node, *arguments, **options)

    nodes.update_proto = update_proto
    os.environ[CATCH] = "FALSE"
    try:
        yield
    finally:
        nodes.update_proto = renew
        os.environ.pop(CATCH)
        if known is not None:
            os.environ[CATCH] = known
