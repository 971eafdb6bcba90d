"""The rules of a call's steps, without a socket: every way that doubt and certainty can follow each other."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters._intents import Payment
from adapters._spec import Absent, Declined, Done, Doubt, Later, Outcome, Repeat, Why
from adapters._transport.calls import (
    FINAL,
    PAUSE_MS,
    PAUSE_MS_MAX,
    Act,
    Call,
    CallState,
    Terms,
    act_of,
    after_question,
    after_send,
    given_up,
    held_back,
    resumed,
    sending,
    terms_of,
)
from tests.adapters.contract.cases import CASES, authorize

START_MS = 1_000_000
DONE = Done(Payment("p", "c", 5, "EUR"))
DECLINED = Declined("no", "No.")
LATER, LIMITED = Later(Why.UNREACHABLE, "no connection"), Later(Why.LIMITED, "wait", 7_000)
DOUBT = Doubt(Why.TIMEOUT, "no answer")


def terms(repeat: Repeat, attempts_max: int = 5) -> Terms:
    return Terms(repeat, attempts_max, deadline_ms=1_000, key_lives_ms=100_000, settle_ms=30_000)


def new_call() -> Call:
    return Call(partner="pay", intent=authorize(5, "k"), next_at_ms=START_MS)


def sent(repeat: Repeat, outcome: Outcome, call: Call | None = None, now_ms: int = START_MS) -> Call:
    of = terms(repeat)
    return after_send(sending(call or new_call(), of, now_ms), outcome, of, now_ms + 10, 0.0)


@pytest.mark.parametrize("repeat", list(Repeat))
def test_what_ends_a_call_ends_it(repeat: Repeat) -> None:
    for outcome, state in ((DONE, CallState.DONE), (DECLINED, CallState.DECLINED)):
        call = sent(repeat, outcome)
        assert (call.state, call.outcome) == (state, outcome)
        assert act_of(call, terms(repeat), 1 << 50) is Act.NOTHING


@pytest.mark.parametrize("repeat", list(Repeat))
def test_what_certainly_did_nothing_is_sent_again_after_a_pause(repeat: Repeat) -> None:
    call = sent(repeat, LATER)
    assert call.state is CallState.DUE and call.next_at_ms == START_MS + 10 + PAUSE_MS
    assert act_of(call, terms(repeat), call.next_at_ms - 1) is Act.NOTHING
    assert act_of(call, terms(repeat), call.next_at_ms) is Act.SEND
    assert sent(repeat, LIMITED).next_at_ms == START_MS + 10 + 7_000, "not before the partner wants it"


def test_after_a_doubt_only_what_may_be_repeated_is_sent_again() -> None:
    wanted = {Repeat.SAFE: Act.SEND, Repeat.KEYED: Act.SEND, Repeat.ONCE: Act.ASK}
    for repeat, act in wanted.items():
        call = sent(repeat, DOUBT)
        assert call.state is CallState.DOUBTFUL
        assert act_of(call, terms(repeat), call.next_at_ms) is act


def test_a_key_that_the_partner_may_have_forgotten_is_asked_about() -> None:
    call = sent(Repeat.KEYED, DOUBT)
    assert act_of(call, terms(Repeat.KEYED), START_MS + 100_000 - 1_001) is Act.SEND
    assert act_of(call, terms(Repeat.KEYED), START_MS + 100_000 - 1_000) is Act.ASK


@pytest.mark.parametrize("repeat", list(Repeat))
def test_a_doubt_stays_when_a_later_attempt_did_nothing(repeat: Repeat) -> None:
    """The first request may still be in effect, whatever became of the second."""
    call = sent(repeat, DOUBT)
    call = sent(repeat, LATER, call, call.next_at_ms)
    assert call.state is CallState.DOUBTFUL and call.outcome == DOUBT


@pytest.mark.parametrize("repeat", list(Repeat))
def test_a_call_that_was_under_way_when_we_died_is_a_doubt(repeat: Repeat) -> None:
    of = terms(repeat)
    call = sending(new_call(), of, START_MS)
    assert act_of(call, of, START_MS + 999) is Act.NOTHING, "whoever sends it may be alive"
    assert act_of(call, of, START_MS + 1_000) is (Act.ASK if repeat is Repeat.ONCE else Act.SEND)
    again = after_send(sending(call, of, START_MS + 1_000), LATER, of, START_MS + 1_010, 0.0)
    assert again.state is CallState.DOUBTFUL and isinstance(again.outcome, Doubt)


@pytest.mark.parametrize("repeat", list(Repeat))
def test_a_call_that_ends_the_process_each_time_is_not_tried_for_ever(repeat: Repeat) -> None:
    of, call = terms(repeat), new_call()
    for _ in range(5):
        assert act_of(call, of, call.next_at_ms) is not Act.GIVE_UP
        call = sending(call, of, call.next_at_ms)
    assert act_of(call, of, call.next_at_ms) is Act.GIVE_UP
    assert (given_up(call).state, type(given_up(call).outcome)) == (CallState.STUCK, Doubt)


def test_that_nothing_is_known_is_believed_when_nothing_can_be_on_its_way() -> None:
    of, call = terms(Repeat.ONCE), sent(Repeat.ONCE, DOUBT)
    absent = Absent("nothing")
    early = after_question(call, absent, of, START_MS + 29_999, 0.0)
    assert early.state is CallState.DOUBTFUL and early.next_at_ms >= START_MS + 30_000
    assert act_of(early, of, early.next_at_ms) is Act.ASK
    late = after_question(early, absent, of, START_MS + 30_000, 0.0)
    assert late.state is CallState.DUE and act_of(late, of, START_MS + 30_000) is Act.SEND
    clear = after_send(sending(late, of, START_MS + 30_000), LATER, of, START_MS + 30_010, 0.0)
    assert clear.state is CallState.DUE, "the doubt was answered"


def test_a_question_may_find_what_was_done_and_may_fail_itself() -> None:
    of, call = terms(Repeat.ONCE), sent(Repeat.ONCE, DOUBT)
    assert after_question(call, DONE, of, START_MS + 20, 0.0).state is CallState.DONE
    for fault in (LATER, DOUBT):
        assert after_question(call, fault, of, START_MS + 20, 0.0).state is CallState.DOUBTFUL


def test_who_fails_too_often_waits_for_a_person() -> None:
    call = new_call()
    for _ in range(5):
        assert call.state is CallState.DUE
        call = sent(Repeat.SAFE, LATER, call, call.next_at_ms)
    assert call.state is CallState.STUCK and act_of(call, terms(Repeat.SAFE), 1 << 50) is Act.NOTHING
    again = resumed(call, 5)
    assert (again.state, again.attempts) == (CallState.DUE, 0)


def test_questions_are_bounded_too_and_a_stuck_doubt_is_asked_about_first() -> None:
    call = sent(Repeat.ONCE, DOUBT)
    for _ in range(5):
        call = after_question(call, LATER, terms(Repeat.ONCE), call.next_at_ms, 0.0)
    assert call.state is CallState.STUCK and call.outcome == DOUBT
    again = resumed(call, 5)
    assert act_of(again, terms(Repeat.ONCE), 5) is Act.ASK
    sent_again = sent(Repeat.KEYED, LATER, again, 5)
    assert sent_again.state is CallState.DOUBTFUL, "a doubt outlives the counting anew"


def test_pauses_double_to_a_bound_and_are_spread_by_chance() -> None:
    of = terms(Repeat.SAFE, attempts_max=100)
    call, pauses = new_call(), []
    for _ in range(14):
        before = call.next_at_ms
        call = after_send(sending(call, of, before), LATER, of, before, 0.0)
        pauses.append(call.next_at_ms - before)
    assert pauses[:4] == [1_000, 2_000, 4_000, 8_000] and pauses[-1] == PAUSE_MS_MAX
    half = after_send(sending(new_call(), of, 0), LATER, of, 0, 1.0)
    assert half.next_at_ms == 500


def test_the_terms_of_a_call_are_those_of_its_partner_and_adapter() -> None:
    adapter = CASES["sandbox_payments"].opened(deadline_ms=7_000)
    found = terms_of(adapter, authorize(5, "k"))
    assert (found.repeat, found.deadline_ms, found.attempts_max) == (Repeat.KEYED, 7_000, 12)
    assert found.settle_ms == 7_000 + adapter.spec.settle_ms, "it may have left at the last moment of its deadline"


def test_what_is_held_back_counts_as_no_attempt() -> None:
    call = held_back(new_call(), START_MS + 5)
    assert (call.attempts, call.state, call.next_at_ms) == (0, CallState.DUE, START_MS + 5)


ENDINGS = st.sampled_from([DONE, DECLINED, LATER, LIMITED, DOUBT, "died"])
ANSWERS = st.sampled_from([DONE, DECLINED, LATER, DOUBT, Absent("nothing")])


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(ENDINGS, ANSWERS, st.floats(0, 1), st.integers(0, 40_000)), max_size=12))
def test_between_two_sendings_of_what_counts_once_the_doubt_was_answered(steps: list[tuple[object, ...]]) -> None:
    """Walks over all ways: what may have been done is never sent again before the partner said it knows nothing."""
    of, call, now_ms, is_clear = terms(Repeat.ONCE, attempts_max=50), new_call(), START_MS, True
    for ending, answer, chance, pause_ms in steps:
        now_ms = max(now_ms + pause_ms, call.next_at_ms)  # type: ignore[operator]
        act = act_of(call, of, now_ms)
        if act is Act.NOTHING:
            assert call.state in FINAL
            return
        if act is Act.SEND:
            assert is_clear, "sent blind"
            call = sending(call, of, now_ms)
            is_clear = isinstance(ending, Later)
            call = call if ending == "died" else after_send(call, ending, of, now_ms + 5, chance)  # type: ignore[arg-type]
        else:
            assert not is_clear, "asked for nothing"
            is_clear = isinstance(answer, Absent) and now_ms >= call.sent_at_ms + of.settle_ms
            call = after_question(call, answer, of, now_ms, chance)  # type: ignore[arg-type]
        call = msgspec.json.decode(msgspec.json.encode(call), type=Call)
