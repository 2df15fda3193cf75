import io
import struct

import numpy as np
import pytest

from datasets import tfrecord

FEATURES = {
    "key": [b"a/b.mp4"],
    "labels": [0, 3, 300, 70_000],
    "times": [0.0, 0.5, 1.25],
    "none": [],
    "frames": [b"abc", b"", bytes(300)],
}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),  # The check value of CRC-32C.
        (bytes(32), 0x8A9136AA),  # From RFC 3720.
        (bytes([255]) * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
    ],
)
def test_checksums_of_the_standard(data, expected):
    assert tfrecord.crc32c(data) == expected


@pytest.mark.parametrize("size", [1, 2, 255, 1024, 5000])
def test_lanes_change_nothing(size):
    data = np.random.default_rng(size).integers(0, 256, size, "uint8").tobytes()
    table, state = tfrecord._tables(1)[0], 0xFFFFFFFF
    for byte in data:
        state = int(table[(state & 0xFF) ^ byte]) ^ (state >> 8)
    assert tfrecord.crc32c(data) == state ^ 0xFFFFFFFF


def test_an_example_comes_back():
    data = tfrecord.encode(FEATURES)
    assert tfrecord.decode(data) == FEATURES
    tail = tfrecord.field_sizes([len(frame) for frame in FEATURES["frames"]]).sum()
    assert tfrecord.decode(data[:-tail]) == FEATURES | {"frames": []}


def test_tensorflow_reads_the_same(tmp_path):
    import tensorflow as tf

    path = tmp_path / "a.tfrecord"
    examples = [tfrecord.encode(FEATURES), tfrecord.encode({"video": [bytes(9999)]})]
    with open(path, "wb") as file:
        starts = [tfrecord.write_record(file, example) for example in examples]
    records = [*tf.data.TFRecordDataset(str(path)).as_numpy_iterator()]
    assert records == examples
    assert path.read_bytes()[starts[1] :].startswith(examples[1])
    parsed = tf.train.Example.FromString(records[0]).features.feature
    assert [*parsed["labels"].int64_list.value] == FEATURES["labels"]
    assert [*parsed["times"].float_list.value] == FEATURES["times"]
    assert [*parsed["frames"].bytes_list.value] == FEATURES["frames"]


def test_a_record_begins_with_its_length():
    file = io.BytesIO()
    assert tfrecord.write_record(file, b"abc") == 12
    assert struct.unpack("<Q", file.getvalue()[:8]) == (3,)
    assert len(file.getvalue()) == 12 + 3 + 4


def test_finds_features_in_a_file_without_reading_them():
    file, read = io.BytesIO(), []
    example = tfrecord.encode(FEATURES | {"video": [bytes(5000)]})
    start = tfrecord.write_record(file, example)

    def some(place, length):
        read.append(length)
        return file.getvalue()[place : place + length]

    found = tfrecord.places(some, start, len(example))
    place, length = tfrecord.single(some, *found["video"])
    assert sum(read) < 1000
    assert some(place, length) == bytes(5000)
    for name, values in FEATURES.items():
        assert tfrecord.decode_feature(some(*found[name])) == values
