"""A call to a partner as it is kept: what is wanted, what was tried, what came of it; and the rules of its steps.

    due ──▶ under_way ──▶ done, declined            (a request that certainly did nothing: due again, later)
     ▲          │ a doubt, or we died here
     │          ▼
     │       doubtful ──▶ asked, or sent again with its key where the partner knows keys ──▶ done, declined
     └── absent ┘                                                     too often, from anywhere ──▶ stuck

Whoever keeps calls (``CallBook``) has ``under_way`` on its disk before a byte is sent.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, Protocol

import msgspec

from adapters._intents import Intent
from adapters._spec import Absent, Adapter, Declined, Done, Doubt, Later, Outcome, Repeat, Why
from adapters._transport.breaker import Breaker
from router.errors import Refused

PAUSE_MS = 1_000  # before the second attempt; doubled from then on
PAUSE_MS_MAX = 900_000


class CallState(StrEnum):
    DUE = "due"
    UNDER_WAY = "under_way"
    DOUBTFUL = "doubtful"
    DONE = "done"
    DECLINED = "declined"
    STUCK = "stuck"  # a person has to look


FINAL = frozenset({CallState.DONE, CallState.DECLINED, CallState.STUCK})


class Call(msgspec.Struct, frozen=True, kw_only=True):
    partner: str
    intent: Intent
    state: CallState = CallState.DUE
    attempts: int = 0  # times it was sent
    questions: int = 0  # times the partner was asked about it, since it was sent last
    first_sent_at_ms: int = 0
    sent_at_ms: int = 0
    next_at_ms: int = 0  # not before; of one that is under way: from when on it is a doubt
    outcome: Outcome | None = None  # the last one

    @property
    def key(self) -> str:
        return self.intent.key

    def __repr__(self) -> str:
        return f"Call({self.partner}, {self.intent!r}, {self.state}, {self.attempts} attempts)"


class KeyReused(Refused):
    """A key that stands for another intent already."""


class CallBook(Protocol):
    """Where calls and breakers are durable. Every method returns when the disk has it."""

    async def begin(self, call: Call) -> Call:
        """Keep a new call; where its partner and key are known, the call that is kept. Raises KeyReused where that
        has another intent."""

    async def keep(self, call: Call) -> None:
        """What became of it."""

    async def due(self, partner: str, now_ms: int, most: int) -> list[Call]:
        """Calls that are not final and whose ``next_at_ms`` has come, the longest overdue first."""

    async def breaker(self, partner: str) -> Breaker:
        """As it was kept last; closed where it never was."""

    async def keep_breaker(self, partner: str, breaker: Breaker) -> None:
        """Whenever it changes."""


class Terms(NamedTuple):
    """What the steps of a call go by."""

    repeat: Repeat
    attempts_max: int
    deadline_ms: int
    key_lives_ms: int
    settle_ms: int  # since the sending began


def terms_of(adapter: Adapter, intent: Intent) -> Terms:  # type: ignore[type-arg]
    spec, settings = adapter.spec, adapter.settings
    repeat = spec.repeats[type(intent)]
    settle_ms = settings.deadline_ms + spec.settle_ms  # a request may leave, and be done, at the last moment
    return Terms(repeat, settings.attempts_max, settings.deadline_ms, spec.key_lives_ms, settle_ms)


class Act(StrEnum):
    NOTHING = "nothing"  # now
    SEND = "send"
    ASK = "ask"
    GIVE_UP = "give_up"  # every attempt ended with the process that made it


def act_of(call: Call, terms: Terms, now_ms: int) -> Act:
    """What is to be done with a call. Nothing that was sent once and may be in effect is sent again blind."""
    if call.state in FINAL or now_ms < call.next_at_ms:
        return Act.NOTHING
    if call.state is CallState.UNDER_WAY and call.attempts >= terms.attempts_max:
        return Act.GIVE_UP
    if call.state is CallState.DUE or terms.repeat is Repeat.SAFE:
        return Act.SEND
    # The last moment at which the partner may get it must be within the life of the key.
    knows_key = now_ms + terms.deadline_ms < call.first_sent_at_ms + terms.key_lives_ms
    return Act.SEND if terms.repeat is Repeat.KEYED and knows_key else Act.ASK


def sending(call: Call, terms: Terms, now_ms: int) -> Call:
    """As it is kept before it is sent. What was under way when we died is a doubt that stays until it is answered."""
    was_cut = call.state is CallState.UNDER_WAY
    return msgspec.structs.replace(
        call,
        state=CallState.UNDER_WAY,
        outcome=Doubt(Why.CUT, "the router ended while the request was under way") if was_cut else call.outcome,
        attempts=call.attempts + 1,
        questions=0,
        first_sent_at_ms=call.first_sent_at_ms or now_ms,
        sent_at_ms=now_ms,
        next_at_ms=now_ms + terms.deadline_ms,
    )


def given_up(call: Call) -> Call:
    """It may have been done."""
    doubt = Doubt(Why.CUT, "the router ended during each attempt")
    return msgspec.structs.replace(call, state=CallState.STUCK, outcome=doubt, next_at_ms=0)


def held_back(call: Call, until_ms: int) -> Call:
    """Not sent: there is no room at the partner. Counts as no attempt."""
    return msgspec.structs.replace(call, next_at_ms=until_ms)


def after_send(call: Call, outcome: Outcome, terms: Terms, now_ms: int, chance: float) -> Call:
    """``chance``: 0 to 1, spreads those who failed together."""
    if isinstance(outcome, Done | Declined):
        return _ended(call, outcome)
    assert not isinstance(outcome, Absent), "only questions are answered so"
    # A doubt that an earlier attempt left is not taken away by a later one that did nothing.
    if isinstance(outcome, Later) and not isinstance(call.outcome, Doubt):
        call = msgspec.structs.replace(call, state=CallState.DUE, outcome=outcome)
    else:
        doubt = outcome if isinstance(outcome, Doubt) else call.outcome
        call = msgspec.structs.replace(call, state=CallState.DOUBTFUL, outcome=doubt)
    return _again(call, outcome, terms, now_ms + _pause_ms(call.attempts, chance), now_ms)


def after_question(call: Call, outcome: Outcome, terms: Terms, now_ms: int, chance: float) -> Call:
    """That the partner knows nothing is believed when nothing can be on its way any more."""
    if isinstance(outcome, Done | Declined):
        return _ended(call, outcome)
    call = msgspec.structs.replace(call, state=CallState.DOUBTFUL, questions=call.questions + 1)
    settled_at_ms = call.sent_at_ms + terms.settle_ms
    if isinstance(outcome, Absent) and now_ms >= settled_at_ms:
        call = msgspec.structs.replace(call, state=CallState.DUE, outcome=outcome, first_sent_at_ms=0)
        return _again(call, outcome, terms, now_ms, now_ms)
    next_at_ms = now_ms + _pause_ms(call.questions, chance)
    if isinstance(outcome, Absent):
        next_at_ms = max(next_at_ms, settled_at_ms)
    return _again(call, outcome, terms, next_at_ms, now_ms)


def resumed(call: Call, now_ms: int) -> Call:
    """A stuck call that a person wants tried anew; what was in doubt is asked about first."""
    assert call.state is CallState.STUCK
    state = CallState.DOUBTFUL if isinstance(call.outcome, Doubt) else CallState.DUE
    return msgspec.structs.replace(call, state=state, attempts=0, questions=0, next_at_ms=now_ms)


def _ended(call: Call, outcome: Done | Declined) -> Call:
    state = CallState.DONE if isinstance(outcome, Done) else CallState.DECLINED
    return msgspec.structs.replace(call, state=state, outcome=outcome, next_at_ms=0)


def _again(call: Call, outcome: Outcome, terms: Terms, next_at_ms: int, now_ms: int) -> Call:
    if max(call.attempts, call.questions) >= terms.attempts_max:
        return msgspec.structs.replace(call, state=CallState.STUCK, next_at_ms=0)
    wanted_ms = outcome.retry_after_ms if isinstance(outcome, Later) else 0
    return msgspec.structs.replace(call, next_at_ms=max(next_at_ms, now_ms + wanted_ms))


def _pause_ms(times: int, chance: float) -> int:
    """Twice as long each time, less up to a half of it by chance."""
    assert times >= 1 and 0.0 <= chance <= 1.0
    whole = min(PAUSE_MS_MAX, PAUSE_MS << min(times - 1, 16))
    return whole - int(whole * chance / 2)
