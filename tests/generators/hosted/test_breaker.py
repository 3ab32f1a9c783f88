"""A provider that fails is given a rest."""

from typing import Any

import pytest

from generators.events import FailureKind
from generators.hosted.breaker import Breaker, State
from tests.peers.clock import VirtualTime

DOWN = FailureKind.PROVIDER_DOWN


@pytest.fixture
def breaker(time: VirtualTime) -> Breaker:
    return Breaker("OpenAI", time.clock(), failures=3, rest=30.0)


def _state(breaker: Breaker) -> State:
    return breaker.state  # through a function, since the type checker takes a property for constant


def _fail(breaker: Breaker, times: Any, kind: Any = DOWN) -> Any:
    for _ in range(times):
        assert breaker.enter()
        breaker.failed(kind, "It said 503.")


def test_breaker_opens_after_the_failures_in_a_row(breaker: Breaker) -> None:
    _fail(breaker, 2)
    assert _state(breaker) is State.CLOSED
    _fail(breaker, 1)
    assert _state(breaker) is State.OPEN
    assert not breaker.enter()
    assert breaker.reason() == "OpenAI is given a rest for 30 more seconds. It said 503."


def test_success_in_between_starts_the_count_anew(breaker: Breaker) -> None:
    _fail(breaker, 2)
    assert breaker.enter()
    breaker.succeeded()
    _fail(breaker, 2)
    assert _state(breaker) is State.CLOSED


def test_half_open_breaker_lets_one_call_try(breaker: Breaker, time: VirtualTime) -> None:
    _fail(breaker, 3)
    time.now += 30
    assert _state(breaker) is State.HALF_OPEN
    assert breaker.reason() is None
    assert breaker.enter()
    assert not breaker.enter()
    breaker.succeeded()
    assert _state(breaker) is State.CLOSED
    assert breaker.enter()
    assert breaker.enter()


def test_failed_trial_doubles_the_rest_up_to_ten_times(breaker: Breaker, time: VirtualTime) -> None:
    _fail(breaker, 3)
    rests = []
    for _ in range(6):
        rests.append(breaker.wait())
        time.now += breaker.wait()
        _fail(breaker, 1)
    assert rests == [30, 60, 120, 240, 300, 300]


def test_cancelled_trial_frees_the_place(breaker: Breaker, time: VirtualTime) -> None:
    _fail(breaker, 3)
    time.now += 30
    assert breaker.enter()
    breaker.left()
    assert breaker.enter()


def test_rate_limit_rests_as_long_as_it_says(breaker: Breaker, time: VirtualTime) -> None:
    assert breaker.enter()
    breaker.failed(FailureKind.RATE_LIMITED, "slow down", retry_after=12.0)
    assert _state(breaker) is State.OPEN
    assert breaker.wait() == 12
    time.now += 12
    assert _state(breaker) is State.CLOSED


@pytest.mark.parametrize(
    "kind", [FailureKind.REJECTED_CONTENT, FailureKind.BAD_REQUEST, FailureKind.AUTHENTICATION]
)
def test_refusals_do_not_count(breaker: Breaker, kind: Any) -> None:
    _fail(breaker, 10, kind)
    assert _state(breaker) is State.CLOSED
