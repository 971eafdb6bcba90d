"""What every adapter of the registry has to do, over a real socket of its partner."""

from __future__ import annotations

import asyncio
import logging
import pathlib
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import msgspec
import pytest

from adapters._registry import registered, secret_fields
from adapters._spec import Declined, Done, Doubt, Kind, Later, Repeat, Why
from adapters._transport.calls import Call, CallState
from adapters.sandbox.faults import FAULTS, NOTHING_DONE, Fault
from tests.adapters.contract.cases import CASES, STREET_SECRET, Case
from tests.labs.partner_lab import (
    API_KEY,
    DEADLINE_MS,
    HOOK_SECRET,
    OLD_HOOK_SECRET,
    SHORT_DEADLINE_MS,
    PartnerLab,
    partner_lab,
)

NUMBERS = {fault: number for number, fault in FAULTS.items()}
# What the first attempt ends in; webhooks that go wrong spoil no answer.
FIRST: dict[Fault, tuple[type, Why | None]] = {
    Fault.DECLINED: (Declined, None),
    Fault.LOST_BEFORE: (Doubt, Why.TIMEOUT),
    Fault.LOST_AFTER: (Doubt, Why.TIMEOUT),
    Fault.BROKEN_BEFORE: (Doubt, Why.PARTNER_FAULT),
    Fault.BROKEN_AFTER: (Doubt, Why.PARTNER_FAULT),
    Fault.LIMITED: (Later, Why.LIMITED),
    Fault.MALFORMED: (Doubt, Why.MALFORMED),
    Fault.CUT: (Doubt, Why.CUT),
    Fault.OVERSIZED: (Doubt, Why.OVERSIZED),
    Fault.REDIRECTED: (Later, Why.MOVED),
    Fault.COMPRESSED: (Doubt, Why.MALFORMED),
    Fault.DOWN: (Doubt, Why.PARTNER_FAULT),
}
SECRET_TEXTS = (API_KEY, HOOK_SECRET, OLD_HOOK_SECRET, "tok-secret-card", STREET_SECRET)

every_adapter = pytest.mark.parametrize("name", list(CASES))


def in_lab(case: Case, work: Callable[[PartnerLab], Awaitable[Any]], deadline_ms: int = DEADLINE_MS) -> Any:
    async def inside() -> Any:
        async with partner_lab(partial(case.opened, deadline_ms=deadline_ms)) as lab:
            return await work(lab)

    return asyncio.run(inside())


def test_every_adapter_of_the_registry_is_tried_here() -> None:
    assert set(CASES) == set(registered())
    rooms = {Kind.PAYMENT: "payments", Kind.CARRIER: "carriers"}
    for name, adapter in registered().items():
        assert adapter.__module__.split(".")[1] == rooms[adapter.spec.kind], f"{name} lies in another room"
        assert secret_fields(adapter.spec.settings), f"{name} has no secret"


@every_adapter
def test_each_intent_is_done_and_what_it_does_is_told_once_or_not_at_all(name: str) -> None:
    async def work(lab: PartnerLab) -> list[Call]:
        return [await lab.to_the_end(intent) for intent in await CASES[name].samples(lab)]

    calls = in_lab(CASES[name], work)
    assert {type(call.intent) for call in calls} == set(registered()[name].spec.repeats), "a sample of each intent"
    assert all(isinstance(call.outcome, Done) and call.attempts == 1 for call in calls), calls
    events = {event for call in calls for event in call.outcome.events}  # type: ignore[union-attr]
    ids = [event.event_id for event in events]
    assert len(ids) == len(set(ids)) and all(each.startswith("pay-or-ship:") for each in ids), "an id a fact"


@every_adapter
@pytest.mark.parametrize("fault", list(FIRST))
def test_every_fault_ends_in_a_typed_outcome_and_takes_effect_once(name: str, fault: Fault) -> None:
    case, key = CASES[name], f"key-{fault}"
    kind, why = FIRST[fault]

    async def work(lab: PartnerLab) -> tuple[list[Call], int, list[tuple[str, str]]]:
        await lab.to_the_end(case.faulty(NUMBERS[fault], key), steps_max=80)
        return lab.book.kept, case.effects(lab.sandbox, key), lab.sandbox.requests

    is_lost = fault in (Fault.LOST_BEFORE, Fault.LOST_AFTER)
    kept, effects, requests = in_lab(case, work, SHORT_DEADLINE_MS if is_lost else DEADLINE_MS)
    first = next(call for call in kept if call.attempts and call.state is not CallState.UNDER_WAY)
    assert isinstance(first.outcome, kind), first.outcome
    assert getattr(first.outcome, "why", None) is why
    last = kept[-1]
    if fault is Fault.DOWN:
        assert last.state is CallState.STUCK and isinstance(last.outcome, Doubt)
        return
    if fault is Fault.DECLINED:
        assert last.state is CallState.DECLINED and last.outcome.code and last.outcome.detail  # type: ignore[union-attr]
        return
    assert last.state is CallState.DONE and effects == 1, (last, effects)
    _was_not_sent_blind(last, kind is Doubt, fault, requests)


def _was_not_sent_blind(last: Call, was_doubt: bool, fault: Fault, requests: list[tuple[str, str]]) -> None:
    """Where a partner does things again, a question lies between two requests."""
    repeat = registered_repeat(last)
    posts = [place for place, (method, _) in enumerate(requests) if method == "POST"]
    if repeat is Repeat.ONCE and was_doubt:
        assert len(posts) == (2 if fault in NOTHING_DONE else 1)
        assert requests[1][0] == "GET", "the partner is asked before anything else"
        assert last.attempts == len(posts)


def registered_repeat(call: Call) -> Repeat:
    return next(
        adapter.spec.repeats[type(call.intent)]
        for adapter in registered().values()
        if type(call.intent) in adapter.spec.repeats
    )


@every_adapter
@pytest.mark.parametrize("fault", [None, *(fault for fault in Fault if fault.startswith("hook_"))])
def test_a_webhook_tells_the_very_same_as_the_answer(name: str, fault: Fault | None) -> None:
    """Whichever comes first: the same event ids with the same content are one fact to the order's books."""
    case = CASES[name]

    async def work(lab: PartnerLab) -> tuple[Call, list[Any], PartnerLab]:
        if fault in (Fault.HOOK_UNSIGNED, Fault.HOOK_STALE):
            lab.hooks.statuses = [401]  # as who verifies answers the first one
        call = await lab.to_the_end(case.faulty(NUMBERS[fault] if fault else 1, "k"))
        wanted = 2 if fault in (Fault.HOOK_TWICE, Fault.HOOK_UNSIGNED, Fault.HOOK_STALE) else 1
        for _ in range(200):
            if len(lab.hooks.deliveries) >= wanted:
                break
            await asyncio.sleep(0.01)
        return call, lab.hooks.deliveries, lab

    call, deliveries, lab = in_lab(case, work)
    adapter = case.opened()
    now_s = lab.clock.now_ms // 1_000
    believed = [each for each in deliveries if adapter.verify(each, now_s) is None]
    assert believed and isinstance(call.outcome, Done)
    assert len(deliveries) - len(believed) == (fault in (Fault.HOOK_UNSIGNED, Fault.HOOK_STALE))
    told = [adapter.events(each.body) for each in believed]
    assert all(each == told[0] for each in told), "a delivery that is repeated tells the same"
    if call.outcome.events:
        assert told[0] == list(call.outcome.events)


@every_adapter
def test_secrets_and_personal_data_are_never_shown(
    name: str, caplog: pytest.LogCaptureFixture, tmp_path: pathlib.Path
) -> None:
    case = CASES[name]
    caplog.set_level(logging.DEBUG)

    async def work(lab: PartnerLab) -> str:
        shown = [repr(case.opened()), repr(case.opened()._secrets), repr(lab.caller), repr(lab.adapter.settings)]
        for number, fault in FAULTS.items():
            if fault in FIRST and fault not in (Fault.DOWN, Fault.LOST_BEFORE, Fault.LOST_AFTER):
                intent = case.faulty(number, f"k{number}")
                call = await lab.to_the_end(intent)
                request = lab.adapter.request(intent)
                shown += map(repr, (intent, request, lab.adapter.ask(intent), call, call.outcome, request.path))
        shown += map(repr, lab.hooks.deliveries)
        return "\n".join(shown)

    shown = in_lab(case, work) + caplog.text
    assert not [secret for secret in SECRET_TEXTS if secret in shown]


@every_adapter
def test_a_secret_in_place_of_its_reference_is_refused_without_being_repeated(name: str) -> None:
    from adapters._registry import open_partner
    from router.errors import Misconfigured

    for field in secret_fields(registered()[name].spec.settings):
        given = {**CASES[name].given, "url": "http://127.0.0.1:1"}
        given[field] = [API_KEY] if isinstance(given[field], list) else API_KEY
        with pytest.raises(Misconfigured) as refused:
            open_partner("shop", given, lambda place: "x")
        assert field in str(refused.value) and "env:NAME" in str(refused.value) and API_KEY not in str(refused.value)


@every_adapter
def test_a_call_and_its_outcome_can_be_stored(name: str) -> None:
    async def work(lab: PartnerLab) -> list[Call]:
        return [await lab.to_the_end(intent) for intent in await CASES[name].samples(lab)]

    for call in in_lab(CASES[name], work):
        assert msgspec.json.decode(msgspec.json.encode(call), type=Call) == call
