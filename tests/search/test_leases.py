import math

import pytest

from search.leases import Leases


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_a_lease_expires_unless_it_is_renewed(clock):
    leases = Leases(10, clock)
    leases.grant("0000", 1, "a")
    leases.grant("0001", 1, "b")
    clock.now += 9
    assert leases.renew("0000", 1)
    clock.now += 1
    assert leases.expired() == []
    clock.now += 0.5
    assert [lease.trial for lease in leases.expired()] == ["0001"]
    clock.now += 9
    assert [lease.trial for lease in leases.expired()] == ["0000", "0001"]


def test_only_who_has_the_trial_renews_it(clock):
    leases = Leases(10, clock)
    leases.grant("0000", 1, "a")
    leases.grant("0000", 2, "b")
    assert not leases.renew("0000", 1)
    assert not leases.renew("0007", 1)
    assert leases.renew("0000", 2)
    assert leases.of("a") == []
    assert [lease.attempt for lease in leases.of("b")] == [2]


def test_a_released_trial_has_no_lease(clock):
    leases = Leases(10, clock)
    leases.grant("0000", 1, "a")
    leases.release("0000")
    leases.release("0000")
    assert len(leases) == 0
    assert not leases.renew("0000", 1)


def test_without_seconds_a_lease_is_for_ever(clock):
    leases = Leases(None, clock)
    leases.grant("0000", 1, "a")
    clock.now = 1e12
    assert leases.expired() == []
    assert next(iter(leases)).expires == math.inf
