"""When a partner is left alone: the breaker's states and the bucket, on a clock of the test's own."""

from __future__ import annotations

from adapters._intents import Payment
from adapters._spec import Absent, Declined, Done, Doubt, Later, Outcome, Why
from adapters._transport.breaker import FAILURES_MAX, OPEN_MS, OPEN_MS_MAX, Breaker, BreakerState, asked, ended
from adapters._transport.bucket import Bucket

FAILED = Doubt(Why.TIMEOUT, "no answer")
DEADLINE_MS = 500


def failed(breaker: Breaker, times: int, now_ms: int = 0) -> Breaker:
    for _ in range(times):
        breaker = ended(breaker, FAILED, now_ms)
    return breaker


def test_it_opens_after_failures_in_a_row_and_says_why() -> None:
    almost = failed(Breaker(), FAILURES_MAX - 1)
    assert almost.state is BreakerState.CLOSED
    assert failed(ended(almost, Absent("x"), 0), FAILURES_MAX - 1).state is BreakerState.CLOSED, "not in a row"
    opened = failed(almost, 1, now_ms=40)
    assert (opened.state, opened.until_ms) == (BreakerState.OPEN, 40 + OPEN_MS)
    assert opened.why == "timeout: no answer"


def test_one_request_tries_and_decides() -> None:
    opened = failed(Breaker(), FAILURES_MAX)
    assert asked(opened, OPEN_MS - 1, DEADLINE_MS) == (False, opened)
    may_go, half = asked(opened, OPEN_MS, DEADLINE_MS)
    assert may_go and half.state is BreakerState.HALF_OPEN
    assert asked(half, OPEN_MS + 1, DEADLINE_MS)[0] is False, "one at a time"
    assert asked(half, OPEN_MS + DEADLINE_MS, DEADLINE_MS)[0] is True, "one that never came back holds up nobody"
    assert ended(half, Done(Payment("p", "c", 1, "EUR")), OPEN_MS) == Breaker()
    again = ended(half, FAILED, OPEN_MS)
    assert (again.state, again.until_ms) == (BreakerState.OPEN, OPEN_MS + 2 * OPEN_MS)


def test_the_time_doubles_to_a_bound() -> None:
    breaker, now_ms = failed(Breaker(), FAILURES_MAX), 0
    for _ in range(40):
        now_ms = breaker.until_ms
        breaker = ended(asked(breaker, now_ms, DEADLINE_MS)[1], FAILED, now_ms)
    assert breaker.until_ms - now_ms == OPEN_MS_MAX


def test_what_the_partner_says_is_no_failure() -> None:
    no_failures: list[Outcome] = [Declined("no", "No."), Absent("x"), Later(Why.LIMITED, "wait", 5)]
    for outcome in no_failures:
        breaker = Breaker()
        for _ in range(2 * FAILURES_MAX):
            breaker = ended(breaker, outcome, 0)
        assert breaker.state is BreakerState.CLOSED
    half = asked(failed(Breaker(), FAILURES_MAX), OPEN_MS, DEADLINE_MS)[1]
    assert ended(half, Later(Why.LIMITED, "wait"), OPEN_MS) == Breaker()


def test_a_bucket_gives_one_seconds_worth_and_says_when_to_come_again() -> None:
    bucket = Bucket(4)
    assert [bucket.take(1_000) for _ in range(5)] == [0, 0, 0, 0, 251]
    assert bucket.take(1_251) == 0 and bucket.take(1_251) > 0
    assert [bucket.take(60_000) for _ in range(5)].count(0) == 4, "what was not used is not saved for later"


def test_a_bucket_waits_until_the_partner_wants_something_again() -> None:
    bucket = Bucket(4)
    bucket.pause(5_000)
    bucket.pause(3_000)
    assert bucket.take(2_000) == 3_000 and bucket.take(5_000) == 0


def test_a_clock_that_was_put_back_fills_nothing_and_stops_nobody() -> None:
    bucket = Bucket(4)
    assert [bucket.take(10_000) for _ in range(4)] == [0] * 4
    assert bucket.take(1_000) == 251 and bucket.take(1_251) == 0
