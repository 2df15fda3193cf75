import itertools
import os

import numpy as np
import pytest
from synthesis import write_video

from datasets.augment import Augmentation
from datasets.folder import VideoFolder
from datasets.moving_shapes import MovingShapes
from datasets.order import (
    check,
    check_request,
    draws,
    halves,
    thread_count,
    training_place,
)
from zoo.genotypes import ClipSpec

TINY = ClipSpec(frames=2, rate=4.0, height=16, width=16)


def first(count, size, seed, start=0):
    return [training_place(start + n, size, seed) for n in range(count)]


def test_each_epoch_holds_every_index_once_in_another_order():
    order = first(30, 10, 0)
    epochs = [[index for epoch, index in order if epoch == e] for e in range(3)]
    assert all(sorted(indices) == list(range(10)) for indices in epochs)
    assert len({tuple(indices) for indices in epochs}) == 3


def test_start_skips_exactly():
    assert first(20, 7, 3)[13:] == first(7, 7, 3, 13)


def test_seed_changes_order_and_draws():
    assert first(10, 10, 0) != first(10, 10, 1)
    values = {draws(*key).random() for key in itertools.product(range(3), repeat=3)}
    assert len(values) == 27
    assert draws(0, 1, 2).random() == np.random.default_rng((0, 1, 2)).random()


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("dev", 1, 0), "split"),
        (("train", 0, 0), "batch_size"),
        (("test", 1, -1), "start"),
        (("train", 1, 0, -1), "seed"),
    ],
)
def test_rejects_a_request_no_source_can_serve(arguments, name):
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        check_request(*arguments)


def test_threads_are_as_many_as_cores_unless_said(monkeypatch):
    assert thread_count(3) == 3
    assert thread_count(None) == len(os.sched_getaffinity(0))
    monkeypatch.delattr(os, "sched_getaffinity")  # As on a Mac.
    assert thread_count(None) == os.cpu_count()
    with pytest.raises(ValueError, match="`workers` must be at least 1"):
        thread_count(0)


def test_a_mistake_has_one_form():
    check(True, "size", "even", 3)
    with pytest.raises(ValueError, match=r"^`size` must be even\. Got: '3'$"):
        check(False, "size", "even", "3")


@pytest.mark.parametrize("size", [2, 7, 12])
def test_halves_are_drawn_by_the_seed_and_hold_every_index_once(size):
    first, second = halves(size, seed=0)
    assert len(first) - len(second) == size % 2
    assert sorted([*first, *second]) == list(range(size))
    again = halves(size, seed=0)
    assert [list(half) for half in again] == [list(first), list(second)]
    others = {tuple(halves(12, seed)[0]) for seed in range(5)}
    assert len(others) == 5


def test_one_video_has_no_halves():
    with pytest.raises(ValueError, match="`train` must be at least 2 videos"):
        halves(1, seed=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("videos")
    for place in ("train/a", "train/b", "test/a", "test/b"):
        for i in range(3):
            write_video(root / place / f"{i}.mp4", frames=4, size=(16, 16))
    return root


def sources(folder):
    yield MovingShapes(videos_per_class=2)
    yield VideoFolder(folder, flip=True, augmentation=Augmentation(brightness=0.5))


def rows(batch):
    """The clips of a batch, and their labels, in an order of their own."""
    clips, labels = np.asarray(batch[0]), np.asarray(batch[1])
    found = [(c.tobytes(), y.tobytes()) for c, y in zip(clips, labels, strict=True)]
    return sorted(found)


@pytest.mark.model
def test_hosts_share_the_clips_of_a_large_batch(folder):
    for source in sources(folder):
        hosts = [source.shard(i, 2) for i in range(2)]
        whole = itertools.islice(source.batches(TINY, "train", 6, seed=1), 4)
        parts = [
            itertools.islice(host.batches(TINY, "train", 3, seed=1), 4)
            for host in hosts
        ]
        for batch, *own in zip(whole, *parts, strict=True):
            joined = [np.concatenate(part) for part in zip(*own, strict=True)]
            assert rows(joined) == rows(batch)
        assert hosts[1].size("train") == source.size("train")
        # A host that resumes goes on with its own.
        late = next(iter(hosts[1].batches(TINY, "train", 3, seed=1, start=2)))
        early = list(itertools.islice(hosts[1].batches(TINY, "train", 3, seed=1), 3))
        assert rows(late) == rows(early[2])


def test_hosts_share_an_evaluation(folder):
    for source in sources(folder):
        hosts = [source.shard(i, 2) for i in range(2)]
        assert sum(host.size("test") for host in hosts) == source.size("test")
        keys = [
            key
            for host in hosts
            for _, _, batch in host.batches(TINY, "test", 2)
            for key in batch
        ]
        expected = [k for _, _, batch in source.batches(TINY, "test", 5) for k in batch]
        assert sorted(keys) == sorted(expected)
        assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(("index", "count"), [(2, 2), (-1, 2), (0, 0), (0.0, 2)])
def test_a_host_that_is_not_there_is_refused(index, count):
    name = "index" if count else "count"
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        MovingShapes().shard(index, count)
    with pytest.raises(ValueError, match="`source` must be not a shard"):
        MovingShapes().shard(0, 2).shard(0, 2)
