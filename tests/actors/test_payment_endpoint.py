"""Money asked for over a real gateway and engines, and the sandbox's provider on a real socket with its webhooks."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import pathlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import pytest

from adapters.sandbox.server import Sandbox, SandboxSettings
from router.config import PaymentsConfig, Policy
from tests.actors.test_daily_commands import Shell
from tests.actors.test_gateway_http import JSON, Lab
from tests.actors.test_partner_journey import now_ms
from tests.actors.test_work_endpoint import ask
from tests.labs.gateway_backend import order
from tests.labs.partner_lab import served
from tests.labs.serve_fixture import free_port, until
from tests.labs.stocked_gateway import over_engines, put_tables

KEYS = {"api_key": "env:SANDBOX_KEY", "hook_secrets": ["env:SANDBOX_HOOK"]}
LARGE_MINOR = 20_000  # from which on an order may be paid in halves


class Shop:
    """A router and a provider that know each other."""

    def __init__(self, lab: Lab, sandbox: Sandbox, url: str) -> None:
        self.lab = lab
        self.sandbox = sandbox
        self._url = url
        self._bought = 0

    def ordered(self, order_id: str, qty: int = 1, **more: Any) -> int:
        """An order that waits for its payment; its total."""
        lines = [{"line_id": "L1", "sku": "A", "qty": qty}]
        status, _, body = self.lab.ask("POST", "/v1/orders", order(order_id, lines=lines, **more), **JSON)
        assert status == 200, body
        return int(json.loads(body)["total"])

    def seen(self, order_id: str) -> dict[str, Any]:
        return dict(ask(self.lab, "GET", f"/v1/orders/{order_id}"))

    def ask_for(self, order_id: str, status: int = 200, key: str | None = None, role: str = "ops", **said: Any) -> Any:
        """``key``: None = one of this request alone, "" = none."""
        named = f"{order_id}-{json.dumps(said)}" if key is None else key
        headers = {"Idempotency_Key": named} if named else {}
        return ask(self.lab, "POST", f"/v1/orders/{order_id}/payments", said, status, role, **headers)

    def shown(self, order_id: str) -> dict[str, Any]:
        return dict(ask(self.lab, "GET", f"/v1/orders/{order_id}/payments"))

    def opened(self, order_id: str) -> dict[str, Any]:
        """The request whose link the buyer has, when it is there."""

        def links() -> list[dict[str, Any]]:
            return [each for each in self.shown(order_id)["payments"] if each["pay_url"]]

        until(lambda: len(links()) == 1, "one link")
        return links()[0]

    def buys(self, payment_id: str, **body: Any) -> int:
        """The buyer at the provider's page; the status of its answer."""
        self._bought += 1
        headers = {"Authorization": "Bearer sk", "Idempotency-Key": f"buyer-{self._bought}"}

        async def pay() -> int:
            url = f"{self._url}/payments/links/{payment_id}/pay"
            async with aiohttp.ClientSession() as session, session.post(url, json=body, headers=headers) as answer:
                return answer.status

        return asyncio.run(pay())


@contextmanager
def opened(folder: pathlib.Path) -> Iterator[Shop]:
    url = f"http://127.0.0.1:{free_port()}"
    given = {"adapter": "sandbox_payments", "url": url, "allow_private": True, **KEYS}
    payments = PaymentsConfig(pay_again=True, transfer_to="Shop, DE00", instalments_from={"EUR": LARGE_MINOR})
    policy = Policy(unpaid="hold", duplicate_basket_window_ms=0, velocity_orders_max=1_000)
    with over_engines(folder, partners={"pay": given}, payments=payments, policy=policy) as lab:
        put_tables(lab)
        settings = SandboxSettings("sk", "wh", f"http://127.0.0.1:{lab.port}/v1/hooks/pay", "", 1.0, (0.05, 0.2, 0.8))
        sandbox = Sandbox(settings, "run", 7, now_ms)
        serving = served(sandbox.application(), int(url.rsplit(":", 1)[1]))
        lab.thread.run(serving.__aenter__())
        yield Shop(lab, sandbox, url)
        lab.thread.run(serving.__aexit__(None, None, None))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SANDBOX_KEY", "sk")
        patch.setenv("SANDBOX_HOOK", "wh")
        with opened(tmp_path_factory.mktemp("payments") / "data") as made:
            yield made


def test_the_buyer_pays_by_a_link(shop: Shop) -> None:
    total = shop.ordered("link")
    asked = shop.ask_for("link")
    assert (asked["amount"], asked["currency"], asked["requested_by"], asked["partner"]) == (total, "EUR", "ops", "pay")
    found = shop.opened("link")
    assert found["payment_request_id"] == asked["payment_request_id"] and found["expires_at"]
    assert shop.buys(found["payment_id"]) == 201
    until(lambda: shop.seen("link")["payment_state"] == "paid", "paid, by webhook")
    until(lambda: shop.shown("link")["payments"][0]["status"] == "paid", "and known as such")
    paid = ask(shop.lab, "GET", f"/v1/payments/{asked['payment_request_id']}")
    assert (paid["status"], paid["paid"], paid["pay_url"]) == ("paid", total, None)
    until(lambda: shop.seen("link")["state"] == "allocated", "confirmed")
    problem = shop.ask_for("link", 409, key="again")
    assert (problem["code"], problem["possible"]) == ("payment_refused", 0)


def test_after_a_failure_the_buyer_pays_again_and_after_a_second_one_otherwise(shop: Shop) -> None:
    total = shop.ordered("again")
    shop.ask_for("again")
    first = shop.opened("again")
    assert shop.buys(first["payment_id"], token="tok_declined") == 402
    until(lambda: shop.shown("again")["failures"] == 1, "the failure is heard")
    second = shop.opened("again")
    assert second["requested_by"] == "desk" and second["payment_id"] != first["payment_id"]
    assert shop.buys(first["payment_id"]) == 409, "one link at a time"
    assert shop.buys(second["payment_id"], token="tok_declined") == 402
    until(lambda: shop.shown("again")["failures"] == 2, "and the second one")
    until(lambda: shop.shown("again")["payments"][-1]["status"] == "open", "another way")
    shown = shop.shown("again")
    assert [each["status"] for each in shown["payments"]] == ["cancelled", "cancelled", "open"]
    assert [offer["method"] for offer in shown["offers"]] == ["link", "bank_transfer"]
    transfer = shown["payments"][-1]
    assert transfer["method"] == "bank_transfer" and transfer["transfer_to"] == "Shop, DE00"
    event = {"event_id": "bank-1", "order_id": "again", "type": "payment_captured", "payment_id": transfer["reference"]}
    ask(shop.lab, "POST", "/v1/events", event | {"amount": total, "method": "bank_transfer"}, role="service")
    until(lambda: shop.shown("again")["payments"][-1]["status"] == "paid", "known by its reference")
    until(lambda: shop.seen("again")["state"] == "allocated", "confirmed")


def test_what_no_request_says_is_refused_in_words(shop: Shop) -> None:
    total = shop.ordered("words")
    half = {"percent": 50}
    for said, words in (
        ({"amount": 0}, "amount"),
        ({"amount": 1.5}, "amount"),
        ({"method": "cash"}, "method"),
        ({"instalments": [half]}, "two or more"),
        ({"instalments": [half, {"percent": 51}]}, "sum to 100"),
        ({"instalments": [{**half, "falls_due": "after_shipping"}, half]}, "the first one falls due now"),
        ({"instalments": [half, {**half, "days": 3}]}, "name them with after_shipping"),
        ({"instalments": [half, half], "amount": 1}, "leave one of the two out"),
        ({"later": True}, "later"),
    ):
        problem = shop.ask_for("words", 400, **said)
        assert problem["code"] == "bad_parameter" and words in problem["detail"], problem
    problem = shop.ask_for("words", 409, amount=total + 1)
    assert (problem["code"], problem["possible"]) == ("payment_refused", total)
    assert "Idempotency-Key" in shop.ask_for("words", 400, key="")["detail"]
    assert shop.ask_for("nobody", 404)["code"] == "order_not_found"
    for name in ("nothing", "01903b6e-7f4a-7c21-9d4e-5b0c8e1f2a37"):
        assert ask(shop.lab, "GET", f"/v1/payments/{name}", status=404)["code"] == "payment_not_found"
    assert shop.shown("words") == {
        "payments": [], "failures": 0, "plan": None,
        "offers": [{"method": "link", "amount": total, "instalments": None}],
    }  # fmt: skip


def test_only_who_runs_the_shop_may_ask_for_money(shop: Shop) -> None:
    shop.ordered("roles")
    for role in ("channel", "service", "viewer"):
        assert shop.ask_for("roles", 403, role=role)["code"] == "forbidden"


def test_the_same_request_again_is_the_same(shop: Shop) -> None:
    shop.ordered("same")
    first = shop.ask_for("same", key="same", amount=10)
    assert shop.ask_for("same", key="same", amount=10)["payment_request_id"] == first["payment_request_id"]
    assert shop.ask_for("same", 409, key="same", amount=11)["code"] == "idempotency_conflict"


def test_a_provider_that_fails_on_demand_makes_one_link_all_the_same(shop: Shop) -> None:
    """99.02: it does not answer. 99.05: it breaks after it has made the link. 99.01: it makes none."""
    for number, made in ((2, "open"), (5, "open"), (1, "failed")):
        name = f"fault-{number}"
        assert shop.ordered(name, qty=30) > 9_905
        shop.ask_for(name, amount=9_900 + number)
        until(lambda name=name, made=made: shop.shown(name)["payments"][0]["status"] == made, made, 20)
        links = [each for each in shop.sandbox.payments.links.values() if each.metadata["order_id"] == name]
        assert len(links) == (1 if made == "open" else 0)
    assert "makes no link (declined)" in shop.shown("fault-1")["payments"][0]["detail"]


def test_the_command_line_asks_lists_and_shows(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shell, total = Shell(shop.lab, capsys), shop.ordered("shell", qty=2)
    assert "Nothing was asked for." in shell("payments", "list", "shell")
    asked = shell.json("payments", "ask", "shell", "--idempotency-key", "k")
    assert shell.json("payments", "ask", "shell", "--idempotency-key", "k") == asked, "the same under the same key"
    request_id = asked["payment_request_id"]
    until(lambda: shell.json("payments", "show", request_id)["status"] == "open", "open")
    shown = shell("payments", "show", request_id)
    assert f"order shell: open; {total:,} EUR, 0 of it came" in shown and "https://pay.sandbox.invalid/" in shown
    halves = ("--instalment", "50", "--instalment", "50=14")
    shell.json("payments", "ask", "shell", *halves)
    listed = shell("payments", "list", "shell")
    assert "instalment 1: " in listed and "14 days after the shipping" in listed
    assert "bank_transfer" in shell("payments", "ask", "shell", "--method", "bank_transfer")


def test_the_command_line_says_what_is_wrong(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shell, total = Shell(shop.lab, capsys), shop.ordered("wrong")
    for text in ("half", "50=", "=14", "0"):
        assert "write PERCENT" in shell("payments", "ask", "wrong", "--instalment", text, code=2)
    assert f"Ask for {total} at most" in shell("payments", "ask", "wrong", "--amount", str(total + 1), code=1)
    assert "No request for money has this id" in shell("payments", "show", "none", code=1)


def today() -> str:
    return dt.datetime.fromtimestamp(now_ms() / 1_000, dt.UTC).date().isoformat()


def test_figures_of_a_day_are_compared_and_each_difference_is_work(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """The provider is asked, over its API and page by page; what it has and the books have not is found."""
    shell = Shell(shop.lab, capsys)
    total = shop.ordered("day")
    shop.ask_for("day")
    shop.buys(shop.opened("day")["payment_id"])
    until(lambda: shop.seen("day")["payment_state"] == "paid", "paid")
    run = shell.json("payments", "reconcile", "pay", today())
    assert (run["status"], run["differing"], run["differences"]) == ("done", 0, [])
    [sums] = [each for each in run["sums"] if each["what"] == "captured"]
    assert sums["here"] == sums["there"] >= total and sums["difference"] == 0
    lost = {"id": "cap_lost", "payment": "pay_lost", "status": "captured", "amount": 777, "currency": "EUR"}
    shop.sandbox.payments.steps.append(lost | {"created": now_ms(), "metadata": {"order_id": "day"}, "method": "card"})
    said = shell("payments", "reconcile", "pay", today(), code=1)
    assert "missing_here: payment pay_lost, order day, captured: 0 here, 777 there" in said
    assert "difference 777" in said
    [item] = ask(shop.lab, "GET", "/v1/work?kind=figures_differ")["items"]
    assert item["order_id"] == "day" and "777 there" in item["reason"]
    event = {"event_id": "found", "order_id": "day", "type": "payment_captured", "payment_id": "pay_lost"}
    ask(shop.lab, "POST", "/v1/events", event | {"amount": 777}, role="service")
    assert shell.json("payments", "reconcile", "pay", today())["differing"] == 0
    assert ask(shop.lab, "GET", "/v1/work?kind=figures_differ")["items"] == []


def test_figures_from_a_file(shop: Shop, capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path) -> None:
    shell, total = Shell(shop.lab, capsys), shop.ordered("till")
    event = {"event_id": "t1", "order_id": "till", "type": "payment_captured", "payment_id": "till-1", "source": "till"}
    ask(shop.lab, "POST", "/v1/events", event | {"amount": total}, role="service")
    file = tmp_path / "till.ndjson"
    row = {"payment_id": "till-1", "what": "captured", "amount": total, "currency": "EUR"}
    file.write_text(json.dumps(row) + "\n\n")
    run = shell.json("payments", "reconcile", "till", today(), "--file", str(file))
    assert (run["status"], run["agreed"], run["differing"]) == ("done", 1, 0)
    file.write_text("")
    assert "missing_there: payment till-1" in shell(
        "payments", "reconcile", "till", today(), "--file", str(file), code=1
    )
    file.write_text("{")
    assert "one JSON object a line" in shell("payments", "reconcile", "till", today(), "--file", str(file), code=2)


def test_what_no_comparison_says_is_refused_in_words(shop: Shop) -> None:
    path, key = "/v1/payments/reconcile", {"Idempotency_Key": "r"}
    figure = {"payment_id": "p", "what": "captured", "amount": 1, "currency": "EUR"}
    for said, words in (
        ({"partner": "pay", "day": "2026-02-30"}, "no day of the calendar"),
        ({"partner": "pay", "day": "yesterday"}, "day"),
        ({"partner": "nobody", "day": "2026-02-28"}, "no partner that can be asked"),
        ({"partner": "p", "day": "2026-02-28", "figures": [figure | {"amount": -1}]}, "amount"),
        ({"partner": "p", "day": "2026-02-28", "figures": [figure | {"payment_id": "a\0"}]}, "figures"),
    ):
        problem = ask(shop.lab, "POST", path, said, 400, **key)
        assert problem["code"] == "bad_parameter" and words in problem["detail"], problem
    assert "Idempotency-Key" in ask(shop.lab, "POST", path, {"partner": "pay", "day": "2026-02-28"}, 400)["detail"]
    unknown = "/v1/payments/reconciliations/01903b6e-7f4a-7c21-9d4e-5b0c8e1f2a37"
    assert ask(shop.lab, "GET", unknown, status=404)["code"] == "reconciliation_not_found"
