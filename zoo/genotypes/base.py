"""What every genotype has: frozen fields, one JSON form, and a cost on paper."""

import abc
import dataclasses
import functools
import json
import math
import operator
import sys
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self, TypeVar

Part = TypeVar("Part")
LONGEST = 300  # Characters of a value that an error shows.
SCALARS = frozenset({bool, int, float, str, type(None)})


@dataclass(frozen=True)
class ClipSpec:
    """The clip a network reads: its frames, their rate, and their size.

    Args:
        frames: Number of frames.
        rate: Frames per second of the video's own time; not read with `segments`.
        height: Pixels.
        width: Pixels.
        segments: Equal parts of the whole video that give as many frames each; None is
            one stretch of frames at the rate.
    """

    frames: int
    rate: float
    height: int
    width: int
    segments: int | None = None

    def __post_init__(self):
        check_fields(self)
        for name in ("frames", "height", "width"):
            check_whole(getattr(self, name), name)
        if self.segments is not None:
            check_whole(self.segments, "segments")
            whole = self.frames % self.segments == 0
            rule = f"a divisor of `frames`, {self.frames}"
            check(whole, "segments", rule, self.segments)
        check(self.rate > 0, "rate", "above 0 frames per second", self.rate)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of one RGB clip: (frames, height, width, 3)."""
        return (self.frames, self.height, self.width, 3)


@dataclass(frozen=True)
class Cost:
    """What a network costs, on paper or measured.

    Args:
        parameters: Trainable weights.
        macs: Multiply-accumulate operations of its convolutions, dense layers and
            attention products, for one clip.
        activation_bytes: Outputs of all its layers in float32, for one clip.
        latency_ms: Measured milliseconds for one clip; None where not measured.
    """

    parameters: int
    macs: int
    activation_bytes: int
    latency_ms: float | None = None

    def memory(self, batch_size: int = 1) -> int:
        """Bytes of one training step: weights, gradients, momentum, activations."""
        return 12 * self.parameters + batch_size * self.activation_bytes


class Genotype(abc.ABC):
    """Base of the frozen dataclasses that each describe one network.

    A subclass sets `family` and `version`, checks its fields in `__post_init__`, and
    gives `clip_spec` and `cost(num_classes)`. Its canonical JSON is the only form in
    which a genotype travels.
    """

    family: ClassVar[str]
    version: ClassVar[int] = 1
    # Of the networks with names, as `help(zoo.<name>)` tells it.
    origin: ClassVar[str] = "published by its authors"

    @property
    @abc.abstractmethod
    def clip_spec(self) -> ClipSpec:
        """The clip the network reads."""

    @abc.abstractmethod
    def cost(self, num_classes: int, input_shape: tuple | None = None) -> Cost:
        """The network's cost on paper, equal to that of the built model.

        Args:
            num_classes: Width of the classifier.
            input_shape: (frames, height, width, channels) in place of the clip spec's
                own; flow has 2 channels.
        """

    def clip_shape(
        self, input_shape: Sequence[int] | None = None
    ) -> tuple[int, int, int, int]:
        """Shape of a clip: `input_shape`, or that of the clip spec where it is None.

        Args:
            input_shape: (frames, height, width, channels).

        Raises:
            ValueError: It is no such shape.
        """
        if input_shape is None:
            return self.clip_spec.shape
        try:
            shape = tuple(map(operator.index, input_shape))
        except TypeError:  # A size of None, for one: networks are built for one shape.
            shape = ()
        rule = "four whole numbers above 0: frames, height, width, channels"
        fits = len(shape) == 4 and min(shape) > 0
        check(fits, "input_shape", rule, input_shape)
        return shape

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, no spaces, `family` and `version` beside."""
        fields = {**_encode(self), "family": self.family, "version": self.version}
        return json.dumps(fields, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads what `to_json` wrote.

        Raises:
            ValueError: The text is no JSON, or of another family or version, or its
                fields are missing, unknown, of a wrong type or out of range.
        """
        fields = parse_object(text)
        for name in ("family", "version"):
            expected, given = getattr(cls, name), fields.pop(name, None)
            check(given == expected, f"genotype {name}", repr(expected), given)
        return _decode_class(cls, fields, "genotype")


def check(valid: bool, name: str, rule: str, value: object) -> None:
    """Raises ValueError, in the project's one form, unless `valid`."""
    if not valid:
        raise ValueError(f"`{name}` must be {rule}. Got: {shortened(repr(value))}")


def shortened(text: str) -> str:
    """A text as an error shows it: only its beginning where it is long."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."


def check_whole(value: object, name: str, least: int = 1) -> None:
    """Raises ValueError unless `value` is a whole number of at least `least`."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    rule = f"a whole number of at least {least}"
    check(whole and value >= least, name, rule, value)


def check_fields(part: object) -> None:
    """Raises ValueError unless a dataclass' fields have the types they declare."""
    for name, hint in _hints(type(part)).items():
        value = getattr(part, name)
        if not _fits(hint, value):
            plain = isinstance(hint, type) and not typing.get_origin(hint)
            shown = hint.__name__ if plain else str(hint)
            check(False, name, f"of type {shown}", value)


def revised(part: Part, **fields: object) -> Part:
    """A dataclass with other values in these fields; itself where none differs."""
    # Making and checking one takes a hundred times as long as this.
    for name, value in fields.items():
        if getattr(part, name) != value:
            return dataclasses.replace(part, **fields)
    return part


def parse_object(text: str) -> dict:
    """Reads a JSON object from text; ValueError where it is none."""
    try:
        fields = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        shown = text if len(str(text)) < 80 else f"{text[:77]}..."
        raise ValueError(f"`genotype` must be JSON ({error}). Got: {shown!r}") from None
    check(isinstance(fields, dict), "genotype", "a JSON object", fields)
    return fields


# Reading annotations costs more than all else here, and a search reads thousands.
@functools.cache
def _hints(cls: type) -> dict[str, object]:
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def _fits(hint: object, value: object) -> bool:
    if type(value) is hint:
        return hint is not float or math.isfinite(value)
    if hint is float:
        return type(value) is int and abs(value) <= sys.float_info.max
    kind, inner = _parts(hint)
    if kind is types.UnionType:
        return any(_fits(choice, value) for choice in inner)
    if kind is tuple and type(value) is tuple:
        return all(_fits(inner[0], v) for v in value)
    return False


@functools.cache
def _parts(hint: object) -> tuple[object, tuple]:
    """What an annotation is, a union or a tuple, and of what."""
    union = isinstance(hint, types.UnionType)
    kind = types.UnionType if union else typing.get_origin(hint)
    return kind, typing.get_args(hint)


def _encode(value: object) -> object:
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    if not dataclasses.is_dataclass(value):
        return value
    encoded = {}
    for name, hint in _hints(type(value)).items():
        item = getattr(value, name)
        if hint is float:
            # An int here must not give another text than the equal float.
            encoded[name] = float(item)
        else:
            encoded[name] = item if type(item) in SCALARS else _encode(item)
    return encoded


def _decode_class(cls: type, fields: dict, place: str) -> object:
    hints = _hints(cls)
    rule = f"the fields of {cls.__name__}: {', '.join(sorted(hints))}"
    check(set(fields) == set(hints), place, rule, sorted(fields))
    return cls(**{k: _decode(hints[k], v, f"{place}.{k}") for k, v in fields.items()})


def _decode(hint: object, value: object, place: str) -> object:
    if isinstance(hint, types.UnionType):
        if value is None:
            return None
        hint = typing.get_args(hint)[0]
    if typing.get_origin(hint) is tuple:
        check(isinstance(value, list), place, "a list", value)
        item = typing.get_args(hint)[0]
        return tuple(_decode(item, v, f"{place}[{i}]") for i, v in enumerate(value))
    if dataclasses.is_dataclass(hint):
        check(isinstance(value, dict), place, "an object", value)
        return _decode_class(hint, value, place)
    if hint is float and _fits(hint, value):
        value = float(value)
    check(type(value) is hint, place, f"of type {hint.__name__}", value)
    return value
