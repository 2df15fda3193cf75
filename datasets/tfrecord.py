"""TFRecord files of `tf.train.Example`, written and read without TensorFlow.

A record is its length, the checksum of that, the data, and the checksum of the data. An
example is a protocol buffer: a map of names to lists of bytes, floats or whole numbers.
"""

import functools
import struct
from collections.abc import Callable, Sequence
from typing import BinaryIO

import numpy as np

POLYNOMIAL = 0x82F63B78  # Of CRC-32C, its bits reversed.
HEADER, FOOTER = struct.Struct("<QI"), struct.Struct("<I")
Values = Sequence[bytes] | Sequence[float] | Sequence[int]


def write_record(file: BinaryIO, data: bytes) -> int:
    """Appends a record to a file.

    Returns:
        Where in the file its data begins.
    """
    length = struct.pack("<Q", len(data))
    start = file.tell() + HEADER.size
    file.write(length + FOOTER.pack(masked(crc32c(length))))
    file.write(data)
    file.write(FOOTER.pack(masked(crc32c(data))))
    return start


def encode(features: dict[str, Values]) -> bytes:
    """An example, whose features lie in it in their order.

    Args:
        features: Lists by their names; all of a list are of one type, and numbers that
            are whole are not negative.
    """
    entries = [
        _field(1, _field(1, name.encode()) + _field(2, _feature(values)))
        for name, values in features.items()
    ]
    return _field(1, b"".join(entries))


def decode(data: bytes) -> dict[str, list]:
    """The features of an example, or of the first bytes of one."""
    view = memoryview(data)
    features = _fields(view)[0][1]
    found = {}
    for _, entry in _fields(features):
        (_, name), (_, feature) = _fields(entry)
        found[bytes(name).decode()] = decode_feature(feature)
    return found


def decode_feature(data: bytes) -> list:
    """The values of one feature of an example."""
    return next((_values(*field) for field in _fields(memoryview(data))), [])


def places(read: Callable, start: int, length: int) -> dict[str, tuple[int, int]]:
    """Where in a file the features of an example lie, found without reading them.

    Args:
        read: Gives bytes of the file, by their place and number.
        start: Of the example.
        length: Of the example.
    """
    end, found = start + length, {}
    place, _ = _inside(read, start, end)
    while place < end:
        entry, size = _inside(read, place, end)
        name, letters = _inside(read, entry, end)
        feature = _inside(read, name + letters, end)
        found[read(name, letters).decode()] = feature
        place = entry + size
    return found


def single(read: Callable, place: int, length: int) -> tuple[int, int]:
    """Where in a file the only string of a feature lies, and its length."""
    end = place + length
    inner, _ = _inside(read, place, end)
    return _inside(read, inner, end)


def field_sizes(lengths: Sequence[int]) -> np.ndarray:
    """Bytes that values of so many each take in a list."""
    lengths = np.asarray(lengths, "int64")
    digits = 1 + sum(lengths >> shift > 0 for shift in range(7, 63, 7))
    return 1 + digits + lengths


def masked(checksum: int) -> int:
    """A checksum as it stands in a record."""
    turned = (checksum >> 15) | (checksum << 17)
    return (turned + 0xA282EAD8) & 0xFFFFFFFF


def crc32c(data: bytes) -> int:
    """The CRC-32C of bytes, by NumPy: some milliseconds a megabyte.

    The bytes are cut into lanes, which are worked on at once, four bytes of each at a
    time. The state after two pieces is that after the first, moved on by the length of
    the second, plus (modulo 2) that after the second from a state of 0.
    """
    low, high = _tables(4)
    lanes = 1 << (len(data).bit_length() // 2)
    words = len(data) // (4 * lanes)
    body = np.frombuffer(data, "<u4", lanes * words).reshape(lanes, words)
    states = np.zeros(lanes, "uint32")
    states[0] = 0xFFFFFFFF
    for column in np.ascontiguousarray(body.T):
        states ^= column
        states = low.take(states & 0xFFFF) ^ high.take(states >> 16)
    length = 4 * words
    while len(states) > 1:
        states = _apply(_skip(length), states[::2]) ^ states[1::2]
        length *= 2
    state, table = int(states[0]), _tables(1)[0]
    for byte in data[body.nbytes :]:
        state = int(table[(state & 0xFF) ^ byte]) ^ (state >> 8)
    return state ^ 0xFFFFFFFF


@functools.cache
def _tables(length: int) -> tuple[np.ndarray, np.ndarray]:
    """What zeros of this length make of the lower and the upper half of the state."""
    halves = np.arange(1 << 16, dtype="uint32")
    return tuple(_apply(_skip(length), half) for half in (halves, halves << 16))


@functools.lru_cache(maxsize=4096)
def _skip(length: int) -> np.ndarray:
    """What zeros of this length make of each of the 32 bits of the state."""
    bits = np.uint32(1) << np.arange(32, dtype="uint32")
    if length == 0:
        return bits
    if length % 2:
        state = _skip(length - 1)
        for _ in range(8):
            state = (state >> 1) ^ (state & 1) * np.uint32(POLYNOMIAL)
        return state
    half = _skip(length // 2)
    return _apply(half, half)


def _apply(operator: np.ndarray, states: np.ndarray) -> np.ndarray:
    bits = (states[:, None] >> np.arange(32, dtype="uint32")) & 1
    return np.bitwise_xor.reduce(bits * operator, axis=1)


def _field(number: int, payload: bytes) -> bytes:
    return b"".join((bytes([number << 3 | 2]), _varint(len(payload)), payload))


def _feature(values: Values) -> bytes:
    first = next(iter(values), b"")
    if isinstance(first, bytes):
        return _field(1, b"".join(_field(1, value) for value in values))
    if isinstance(first, float):
        return _field(2, _field(1, np.array(values, "<f4").tobytes()))
    return _field(3, _field(1, b"".join(map(_varint, values))))


def _varint(number: int) -> bytes:
    digits = bytearray()
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*digits, number])


def _inside(read: Callable, place: int, end: int) -> tuple[int, int]:
    """Where the payload of a field begins, and its length."""
    data = memoryview(read(place, min(11, end - place)))
    length, size = _read_varint(data, 1)
    return place + size, length


def _read_varint(data: memoryview, place: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[place]
        number |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return number, place


def _fields(data: memoryview) -> list[tuple[int, memoryview]]:
    """Number and payload of each field; the last payload may be cut short."""
    found, place = [], 0
    while place < len(data):
        number = data[place] >> 3
        length, place = _read_varint(data, place + 1)
        found.append((number, data[place : place + length]))
        place += length
    return found


def _values(kind: int, data: memoryview) -> list:
    payloads = [payload for _, payload in _fields(data)]
    if kind == 1:
        return [bytes(payload) for payload in payloads]
    packed = payloads[0] if payloads else memoryview(b"")
    if kind == 2:
        return np.frombuffer(packed, "<f4").tolist()
    return _whole_numbers(np.frombuffer(packed, "u1"))


def _whole_numbers(packed: np.ndarray) -> list[int]:
    """Numbers of seven bits a byte, the low ones first; the last is below 128."""
    ends = np.flatnonzero(packed < 0x80) + 1
    if not len(ends):
        return []
    starts = np.concatenate([[0], ends[:-1]])
    places = np.arange(ends[-1]) - np.repeat(starts, ends - starts)
    digits = (packed[: ends[-1]] & 0x7F).astype("uint64") << (7 * places).astype(
        "uint64"
    )
    return np.add.reduceat(digits, starts).tolist()
