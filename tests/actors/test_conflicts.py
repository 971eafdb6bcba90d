"""Looking into conflicts beside a stream: bounded, over a router that stumbles, and said where it was not done."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable
from typing import Any

import pytest

from actors.cli.main import main
from actors.client import conflicts
from actors.client.conflicts import Conflict, Conflicts
from actors.client.said_again import changes, sentence, shown_values
from actors.client.sources import Block
from actors.client.wire import Answer
from router.wire.differences import conflict_sentence
from tests.labs.csv_files import HEADER, PLAIN, row
from tests.labs.fake_router import FakeRouter, running

ORDERS = 100
Send = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conflicts, "PAUSE_S", 0.01)


@pytest.fixture
def send(capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path) -> Send:
    def run(fake: FakeRouter, *arguments: object, orders: int = ORDERS) -> tuple[int, dict[str, Any]]:
        file = tmp_path / "orders.ndjson"
        file.write_text("".join(json.dumps(_order(number)) + "\n" for number in range(orders)))
        code = main(["send", "--url", fake.url, "--key", "k", "--json", *map(str, arguments), str(file)])
        return code, json.loads(capsys.readouterr().out)

    return run


def _order(number: int) -> dict[str, Any]:
    paid = {"payment": {"status": "paid"}}
    return {"order_id": f"o-{number}", "channel": "web", "lines": [{"sku": "A", "qty": 1}], **paid}


def _views(count: int) -> dict[str, dict[str, Any]]:
    return {f"o-{number}": _view(f"o-{number}") for number in range(count)}


_AMOUNTS = {"declared_discount": 71, "declared_tax": None}


def _view(order_id: str) -> dict[str, Any]:
    absent = dict.fromkeys(("seller", "placed_at", "currency", "customer", "ship_to", "bill_to", "shipping_request"))
    return absent | {
        "order_id": order_id,
        "channel": "web",
        "priority": 0,
        "coupons": [],
        "payment": {"status": "pending"},
        "payments": [],
        "payment_state": "unpaid",
        "money": {"due": 700, "captured": 0, "refunded": 0},
        "lines": [{"line_id": "1", "sku": "A", "qty": 1, "unit_price": None, "node": None} | _AMOUNTS],
        "erased": False,
        "declared_total": 70,
        "other_fields": {},
    }


def test_every_payment_is_reported_over_a_router_that_stumbles(send: Send) -> None:
    with running(FakeRouter(views=_views(60), refuse_views_with=[429, 503, 500])) as fake:
        code, said = send(fake)
    assert (code, said["by_status"]) == (0, {"payment_reported": 60, "allocated": ORDERS - 60})
    assert {event["order_id"]: event["amount"] for event in fake.reported} == {f"o-{at}": 700 for at in range(60)}
    assert said["sent"] == said["answered"] == sum(said["by_status"].values())


@pytest.mark.parametrize("statuses", [[503] * conflicts.ATTEMPTS_MAX, [403]])
def test_what_was_not_looked_into_fails_the_command_in_words(send: Send, statuses: list[int]) -> None:
    with running(FakeRouter(views=_views(40), refuse_views_with=list(statuses))) as fake:
        code, said = send(fake)
    assert code == 1 and f"refused with {statuses[0]}" in said["conflicts_fault"]
    assert said["by_status"] == {"rejected": 40, "allocated": ORDERS - 40}  # all stay counted
    assert said["rejected_by_reason"] == {"id_conflict": 40} and not fake.reported


@pytest.mark.parametrize(
    ("path", "kept"), [("lines[0].tax", None), ("lines[0].discount", 71), ("total", 70), ("tax", None)]
)
def test_an_amount_is_named_as_the_channel_said_it_then(path: str, kept: int | None) -> None:
    sent = _order(1)
    (sent["lines"][0] if path.startswith("lines") else sent)[path.rpartition(".")[2]] = 7
    sent["payment"] = {"status": "paid"}
    found = changes(sent, _view("o-1"), conflict_sentence("web", [path]))
    assert [change.path for change in found] == ["payment.status", path]
    assert f"{path}: 7 sent, {'nothing' if kept is None else kept} stored" in sentence(found)
    assert shown_values(found[1]) == {"field": path, "sent": 7, "stored": kept}


def test_a_field_that_a_view_does_not_show_is_named_with_what_was_sent() -> None:
    """It is not taken for nothing."""
    sent = _order(1) | {"lines": [{"sku": "A", "qty": 1}, {"sku": "B", "qty": 1, "tax": 7}]}
    found = changes(sent, _view("o-1"), conflict_sentence("web", ["lines[2].tax"]))
    [change] = [change for change in found if change.path == "lines[2].tax"]
    assert "lines[2].tax: nothing sent, something else stored" in sentence([change])
    assert shown_values(change) == {"field": "lines[2].tax", "sent": None}


def test_fields_that_a_view_shows_are_named_once_with_both_values() -> None:
    sent = _order(1) | {"payment": {"status": "pending"}, "tax": 5, "shipping": {"service": "express"}}
    sent["lines"] = [{"sku": "A", "qty": 1, "node": "N2"}]
    view = _view("o-1") | {"declared_total": 3_960}
    view["lines"][0]["node"] = "N1"
    said = conflict_sentence("web", ["shipping", "lines[0].node", "total", "tax"])
    told = {change.path: (change.sent, change.kept) for change in changes(sent, view, said)}
    assert told == {
        "shipping.service": ("express", None), "lines[0].node": ("N2", "N1"), "total": (None, 3_960), "tax": (5, None),
    }  # fmt: skip


def test_an_order_that_is_not_seen_is_refused_and_the_others_are_looked_into(send: Send) -> None:
    with running(FakeRouter(views=_views(3), refuse_views_with=[404])) as fake:
        code, said = send(fake, orders=3)
    assert (code, said["by_status"]) == (0, {"rejected": 1, "payment_reported": 2})
    assert "may not see" in said["rejected_examples"]["id_conflict"][0]["detail"]


def test_what_waits_is_settled_between_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conflicts, "SETTLING_S_MAX", 0.0)
    monkeypatch.setattr(conflicts, "WAITING_MAX", 40)
    settled: list[Conflict] = []
    with running(FakeRouter(views=_views(200))) as fake:
        found = Conflicts(fake.url, "k", "", settled.append)
        block = Block([json.dumps(_order(number)).encode() for number in range(50)], range(1, 51))
        for passed, _ in enumerate(found.between([block] * 4), 1):
            for at in range(50):
                found.put(Conflict(block, at, Answer("rejected", f"o-{at}", reasons=["id_conflict"])))
            assert 50 * passed - len(settled) <= 40 + 50
        found.finish()
    assert len(settled) == 200 and {conflict.status for conflict in settled} == {"payment_reported"}


def test_people_are_told_on_the_terminal(
    send: Send, capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path
) -> None:
    views = _views(2)
    views["o-1"]["payment"] = {"status": "refunded"}
    with running(FakeRouter(views=views)) as fake:
        send(fake, orders=0)
        (tmp_path / "orders.ndjson").write_text("".join(json.dumps(_order(number)) + "\n" for number in (0, 1)))
        views["o-1"]["money"]["due"] = 0
        main(["send", "--url", fake.url, "--key", "k", str(tmp_path / "orders.ndjson")])
    told = capsys.readouterr().out
    assert "reported of orders that were sent before: 1 payment_captured" in told
    assert "changed since, and left as it was: payment.status in 1" in told
    assert '"paid" sent, "refunded" stored (nothing is due of the order)' in told


@pytest.mark.parametrize("kind", ["payment_captured", "payment_authorized", "note"])
def test_payments_that_the_mapping_makes_events_of_are_not_reported_twice(
    kind: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mapping, file = tmp_path / "shop.toml", tmp_path / "orders.csv"
    rule = f'[[events]]\ntype = "{kind}"\nevent_id = "e-{{When}}"\n'
    rule += 'constants = { text = "x" }\n' if kind == "note" else ""
    mapping.write_text(PLAIN + '"payment.status" = "paid"\n' + rule)
    file.write_text(HEADER + row("o-0"))
    with running(FakeRouter(views=_views(1))) as fake:
        main(["send", "--url", fake.url, "--key", "k", "--json", "--mapping", str(mapping), str(file)])
    said = json.loads(capsys.readouterr().out)
    assert said["by_status"] == {"payment_reported" if kind == "note" else "rejected": 1}
    assert len(fake.reported) == (kind == "note")
    if kind != "note":
        assert "--events" in said["rejected_examples"]["id_conflict"][0]["detail"]
