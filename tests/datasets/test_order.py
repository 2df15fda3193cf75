import itertools

import numpy as np
import pytest

from datasets.order import check, check_request, draws, halves, training_order


def first(count, *args):
    return list(itertools.islice(training_order(*args), count))


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
    ],
)
def test_rejects_a_request_no_source_can_serve(arguments, name):
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        check_request(*arguments)


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
