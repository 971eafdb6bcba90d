"""Webhooks of every adapter: signatures over raw bytes, replays, and bodies that nobody would send."""

from __future__ import annotations

import hmac
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters import _signing
from adapters._registry import registered
from adapters._spec import Absent, Declined, Delivery, Done, Doubt, Kind, Later, Told, Unreadable, WireResponse
from adapters._told import ToldEvent
from tests.adapters.contract.cases import CASES, authorize, label
from tests.labs.partner_lab import HOOK_SECRET, OLD_HOOK_SECRET, STARTED_MS

NOW_S = STARTED_MS // 1_000
OUTCOMES = (Absent, Declined, Done, Doubt, Later)
every_adapter = pytest.mark.parametrize("name", list(CASES))


def good_body(name: str) -> bytes:
    return json.dumps(CASES[name].notice).encode()


@every_adapter
def test_a_delivery_that_the_partner_signed_is_believed_and_tells_its_events(name: str) -> None:
    case, adapter = CASES[name], CASES[name].opened()
    body = good_body(name)
    for secret in (HOOK_SECRET, OLD_HOOK_SECRET):
        assert adapter.verify(case.delivery(body, secret), NOW_S) is None
    events = adapter.events(body)
    assert tuple(event.type for event in events) == case.notice_types
    assert {(event.order_id, event.channel, event.seller, event.source) for event in events} == {
        ("A-1001", "web", "acme", "pay-or-ship")
    }
    assert {event.at for event in events} == {"2026-03-01T21:20:00.000+00:00"}, "when it happened, not when it came"


@every_adapter
def test_no_other_bytes_are_believed(name: str) -> None:
    case, adapter = CASES[name], CASES[name].opened()
    body = good_body(name)
    good = case.delivery(body)
    for place in range(0, len(body), 7):
        other = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        assert adapter.verify(Delivery(good.headers, other), NOW_S).reason == "signature_wrong"  # type: ignore[union-attr]
    reformatted = json.dumps(CASES[name].notice, indent=1).encode()
    assert adapter.verify(Delivery(good.headers, reformatted), NOW_S) is not None, "the same JSON in other bytes"
    assert adapter.verify(case.delivery(body, "another"), NOW_S).reason == "signature_wrong"  # type: ignore[union-attr]
    assert adapter.verify(case.delivery(body, ""), NOW_S) is not None
    assert adapter.verify(Delivery({}, body), NOW_S).reason == "signature_missing"  # type: ignore[union-attr]


@every_adapter
@pytest.mark.parametrize("late_s", [301, 3_600, -301])
def test_what_was_kept_is_not_believed_later(name: str, late_s: int) -> None:
    case, adapter = CASES[name], CASES[name].opened()
    kept = case.delivery(good_body(name))
    assert adapter.verify(kept, NOW_S + 299) is None and adapter.verify(kept, NOW_S - 299) is None
    assert adapter.verify(kept, NOW_S + late_s).reason == "signature_old"  # type: ignore[union-attr]


@every_adapter
def test_signatures_are_compared_in_constant_time(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[Any, Any]] = []

    def noted(a: Any, b: Any) -> bool:
        compared.append((a, b))
        return hmac.compare_digest(a, b)

    class Watched:
        new = staticmethod(hmac.new)
        compare_digest = staticmethod(noted)

    monkeypatch.setattr(_signing, "hmac", Watched)
    case = CASES[name]
    assert case.opened().verify(case.delivery(good_body(name)), NOW_S) is None
    assert len(compared) == 2, "each valid secret, also after one has matched"


@every_adapter
def test_a_delivery_that_comes_again_tells_the_same_events(name: str) -> None:
    adapter = CASES[name].opened()
    again = {**CASES[name].notice, "id": "evt_another", "created": STARTED_MS + 5}
    first, second = adapter.events(good_body(name)), adapter.events(json.dumps(again).encode())
    assert msgspec.json.encode(first) == msgspec.json.encode(second)


def with_unknown(value: Any) -> Any:
    """The same JSON, each object with members that nobody knows."""
    if isinstance(value, dict):
        return {name: with_unknown(each) for name, each in value.items()} | {"x_new": {"deep": [1, None]}, "x2": 1.5}
    return [with_unknown(each) for each in value] if isinstance(value, list) else value


@every_adapter
def test_unknown_members_change_nothing(name: str) -> None:
    adapter = CASES[name].opened()
    body = json.dumps(with_unknown(CASES[name].notice)).encode()
    assert adapter.events(body) == adapter.events(good_body(name))
    assert adapter.events(json.dumps({"id": "e", "type": "something.new", "data": 7}).encode()) == []


@every_adapter
def test_what_another_system_did_with_the_same_account_names_no_order(name: str) -> None:
    """Of money nothing is told then; a parcel may be ours all the same, by its tracking number."""
    notice, adapter = CASES[name].notice, CASES[name].opened()
    for metadata in ({}, {"their_id": "7"}):
        body = json.dumps(notice | {"data": notice["data"] | {"metadata": metadata}}).encode()
        told = [(event.order_id, event.shipment_id, event.tracking_number) for event in adapter.events(body)]
        is_carrier = adapter.spec.kind is Kind.CARRIER
        assert told == ([("", "", notice["data"]["number"])] * 2 if is_carrier else [])


@every_adapter
def test_each_ending_of_a_delivery_has_an_answer(name: str) -> None:
    adapter = CASES[name].opened()
    answers = {told: adapter.answer(told) for told in Told}
    assert 200 <= answers[Told.TAKEN].status < 300
    assert all(not 200 <= answers[told].status < 300 for told in (Told.UNSIGNED, Told.NOT_KEPT))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def spoiled(draw: st.DrawFn, good: Any) -> Any:
    """A good document with some members of another value, or without them."""
    if isinstance(good, dict):
        return {name: draw(spoiled(value)) for name, value in good.items() if draw(st.integers(0, 9)) > 0}
    if isinstance(good, list):
        return [draw(spoiled(value)) for value in good]
    return draw(JSON_VALUES) if draw(st.integers(0, 6)) == 0 else good


def bodies(good: Any) -> st.SearchStrategy[bytes]:
    whole = spoiled(good).map(lambda each: json.dumps(each).encode())
    cut = st.integers(0, 400).map(lambda length: json.dumps(good).encode()[:length])
    deep = st.integers(1, 3_000).map(lambda depth: b"[" * depth)
    return whole | cut | deep | st.binary(max_size=60) | JSON_VALUES.map(lambda each: json.dumps(each).encode())


@every_adapter
def test_no_delivery_breaks_an_adapter(name: str) -> None:
    adapter = CASES[name].opened()

    @settings(max_examples=300, deadline=None)
    @given(bodies(CASES[name].notice))
    def read(body: bytes) -> None:
        try:
            events = adapter.events(body)
        except Unreadable as fault:
            assert str(fault)
            return
        assert all(isinstance(event, ToldEvent) and len(event.event_id) <= 128 for event in events)
        msgspec.json.encode(events)

    read()


GOOD_ANSWERS: dict[str, Any] = {
    "sandbox_payments": CASES["sandbox_payments"].notice["data"],
    "sandbox_carrier": {
        "id": "lab_1", "tracking_number": "RR000000416XX", "price": 990, "currency": "EUR", "format": "pdf",
        "content": "JVBERg==",
    },
}  # fmt: skip


@every_adapter
def test_no_answer_breaks_an_adapter(name: str) -> None:
    assert set(GOOD_ANSWERS) == set(registered())
    adapter = CASES[name].opened()
    intent = authorize(5, "k") if name == "sandbox_payments" else label("10115", "k")
    retry = st.dictionaries(st.just("retry-after"), st.sampled_from(["1", "-1", "²", "9" * 30, "Wed, 21 Oct", ""]))

    @settings(max_examples=300, deadline=None)
    @given(st.sampled_from([200, 201, 204, 302, 400, 402, 404, 409, 422, 429, 500, 503, 599]), retry,
           bodies(GOOD_ANSWERS[name]))  # fmt: skip
    def read(status: int, headers: dict[str, str], body: bytes) -> None:
        response = WireResponse(status=status, headers=headers, body=body)
        for outcome in (adapter.read(intent, response), adapter.read_asked(intent, response)):
            assert isinstance(outcome, OUTCOMES)
            msgspec.json.encode(outcome)
        assert not isinstance(adapter.read(intent, response), Absent)

    read()
