from __future__ import annotations

import re
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from kernels.reasons import DUPLICATE_BASKET, OUT_OF_STOCK, SKU_UNKNOWN
from router.arrow.string_table import StringTable
from router.config import Config
from router.ids import hash_key
from router.life.event_types import OrderEvent
from router.life.states import STATE_OF_STATUS, OrderState, PaymentState, pack_state
from router.log.columns import ADMITTED, EVENT_OUTCOME, EVENTS, OUTCOME, Admission, EventResult, Status
from router.log.kinds import Kind
from router.log.memory import MemoryLog
from router.log.records import frame, serialize, write_documents
from router.log.steps import step_at
from router.queries import (
    CursorError,
    OrderFilter,
    ViewTerms,
    explain_view,
    order_view,
    search,
    stream,
    timeline_view,
)
from router.queries.text import date_text, time_text

HOUR = 3_600_000
TABLES: Any = SimpleNamespace(
    skus=SimpleNamespace(
        ids=StringTable(["tea", "cup", "pot", "tea-set"]),
        goods_class=np.zeros(4, np.int32),
        bundle_offset=np.array([0, 0, 0, 0, 2]),
        bundle_sku=np.array([1, 2], np.int32),
        bundle_qty=np.array([4, 1], np.int32),
        tax_class=np.zeros(4, np.int32),
    ),
    taxes=SimpleNamespace(
        class_ids=StringTable(["standard", "shipping"]),
        offset=np.zeros(8, np.int32),
        tax=np.zeros(1, np.int32),
        names=[""],
        rate=np.array([19_000_000]),
    ),
    nodes=SimpleNamespace(
        ids=StringTable(["north", "south"]),
        active=np.ones(2, np.uint8),
        serves_channel=np.ones((2, 1), np.uint8),
        serves_zone=np.ones((2, 1), np.uint8),
        accepts_goods=np.ones((2, 1), np.uint8),
        handling_minor=np.array([30, 40]),
    ),
    rates=SimpleNamespace(
        carriers=StringTable(["post", "van"]),
        services=StringTable(["standard", "express"]),
        loaded=False,
        band_carrier=np.array([0, 1], np.int16),
        band_service=np.array([1, -1], np.int16),
    ),
    currencies=StringTable(["EUR", "GBP"]),
    promotions=SimpleNamespace(ids=StringTable(["SPRING", "FIRST"])),
    policy_or=lambda default: default,
)


def tables_of(version: int) -> Any:
    assert version == 4, "names belong to the version the order was decided with"
    return TABLES


VIEWS = ViewTerms(hash_key(bytes(range(16))), tables_of, lambda *_: TABLES, Config())


def plain(fields: Iterable[pa.Field], **given: Any) -> dict[str, Any]:
    """A row with a zero, an empty text or an empty list wherever nothing was given."""
    row: dict[str, Any] = {}
    for field in fields:
        form = field.type
        empty: Any = [] if pa.types.is_list(form) else "" if pa.types.is_string(form) else 0
        value = given.pop(field.name, empty)
        if pa.types.is_list(form) and pa.types.is_struct(form.value_type):
            value = [plain(form.value_type, **each) for each in value]
        row[field.name] = value
    assert not given, given
    return row


def seen(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Lines without their units, which are another test's matter."""
    return [{name: value for name, value in line.items() if name not in ("units", "components")} for line in lines]


def batch(schema: pa.Schema, rows: list[dict[str, Any]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, schema=schema)


class Shard:
    """Writes logs as a shard does and keeps the index a reader would see."""

    def __init__(self) -> None:
        self.log = MemoryLog(2)
        self.sequence = 0
        self.index: dict[tuple[int, int], tuple[int, int, int]] = {}
        self.ordered: dict[str, int] = {}  # order id -> reference of its ORDERS record

    def orders(self, orders: list[tuple[dict[str, Any], dict[str, Any]]], documents: list[bytes], now_ms: int) -> None:
        self.sequence += 1
        given, outcome = [], []
        for row, (sent, became) in enumerate(orders):
            key = (0, hash(sent["order_id"]) & (2**63 - 1))
            before = self.index.get(key)
            version = before[2] + 1 if before else 1
            given.append(plain(ADMITTED, **sent, hash_lo=key[1]))
            outcome.append(plain(OUTCOME, **became, version=version, previous=before[0] if before else -1))
            state = STATE_OF_STATUS[became.get("status", 0)]
            self.index[key] = (self.sequence << 16 | row, state, version)
            self.ordered[sent["order_id"]] = self.sequence << 16 | row
        stream_of_documents = write_documents(pa.record_batch({"json": pa.array(documents, type=pa.binary())}))
        self._append(0, Kind.ORDERS, batch(ADMITTED, given), now_ms, memoryview(stream_of_documents))
        self._append(1, Kind.OUTCOMES, batch(OUTCOME, outcome), now_ms)

    def events(self, events: list[tuple[str, OrderEvent, int, int]], now_ms: int) -> None:
        """(order id, event, state byte afterwards, result) each."""
        self.sequence += 1
        given, outcome = [], []
        for row, (order_id, event, after, result) in enumerate(events):
            key = (0, hash(order_id) & (2**63 - 1))
            newest, before, version = self.index[key]
            given.append(plain(EVENTS, order_id=order_id, event_id=f"e{row}", event=event, occurred_at_ms=-1))
            applied = result == EventResult.APPLIED
            outcome.append(
                plain(
                    EVENT_OUTCOME,
                    result=result,
                    before=before,
                    after=after if applied else before,
                    version=version + applied,
                    order=self.ordered[order_id],
                    previous=newest,
                )
            )
            if applied:
                self.index[key] = (self.sequence << 16 | row, after, version + 1)
        self._append(0, Kind.EVENTS, batch(EVENTS, given), now_ms)
        self._append(1, Kind.EVENT_OUTCOMES, batch(EVENT_OUTCOME, outcome), now_ms)

    def found(self, order_id: str) -> tuple[int, int, int]:
        return self.index[0, hash(order_id) & (2**63 - 1)]

    def find(self, _shard: int, hi: int, lo: int) -> tuple[int, int, int] | None:
        return self.index.get((hi, lo))

    def _append(self, part: int, kind: Kind, rows: pa.RecordBatch, now_ms: int, documents: Any = None) -> None:
        record = frame(kind, part, self.sequence, [serialize(rows)], tables_version=4, now_ms=now_ms)
        self.log.append(self.sequence, part, record, documents)


LINE = {"sku": 0, "qty": 3, "unit_price_minor": 250, "list_price_minor": 250, "node": -1}
SET = {"sku": 3, "qty": 1, "unit_price_minor": 900, "list_price_minor": 900, "node": 0}
MONEY = {"gross_minor": 750, "discount_minor": 50, "tax_minor": 117, "total_minor": 700}


def one_order() -> Shard:
    shard = Shard()
    sent = {
        "order_id": "o-1",
        "channel": "web",
        "placed_at_ms": 1_700_000_000_123,
        "currency": 1,
        "risk": 10,
        "reason_line": -1,
        "promotions": [0, 1],
        "promise_by_ms": -1,
        "lines": [LINE, SET],
        "weight_g": 1200,
    }
    became = {
        "status": Status.PARTIALLY_ALLOCATED,
        "reasons": 1 << DUPLICATE_BASKET,
        "risk": 20,
        "granted": [0],
        "promise_day": 20_003,
        "cost_minor": 410,
        "runner_up_minor": 500,
        "twin": 2 << 48 | 7 << 16 | 5,
        "parcels": [
            {"node": 1, "band": 0, "ship_day": 20_000, "promise_day": 20_003, "cost_minor": 400, "pieces": 1},
            {"node": 0, "band": -1, "ship_day": 20_000, "promise_day": 20_001, "cost_minor": 10, "pieces": 1},
        ],
        "lines": [
            {"backordered": 1, "allocations": [{"sku": 0, "node": 1, "qty": 2}]},
            {"backordered": 0, "allocations": [{"sku": 1, "node": 0, "qty": 4}, {"sku": 2, "node": 0, "qty": 1}]},
        ],
        "total_minor": 1600,
        "discount_minor": 50,
        "tax_minor": 267,
        "shipping_minor": 0,
        "money_lines": [MONEY, {**MONEY, "gross_minor": 900}],
    }
    document = (
        b'{"order_id":"o-1","customer":{"id":"c","name":"Ada"},"ship_to":{"city":"York"},"gift":true,'
        b'"shipping":{"service":"express"},"coupons":["SPRING"],"lines":[{"line_id":"A","sku":"tea"},{"sku":"tea-set"}]}'
    )
    shard.orders([(sent, became)], [document], 1_700_000_000_500)
    return shard


def test_an_order_shows_its_acknowledgement_its_state_and_its_document():
    shard = one_order()
    view = order_view(3, shard.found("o-1"), shard.log, VIEWS)
    assert view["order_id"] == "o-1" and view["status"] == "partially_allocated"
    assert (view["state"], view["payment_state"], view["version"]) == ("partially_allocated", "unpaid", 1)
    assert (view["total"], view["discount"], view["tax"], view["shipping"], view["currency"]) == (
        1600,
        50,
        267,
        0,
        "GBP",
    )
    assert view["placed_at"] == "2023-11-14T22:13:20.123Z" and view["promise_date"] == "2024-10-07"
    assert view["cursor"] == "3:1:0" and view["duplicate_of"] == "2:7:5"
    assert view["reasons"] == ["duplicate_basket"] and view["promotions"] == ["SPRING"]
    assert seen(view["lines"]) == [
        {
            "line_id": "A",
            "sku": "tea",
            "qty": 3,
            "unit_price": 250,
            "node": None,
            "declared_discount": None,
            "declared_tax": None,
            "gross": 750,
            "discount": 50,
            "tax": 117,
            "total": 700,
            "taxes": [{"name": None, "percent": 19.0, "amount": 117}],
            "allocations": [{"node": "south", "qty": 2}],
            "backordered": 1,
        },
        {
            "line_id": "2",
            "sku": "tea-set",
            "qty": 1,
            "unit_price": 900,
            "node": "north",
            "declared_discount": None,
            "declared_tax": None,
            "gross": 900,
            "discount": 50,
            "tax": 117,
            "total": 700,
            "taxes": [{"name": None, "percent": 19.0, "amount": 117}],
            "allocations": [{"node": "north", "qty": 4, "sku": "cup"}, {"node": "north", "qty": 1, "sku": "pot"}],
            "backordered": 0,
        },
    ]
    assert view["parcels"] == 2
    assert view["parcel_plan"][0] == {
        "node": "south",
        "carrier": "post",
        "service": "express",
        "ship_date": "2024-10-04",
        "promise_date": "2024-10-07",
        "cost": 400,
        "pieces": 1,
    }
    assert view["parcel_plan"][1]["carrier"] is None
    assert view["customer"] == {"id": "c", "name": "Ada"} and view["ship_to"] == {"city": "York"}
    assert view["shipping_request"] == {"service": "express"} and view["other_fields"] == {"gift": True}


def test_an_erased_order_keeps_its_decision_and_nothing_personal():
    shard = one_order()
    shard.log.erase_document(1, 0)
    view = order_view(0, shard.found("o-1"), shard.log, VIEWS)
    assert view["erased"] and view["total"] == 1600 and view["lines"][0]["line_id"] == "1"
    assert view["customer"] is None and view["ship_to"] is None and view["other_fields"] == {}
    assert "Ada" not in str(view)


def test_a_rejected_order_with_an_unknown_sku_shows_the_sku_that_was_sent():
    shard = Shard()
    sent = {
        "order_id": "r",
        "currency": -1,
        "reasons": 1 << SKU_UNKNOWN,
        "admission": Admission.REJECT,
        "lines": [{"sku": -1, "qty": 1, "unit_price_minor": -1, "list_price_minor": -1, "node": -1}],
    }
    became = {"status": Status.REJECTED, "promise_day": -1, "twin": -1, "runner_up_minor": -1}
    shard.orders([(sent, became)], [b'{"currency":"XXQ","lines":[{"sku":"ghost","node":"nowhere"}]}'], 5)
    view = order_view(0, shard.found("r"), shard.log, VIEWS)
    assert seen(view["lines"])[0] == {
        "line_id": "1",
        "sku": "ghost",
        "qty": 1,
        "unit_price": None,
        "node": "nowhere",
        "declared_discount": None,
        "declared_tax": None,
        "gross": 0,
        "discount": 0,
        "tax": 0,
        "total": 0,
        "taxes": [],
        "allocations": [],
        "backordered": 0,
    }
    assert view["currency"] == "XXQ" and view["promise_date"] is None and view["reasons"] == ["sku_unknown"]
    why = explain_view(0, shard.found("r"), shard.log, tables_of, Config())
    assert why["admission"]["verdict"] == "reject" and why["admission"]["reasons"][0]["code"] == "sku_unknown"
    assert why["plan"]["margin"] is None


def test_a_rejected_order_shows_the_quantity_and_price_that_were_refused():
    shard = Shard()
    counted = {"sku": 0, "qty": 0, "unit_price_minor": 1000, "list_price_minor": 1000}
    document = b'{"order_id":"r","lines":[{"sku":"APPLE","qty":-2,"unit_price":-5},{"sku":"APPLE","qty":1}]}'
    sent = {"order_id": "r", "lines": [counted, counted]}
    shard.orders([(sent, {"status": Status.REJECTED})], [document], 1)
    view = order_view(0, shard.found("r"), shard.log, VIEWS)
    assert [(line["qty"], line["unit_price"]) for line in view["lines"]] == [(-2, -5), (1, 1000)]


def test_an_order_whose_outcome_is_not_durable_is_not_shown():
    shard = one_order()
    del shard.log._records[1, 1]
    assert order_view(0, shard.found("o-1"), shard.log, VIEWS) is None
    assert timeline_view(0, shard.found("o-1"), shard.log, VIEWS) is None
    assert explain_view(0, shard.found("o-1"), shard.log, tables_of, Config()) is None


def test_explain_names_candidates_plan_and_margin():
    shard = one_order()
    why = explain_view(3, shard.found("o-1"), shard.log, tables_of, Config())
    assert why["promotions"] == {"candidates": ["SPRING", "FIRST"], "granted": ["SPRING"], "not_granted": ["FIRST"]}
    assert why["tables_version"] == 4 and why["risk"] == {"admitted": 10, "final": 20}
    assert why["reasons"][0]["code"] == "duplicate_basket" and why["duplicate_of"] == "2:7:5"
    plan = why["plan"]
    assert (plan["cost"], plan["runner_up_cost"], plan["margin"], plan["promise_by"]) == (410, 500, 90, None)
    assert plan["units"][1]["taken"][0] == {"node": "north", "sku": "cup", "qty": 4}


def simple(order_id: str, status: int = Status.ALLOCATED, **sent: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return {"order_id": order_id, **sent}, {"status": status, "twin": -1}


def walked(prefix: str = "") -> Shard:
    """o-1 held, released, paid, picked; a refused event between; r rejected, then judged anew."""
    shard = Shard()
    paid = pack_state(OrderState.ALLOCATED, PaymentState.PAID)
    shard.orders([simple(prefix + "o-1", Status.HELD), simple(prefix + "r", Status.REJECTED)], [b"{}", b"{}"], HOUR)
    shard.events([(prefix + "o-1", OrderEvent.RELEASE, OrderState.ALLOCATED, EventResult.APPLIED)], 2 * HOUR)
    shard.orders([simple(prefix + "other"), simple(prefix + "r")], [b"{}", b"{}"], 3 * HOUR)
    shard.events(
        [
            (prefix + "other", OrderEvent.CANCEL, OrderState.CANCELLED, EventResult.APPLIED),
            (prefix + "o-1", OrderEvent.PAYMENT_CAPTURED, paid, EventResult.APPLIED),
            (prefix + "o-1", OrderEvent.RETURN, 0, EventResult.REFUSED),
            (prefix + "o-1", OrderEvent.PICK, pack_state(OrderState.PICKING, PaymentState.PAID), EventResult.APPLIED),
        ],
        4 * HOUR,
    )
    return shard


def test_a_rejected_id_judged_anew_has_both_judgements_in_its_timeline():
    shard = walked()
    entries = timeline_view(0, shard.found("r"), shard.log, VIEWS)["entries"]
    assert [(entry["version"], entry["status"]) for entry in entries] == [(1, "rejected"), (2, "allocated")]


@pytest.mark.parametrize(
    "text",
    ["", "0", "0:1", "0:1.", "0:1.0,", "1:1.0,0:1.0", "0:1.0", "0:1.0,1:1.0,2:1.0", "0:01.0,1:1.0", " 0:1.0,1:1.0",
     "0:1.0,1:1.65537", "0:-1.0,1:1.0", "0:1.0,1:9999999999999999999.0", "0:1.0,1:1.0\n", "0:1.0,1:١.0", "x" * 10_000],
)  # fmt: skip
def test_a_cursor_that_was_not_given_out_is_refused_in_words(text):
    sources = [Shard().log, Shard().log]
    with pytest.raises(CursorError, match="cursor") as refusal:
        search(OrderFilter(), text, 1, sources, lambda *_: None, TABLES)
    assert len(str(refusal.value)) < 200


def searchable() -> list[Shard]:
    generator = np.random.default_rng(5)
    shards = [Shard(), Shard(), Shard()]
    now_ms = 0
    for _ in range(30):
        now_ms += int(generator.integers(1, 10))
        shard = shards[int(generator.integers(0, 2))]  # the third stays empty
        orders = []
        for _ in range(int(generator.integers(1, 9))):
            number = int(generator.integers(0, 10_000))
            lines = [{**LINE, "sku": int(sku)} for sku in generator.integers(0, 3, generator.integers(0, 3))]
            status = (Status.ALLOCATED, Status.REJECTED, Status.HELD)[number % 3]
            sent = {
                "order_id": f"{now_ms}-{number}-{len(orders)}",
                "channel": ("web", "shop")[number % 2],
                "customer": number % 5,
                "placed_at_ms": now_ms - number % 3,
                "lines": lines,
            }
            orders.append((sent, {"status": status, "twin": -1, "total_minor": number}))
        shard.orders(orders, [b"{}"] * len(orders), now_ms)
        if generator.integers(0, 2):
            held = [sent["order_id"] for sent, became in orders if became["status"] == Status.HELD]
            if held:
                shard.events([(held[0], OrderEvent.CANCEL, OrderState.CANCELLED, EventResult.APPLIED)], now_ms)
    return shards


def expected(shards: list[Shard], keep: Any) -> set[str]:
    wanted = set()
    for shard in shards:
        for sequence, part, record in shard.log.iterate(1):
            if part == 0 and record.kind is Kind.ORDERS:
                for row in range(pa.ipc.read_record_batch(pa.py_buffer(record.messages[0]), ADMITTED).num_rows):
                    step = step_at(shard.log, sequence << 16 | row)
                    found = shard.found(step.given["order_id"])
                    if keep(step.given, step.outcome, OrderState(found[1] & 31).name.lower()):
                        wanted.add(step.given["order_id"])
    return wanted


def pages(shards: list[Shard], wanted: OrderFilter, limit: int) -> list[dict[str, Any]]:
    def find(shard: int, hi: int, lo: int) -> Any:
        return shards[shard].find(shard, hi, lo)

    rows: list[dict[str, Any]] = []
    cursor: str | None = None
    for _ in range(500):
        page, cursor = search(wanted, cursor, limit, [shard.log for shard in shards], find, TABLES)
        assert len(page) <= limit
        rows += page
        if cursor is None:
            return rows
    raise AssertionError("the search does not end")


def test_search_finds_exactly_what_matches_at_any_page_size():
    shards = searchable()
    cases = [
        (OrderFilter(), lambda given, outcome, state: True),
        (OrderFilter(channel="web"), lambda given, outcome, state: given["channel"] == "web"),
        (OrderFilter(status="held"), lambda given, outcome, state: outcome["status"] == Status.HELD),
        (OrderFilter(state="held"), lambda given, outcome, state: state == "held"),
        (OrderFilter(state="cancelled"), lambda given, outcome, state: state == "cancelled"),
        (OrderFilter(customer=3), lambda given, outcome, state: given["customer"] == 3),
        (OrderFilter(sku="cup"), lambda given, outcome, state: any(line["sku"] == 1 for line in given["lines"])),
        (OrderFilter(sku="ghost"), lambda given, outcome, state: False),
        (OrderFilter(status="nonsense"), lambda given, outcome, state: False),
        (
            OrderFilter(placed_from_ms=40, placed_to_ms=90, channel="shop"),
            lambda given, outcome, state: 40 <= given["placed_at_ms"] < 90 and given["channel"] == "shop",
        ),
    ]
    for wanted, keep in cases:
        matching = expected(shards, keep)
        for limit in (1, 3, 7, 1000):
            ids = [row["order_id"] for row in pages(shards, wanted, limit)]
            assert len(ids) == len(set(ids))
            assert set(ids) == matching, (wanted, limit)


def test_search_goes_from_new_to_old():
    shards = searchable()
    rows = pages(shards, OrderFilter(), 1000)
    times = [int(row["order_id"].split("-")[0]) for row in rows]
    assert times == sorted(times, reverse=True) and len(rows) > 50


def test_search_looks_at_a_bounded_piece_a_call(monkeypatch):
    monkeypatch.setattr("router.queries.order_search.WORK_MAX", 4)
    shards = searchable()
    reads = []
    read = MemoryLog.read
    monkeypatch.setattr(MemoryLog, "read", lambda log, *key: reads.append(key) or read(log, *key))
    page, cursor = search(OrderFilter(sku="ghost"), None, 10, [shard.log for shard in shards], lambda *_: None, TABLES)
    assert page == [] and cursor is not None and len(reads) <= 8
    assert [row["order_id"] for row in pages(shards, OrderFilter(), 5)]


def test_one_page_reaches_an_old_order_behind_hundreds_of_single_ones():
    shard = Shard()
    for number in range(400):
        shard.orders([({"order_id": f"o{number}", "channel": "rare" if number == 3 else "web"}, {})], [b"{}"], number)
    page, _ = search(OrderFilter(channel="rare"), None, 10, [shard.log], shard.find, TABLES)
    assert [row["order_id"] for row in page] == ["o3"]
    page, _ = search(OrderFilter(), None, 300, [shard.log], shard.find, TABLES)
    assert len(page) == 300


def test_the_stream_goes_on_behind_the_cursor_of_an_order():
    shards = [Shard(), Shard()]
    for number in range(6):
        shards[number % 2].orders([({"order_id": f"o{number}-{row}"}, {}) for row in range(2)], [b"{}"] * 2, number)
    logs = [shard.log for shard in shards]
    rows, _ = stream("1:2:0", logs, 100)
    shown = [row["order_id"] for row in rows]
    assert shown == [f"o{number}-{row}" for number in (0, 2, 4) for row in range(2)] + ["o3-1", "o5-0", "o5-1"]
    for odd in ("2:1:0", "0:1:70000", "0:0:0", "0:1:0,1:1:0", "0:9:0", "0:5.0,1:1.0"):
        with pytest.raises(CursorError):
            stream(odd, logs, 5)
    assert stream("0:4.0,1:4.0", logs, 5) == ([], "0:4.0,1:4.0")


def test_search_shows_a_rejected_id_judged_anew_once():
    shard = walked()
    rows = pages([shard], OrderFilter(), 10)
    assert sorted(row["order_id"] for row in rows) == ["o-1", "other", "r"]
    (again,) = [row for row in rows if row["order_id"] == "r"]
    assert (again["status"], again["version"], again["cursor"]) == ("allocated", 2, "0:3:1")


def test_times_and_days_outside_any_calendar_do_not_break_a_view():
    assert time_text(-1) is None and time_text(2**62) is None and date_text(-1) is None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time_text(0))


def test_reasons_of_admission_and_decision_are_shown_together():
    shard = Shard()
    sent = {"order_id": "x", "reasons": 1 << SKU_UNKNOWN}
    shard.orders([(sent, {"reasons": 1 << OUT_OF_STOCK, "twin": -1})], [b"{}"], 1)
    rows, _ = stream(None, [shard.log], 5)
    assert rows[0]["reasons"] == ["sku_unknown", "out_of_stock"]
