"""Refunds over a real gateway, real engines and the sandbox's provider on a real socket, its webhooks included."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from actors.gateway.core.backend import ShardUnavailable
from actors.gateway.http.work_shapes import WORK
from adapters._intents import Authorize, Capture, OrderReference
from adapters._registry import open_partner
from adapters._transport.caller import Caller
from adapters._transport.calls import CallState
from adapters._transport.http import HttpWire
from adapters.sandbox.server import Sandbox, SandboxSettings
from router.config import DeskConfig
from tests.actors.test_daily_commands import Shell
from tests.actors.test_gateway_http import JSON, Lab
from tests.actors.test_partner_journey import now_ms
from tests.actors.test_work_endpoint import ask
from tests.labs.call_book import MemoryBook
from tests.labs.gateway_backend import order
from tests.labs.partner_lab import served
from tests.labs.serve_fixture import free_port, until
from tests.labs.stocked_gateway import over_engines, put_tables

LIMIT_MINOR = 10_000  # of ops
KEYS = {"api_key": "env:SANDBOX_KEY", "hook_secrets": ["env:SANDBOX_HOOK"]}


class Shop:
    """A router and a provider that know each other."""

    def __init__(self, lab: Lab, sandbox: Sandbox, wire: HttpWire, caller: Caller) -> None:
        self.lab = lab
        self.sandbox = sandbox
        self.wire = wire
        self.caller = caller

    def paid(self, order_id: str, qty: int = 1) -> int:
        """An order whose money the provider has; its total."""
        lines = [{"line_id": "L1", "sku": "A", "qty": qty}]
        status, _, body = self.lab.ask("POST", "/v1/orders", order(order_id, lines=lines), **JSON)
        assert status == 200, body
        total, reference = int(json.loads(body)["total"]), OrderReference(order_id)
        said = {"order": reference, "amount_minor": total, "currency": "EUR"}
        authorized = self._done(Authorize(key=f"a-{order_id}", token="tok", **said))
        self._done(Capture(key=f"c-{order_id}", payment_id=authorized.outcome.result.payment_id, **said))
        until(lambda: self.seen(order_id)["payment_state"] == "paid", "paid, by webhook")
        return total

    def _done(self, intent: Any) -> Any:
        call = self.lab.thread.run(self.caller.start(intent))
        assert call.state is CallState.DONE, call
        return call

    def seen(self, order_id: str) -> dict[str, Any]:
        return dict(ask(self.lab, "GET", f"/v1/orders/{order_id}"))

    def ask_back(self, order_id: str, status: int = 200, key: str | None = None, role: str = "ops", **said: Any) -> Any:
        """``key``: None = one of this request alone, "" = none."""
        given = {"reason": "broken", **said}
        named = f"{order_id}-{json.dumps(said)}" if key is None else key
        headers = {"Idempotency_Key": named} if named else {}
        return ask(self.lab, "POST", f"/v1/orders/{order_id}/refunds", given, status, role, **headers)

    def refund(self, refund_id: str) -> dict[str, Any]:
        return dict(ask(self.lab, "GET", f"/v1/refunds/{refund_id}"))


@contextmanager
def opened(folder: pathlib.Path) -> Iterator[Shop]:
    url = f"http://127.0.0.1:{free_port()}"
    given = {"adapter": "sandbox_payments", "url": url, "allow_private": True, **KEYS}
    desk = DeskConfig(refund_limits={"ops": {"EUR": LIMIT_MINOR}})
    with over_engines(folder, partners={"pay": given}, desk=desk) as lab:
        put_tables(lab)
        settings = SandboxSettings("sk", "wh", f"http://127.0.0.1:{lab.port}/v1/hooks/pay", "", 1.0, (0.05, 0.2, 0.8))
        sandbox = Sandbox(settings, "run", 7, now_ms)
        serving = served(sandbox.application(), int(url.rsplit(":", 1)[1]))
        lab.thread.run(serving.__aenter__())
        adapter = open_partner("pay", given, {"env:SANDBOX_KEY": "sk", "env:SANDBOX_HOOK": "wh"}.__getitem__)
        wire = lab.thread.call(HttpWire, adapter.settings)
        yield Shop(lab, sandbox, wire, Caller(adapter, wire, MemoryBook(), now_ms, lambda: 1.0))
        lab.thread.run(wire.close())
        lab.thread.run(serving.__aexit__(None, None, None))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SANDBOX_KEY", "sk")
        patch.setenv("SANDBOX_HOOK", "wh")
        with opened(tmp_path_factory.mktemp("refunds") / "data") as made:
            yield made


def test_money_goes_back_the_way_it_came(shop: Shop) -> None:
    total = shop.paid("back")
    asked = shop.ask_back("back", amount=100)
    assert (asked["amount"], asked["currency"], asked["requested_by"]) == (100, "EUR", "ops")
    until(lambda: shop.refund(asked["refund_id"])["status"] == "done", "done")
    assert shop.refund(asked["refund_id"])["parts"][0]["partner"] == "pay"
    until(lambda: shop.seen("back")["money"]["refunded"] == 100, "booked")
    seen = shop.seen("back")
    assert (seen["money"]["refunding"], seen["money"]["captured"]) == (0, total)
    assert (seen["payments"][0]["source"], seen["payments"][0]["refunded"]) == ("pay", 100)
    assert [one["refund_id"] for one in ask(shop.lab, "GET", "/v1/orders/back/refunds")["refunds"]] == [
        asked["refund_id"]
    ]


def test_units_carry_what_they_cost_and_all_the_rest_goes_back_without_words(shop: Shop) -> None:
    total = shop.paid("units", qty=3)
    first = shop.ask_back("units", key="u1", lines=[{"line_id": "L1", "qty": 1}])
    line = shop.seen("units")["lines"][0]
    assert first["amount"] == line["total"] // 3 + (line["total"] % 3 > 0)
    rest = shop.ask_back("units", key="u2")
    assert rest["amount"] == total - first["amount"]
    until(lambda: shop.seen("units")["money"]["refunded"] == total, "all of it is back")
    problem = shop.ask_back("units", 409, key="u3", amount=1)
    assert (problem["code"], problem["possible"]) == ("refund_refused", 0)


def test_more_than_came_is_refused_with_what_is_possible(shop: Shop) -> None:
    total = shop.paid("more")
    problem = shop.ask_back("more", 409, amount=total + 1)
    assert (problem["code"], problem["possible"]) == ("refund_refused", total)
    assert f"Ask for {total} at most" in problem["detail"]


def test_what_no_refund_says_is_refused_in_words(shop: Shop) -> None:
    shop.paid("words")
    for said, words in (
        ({"amount": 0}, "amount"),
        ({"amount": 1.5}, "amount"),
        ({"reason": ""}, "reason"),
        ({"to": "store_credit"}, "to"),
        ({"lines": [{"line_id": "L1", "qty": 0}]}, "lines"),
        ({"lines": [{"line_id": "L7", "qty": 1}]}, "no line 'L7'"),
        ({"all": True}, "all"),
    ):
        problem = shop.ask_back("words", 400, **said)
        assert problem["code"] == "bad_parameter" and words in problem["detail"], problem
    assert "Idempotency-Key" in shop.ask_back("words", 400, key="")["detail"]
    assert shop.ask_back("nobody", 404)["code"] == "order_not_found"
    assert ask(shop.lab, "GET", "/v1/refunds/nothing", status=404)["code"] == "refund_not_found"


def test_only_who_runs_the_shop_may_give_money_back(shop: Shop) -> None:
    shop.paid("roles")
    for role in ("channel", "service", "viewer"):
        assert shop.ask_back("roles", 403, role=role)["code"] == "forbidden"


def test_the_same_request_again_is_the_same_refund(shop: Shop) -> None:
    shop.paid("again")
    first = shop.ask_back("again", key="same", amount=10)
    assert shop.ask_back("again", key="same", amount=10)["refund_id"] == first["refund_id"]
    assert shop.ask_back("again", 409, key="same", amount=11)["code"] == "idempotency_conflict"


def test_the_command_line_asks_lists_and_shows(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shell, total = Shell(shop.lab, capsys), shop.paid("shell", qty=2)
    assert shell("refunds", "list", "shell") == "Nothing was asked back.\n"
    units = ("refunds", "ask", "shell", "--line", "L1=1", "--reason", "broken", "--idempotency-key", "k")
    asked = shell.json(*units)
    assert shell.json(*units)["refund_id"] == asked["refund_id"], "the same under the same key"
    until(lambda: shell.json("refunds", "show", asked["refund_id"])["status"] == "done", "done")
    shown = shell("refunds", "show", asked["refund_id"])
    assert f"order shell: done; {asked['amount']:,} EUR, {asked['amount']:,} of it went back" in shown
    assert "broken (admin, " in shown and "line L1: 1" in shown and f"by pay: {asked['amount']:,} done" in shown
    for number in (1, 2):
        assert shell.json("refunds", "ask", "shell", "--amount", "5", "--reason", "goodwill")["amount"] == 5, number
    rest = shell.json("refunds", "ask", "shell", "--reason", "all of it")
    assert rest["amount"] == total - asked["amount"] - 10
    assert len(shell.json("refunds", "list", "shell")["refunds"]) == 4


def test_the_command_line_says_what_is_wrong(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shell, total = Shell(shop.lab, capsys), shop.paid("wrong")
    for line in ("L1", "=1", "L1=one", "L1=-1"):
        assert "write LINE_ID=QTY" in shell("refunds", "ask", "wrong", "--reason", "r", "--line", line, code=2)
    more = ("refunds", "ask", "wrong", "--reason", "r", "--amount", str(total + 1))
    assert f"Ask for {total} at most" in shell(*more, code=1) and "--idempotency-key" not in shell.said.err
    assert "No refund has this id" in shell("refunds", "show", "none", code=1)
    assert "may not do this" in shell(*more, code=1, role="viewer")


def test_who_hears_no_answer_is_told_how_to_ask_for_the_same(
    shop: Shop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def closed(*_: Any) -> None:
        raise ShardUnavailable("the desk is closed: why", 10)

    monkeypatch.setattr(shop.lab.backend, "refund", closed)
    shop.paid("unheard")
    said = Shell(shop.lab, capsys)("refunds", "ask", "unheard", "--reason", "r", "--idempotency-key", "mine", code=1)
    assert "the desk is closed: why" in said and "Ask again with --idempotency-key mine" in said


def test_more_than_a_role_may_is_approved_by_another(shop: Shop) -> None:
    total = shop.paid("large", qty=30)
    assert total > LIMIT_MINOR
    asked = shop.ask_back("large", amount=LIMIT_MINOR + 1)
    until(lambda: shop.seen("large")["money"]["refunding"] == LIMIT_MINOR + 1, "reserved while it waits")
    [item] = ask(shop.lab, "GET", "/v1/work?kind=refund_to_approve")["items"]
    path = f"{WORK}/{item['work_id']}/resolve"
    assert item["order_id"] == "large" and "ops asks for 10001 EUR" in item["reason"]
    assert ask(shop.lab, "POST", path, {"approve": True}, 409)["code"] == "work_conflict", "not by the same role"
    assert ask(shop.lab, "POST", path, {}, 400, "admin")["code"] == "bad_parameter"
    assert shop.refund(asked["refund_id"])["status"] == "requested"
    ask(shop.lab, "POST", path, {"approve": True, "note": "seen"}, role="admin")
    until(lambda: shop.refund(asked["refund_id"])["status"] == "done", "done")
    assert shop.seen("large")["money"]["refunded"] == LIMIT_MINOR + 1
