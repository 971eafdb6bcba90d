"""Shipments over a real gateway, real engines and the sandbox's carrier on a real socket, its webhooks included."""

from __future__ import annotations

import json
import pathlib
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from adapters.sandbox.server import Sandbox, SandboxSettings
from router.tracking.numbers import readings
from tests.actors.test_daily_commands import Shell
from tests.actors.test_gateway_http import JSON, NDJSON, Lab
from tests.actors.test_partner_journey import now_ms
from tests.actors.test_work_endpoint import ask
from tests.labs.gateway_backend import order
from tests.labs.partner_lab import served
from tests.labs.serve_fixture import free_port, until
from tests.labs.stocked_gateway import over_engines, put_tables

KEYS = {"api_key": "env:SANDBOX_KEY", "hook_secrets": ["env:SANDBOX_HOOK"]}
ADDRESS = {"name": "Acme", "line1": "Hafenweg 1", "city": "Berlin"}
NODES = "".join(
    json.dumps({"node": node, "kind": "warehouse", "country": "DE", "postcode": postcode, **address}) + "\n"
    for node, postcode, address in (("N1", "10115", ADDRESS), ("N2", "80331", {}))
).encode()
RATES = "".join(
    json.dumps({"carrier": carrier, "service": service, "from_zone": "*", "to_zone": "*", "min_g": 0, "max_g": max_g,
                "price": price, "per_kg": per_kg, "days": days}) + "\n"
    for carrier, service, max_g, price, per_kg, days in (
        ("van", "slow", None, 100, 10, 9), ("post", "std", 5_000, 300, 20, 4), ("van", "night", 2_000, 900, 0, 1),
    )
).encode()  # fmt: skip


class Shop:
    """A router and a carrier that know each other."""

    def __init__(self, lab: Lab, sandbox: Sandbox, carrier_url: str) -> None:
        self.lab = lab
        self.carrier_url = carrier_url
        self.sandbox = sandbox

    def place(self, order_id: str, qty: int = 3, sku: str = "A", **members: Any) -> None:
        lines = [{"line_id": "L1", "sku": sku, "qty": qty}]
        said = {"lines": lines, "customer": {"id": order_id, "name": "Maria Garcia"}} | members
        status, _, body = self.lab.ask("POST", "/v1/orders", order(order_id, **said), **JSON)
        assert status == 200, body

    def seen(self, order_id: str) -> dict[str, Any]:
        return dict(ask(self.lab, "GET", f"/v1/orders/{order_id}"))

    def ship(self, order_id: str, status: int = 200, key: str | None = None, role: str = "ops", **said: Any) -> Any:
        """``key``: None = one of this request alone, "" = none."""
        named = f"{order_id}-{json.dumps(said)}" if key is None else key
        headers = {"Idempotency_Key": named} if named else {}
        return ask(self.lab, "POST", f"/v1/orders/{order_id}/shipments", said, status, role, **headers)

    def shown(self, shipment: Any) -> dict[str, Any]:
        return dict(ask(self.lab, "GET", f"/v1/shipments/{shipment['shipment_id']}"))

    def scan(self, shipment: Any, code: str) -> None:
        """What the driver's scanner does."""
        url = f"{self.carrier_url}/carrier/trackings/{shipment['tracking_number']}/scans"
        request = urllib.request.Request(url, json.dumps({"code": code}).encode(), {"Authorization": "Bearer sk"})
        urllib.request.urlopen(request).close()

    def act(self, shipment: Any, method: str, path: str = "", status: int = 200) -> Any:
        return ask(self.lab, method, f"/v1/shipments/{shipment['shipment_id']}{path}", status=status)


@contextmanager
def opened(folder: pathlib.Path) -> Iterator[Shop]:
    url = f"http://127.0.0.1:{free_port()}"
    given = {"adapter": "sandbox_carrier", "url": url, "allow_private": True, "services": {"std": "economy"}, **KEYS}
    with over_engines(folder, partners={"post": given}) as lab:
        put_tables(lab, nodes=NODES)
        assert lab.ask("PUT", "/v1/tables/rates", RATES, **NDJSON)[0] == 200
        settings = SandboxSettings("sk", "wh", "", f"http://127.0.0.1:{lab.port}/v1/hooks/post", 1.0, (0.05, 0.2, 0.8))
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
        with opened(tmp_path_factory.mktemp("shipments") / "data") as made:
            yield made


def test_a_carrier_without_a_partner_gives_a_number_of_ours_and_is_shipped_when_it_leaves(shop: Shop) -> None:
    shop.place("own")
    made = shop.ship("own", policy="cheapest")
    assert (made["status"], made["carrier"], made["service"], made["partner"]) == ("labelled", "van", "slow", None)
    assert (made["node"], made["lines"], made["weight_g"]) == ("N1", [{"line_id": "L1", "qty": 3}], 300)
    assert (made["price"], made["currency"], made["requested_by"]) == (110, "EUR", "ops")
    assert shop.seen("own")["state"] == "allocated", "a label is no departure"
    assert shop.act(made, "POST", "/ship")["status"] == "shipping"
    assert shop.shown(made)["status"] == "shipped"
    [parcel] = shop.seen("own")["shipments"]
    told = {name: parcel[name] for name in ("shipment_id", "node", "carrier", "service", "tracking_number")}
    assert told == {name: made[name] for name in told} and parcel["status"] == "shipped"
    assert [each["shipment_id"] for each in ask(shop.lab, "GET", "/v1/orders/own/shipments")["shipments"]] == [
        made["shipment_id"]
    ]


def test_a_partner_makes_the_label_once_and_its_scans_find_the_order(shop: Shop) -> None:
    shop.place("post")
    made = shop.ship("post", carrier="post", ship=True, key="once")
    assert (made["status"], made["partner"], made["price"]) == ("requested", "post", 320)
    assert shop.ship("post", carrier="post", ship=True, key="once")["shipment_id"] == made["shipment_id"]
    until(lambda: shop.shown(made)["status"] == "shipped", "shipped")
    done = shop.shown(made)
    assert len(shop.sandbox.carrier.labels) == 1 and done["label_forms"] == ["pdf"]
    [bought] = shop.sandbox.carrier.labels.values()
    assert (done["tracking_number"], done["price"]) == (bought.document["tracking_number"], bought.document["price"])
    assert bought.metadata == {"order_id": "post", "shipment_id": made["shipment_id"]}
    assert shop.seen("post")["shipments"][0]["scans"] == [], "that there is a label says nothing of the parcel"
    shop.scan(done, "picked_up")
    until(lambda: shop.seen("post")["shipments"][0]["scans"] != [], "a scan, by webhook")


def test_a_number_typed_by_hand_is_checked(shop: Shop) -> None:
    shop.place("typed")
    problem = shop.ship("typed", 409, carrier="UPS", tracking_number="1Z999AA10123456785")
    assert problem["code"] == "shipment_refused" and "has the check digit 4, not 5" in problem["detail"]
    made = shop.ship("typed", carrier="UPS", tracking_number="1Z 999 AA1 01 2345 6784")
    assert (made["status"], made["tracking_number"], made["price"]) == ("labelled", "1Z999AA10123456784", None)
    shop.place("typed-2")
    assert (
        "another shipment" in shop.ship("typed-2", 409, carrier="UPS", tracking_number="1Z999AA10123456784")["detail"]
    )


def test_policies_choose_by_price_time_and_promise(shop: Shop) -> None:
    shop.place("fast")
    fast = shop.ship("fast", policy="fastest", lines=[{"line_id": "L1", "qty": 1}])
    assert (fast["carrier"], fast["service"]) == ("van", "night")
    in_time = shop.ship("fast", lines=[{"line_id": "L1", "qty": 2}])
    assert in_time["arrives"] <= in_time["promise"], "the order was planned with what is in time"
    assert in_time["promise"] == shop.seen("fast")["parcel_plan"][0]["promise_date"]
    problem = shop.ship("fast", 409)
    assert problem["code"] == "shipment_refused" and "in shipments" in problem["detail"], "all units have one"


def test_units_are_in_one_shipment_and_free_again_when_it_is_voided(shop: Shop) -> None:
    shop.place("void")
    first = shop.ship("void", policy="cheapest", lines=[{"line_id": "L1", "qty": 2}])
    problem = shop.ship("void", 409, lines=[{"line_id": "L1", "qty": 2}])
    assert problem["possible"] == [{"node": "N1", "line_id": "L1", "qty": 1}]
    assert shop.act(first, "DELETE")["status"] == "voided"
    assert shop.act(first, "DELETE")["status"] == "voided", "again"
    assert shop.act(first, "POST", "/ship", 409)["code"] == "shipment_conflict"
    assert shop.ship("void", policy="cheapest", key="rest")["lines"] == [{"line_id": "L1", "qty": 3}]


def test_a_label_of_a_partner_is_voided_there_but_not_when_it_is_on_its_way(shop: Shop) -> None:
    shop.place("undo")
    made = shop.ship("undo", carrier="post")
    until(lambda: shop.shown(made)["status"] == "labelled", "labelled")
    bought = shop.sandbox.carrier.labels
    mine = next(each for each in bought.values() if each.metadata["order_id"] == "undo")
    shop.act(made, "DELETE")
    until(lambda: shop.shown(made)["status"] == "voided", "voided")
    assert mine.is_voided and shop.shown(made)["label_forms"] == []
    again = shop.ship("undo", carrier="post", key="again")
    until(lambda: shop.shown(again)["status"] == "labelled", "labelled")
    shop.scan(shop.shown(again), "picked_up")
    shop.act(again, "DELETE")
    until(lambda: shop.shown(again)["status"] == "labelled", "it stays")
    assert "post does not void it (label_used)" in shop.shown(again)["detail"]


def test_a_carrier_that_refuses_is_somebodys_work(shop: Shop) -> None:
    shop.place("no", ship_to={"name": "A", "line1": "S 1", "city": "B", "postcode": "19901", "country": "DE"})
    made = shop.ship("no", carrier="post")
    until(lambda: shop.shown(made)["status"] == "failed", "failed")
    assert "post refuses (address_not_served)" in shop.shown(made)["detail"]
    [item] = ask(shop.lab, "GET", "/v1/work?order_id=no&kind=label_failed")["items"]
    assert item["queue"] == "carriers" and "post refuses (address_not_served)" in item["reason"]
    assert shop.ship("no", carrier="van", service="slow")["status"] == "labelled", "its units are free again"


def test_a_shipment_that_the_order_does_not_take_is_labelled_again_and_somebodys_work(shop: Shop) -> None:
    shop.place("gone")
    made = shop.ship("gone", policy="cheapest")
    cancel = {"event_id": "c", "order_id": "gone", "type": "cancel"}
    assert json.loads(shop.lab.ask("POST", "/v1/events", json.dumps(cancel).encode(), **JSON)[2])["status"] == "applied"
    shop.act(made, "POST", "/ship")
    shown = shop.shown(made)
    assert shown["status"] == "labelled" and "the order did not take it" in shown["detail"]
    assert len(ask(shop.lab, "GET", "/v1/work?order_id=gone&kind=ship_refused")["items"]) == 1


def test_a_node_without_an_address_gets_no_label_of_a_partner_and_is_told_why(shop: Shop) -> None:
    shop.place("where", sku="B")
    problem = shop.ship("where", 409, carrier="post")
    assert "node N2 of the table nodes has no name, line1, city" in problem["detail"]
    assert shop.ship("where", policy="cheapest")["node"] == "N2"


def test_what_no_shipment_says_is_refused_in_words(shop: Shop) -> None:
    shop.place("words")
    for said, words in (
        ({"policy": "best"}, "policy"),
        ({"weight_g": 0}, "weight_g"),
        ({"form": "png"}, "form"),
        ({"lines": [{"line_id": "L1", "qty": 0}]}, "lines"),
        ({"carrier": "a\0"}, "carrier"),
        ({"ships": True}, "ships"),
    ):
        problem = shop.ship("words", 400, **said)
        assert problem["code"] == "bad_parameter" and words in problem["detail"], problem
    assert "Idempotency-Key" in shop.ship("words", 400, key="")["detail"]
    assert "No rate carries" in shop.ship("words", 409, service="balloon")["detail"]
    assert shop.ship("words", 409, node="N7")["possible"][0]["node"] == "N1"
    assert shop.ship("nobody", 404)["code"] == "order_not_found"
    assert ask(shop.lab, "GET", "/v1/shipments/nothing", status=404)["code"] == "shipment_not_found"
    for role in ("channel", "service", "viewer"):
        assert shop.ship("words", 403, role=role)["code"] == "forbidden"


def test_a_parcel_that_a_warehouse_packed_itself_is_its_own(shop: Shop) -> None:
    shop.place("packed")
    said = {"event_id": "p", "order_id": "packed", "type": "pack", "shipment_id": "WMS-1"}
    packed = {**said, "lines": [{"line_id": "L1", "qty": 1}]}
    assert shop.lab.ask("POST", "/v1/events", json.dumps(packed).encode(), **JSON)[0] == 200
    assert shop.ship("packed", policy="cheapest")["lines"] == [{"line_id": "L1", "qty": 2}]


def printed(shop: Shop, path: str, said: Any = None, status: int = 200, role: str = "service") -> Any:
    """A label, or the problem instead of it."""
    method, body = ("GET", None) if said is None else ("POST", json.dumps(said).encode())
    got, headers, answer = shop.lab.ask(method, path, body, role=role, **(JSON if body else {}))
    assert got == status, answer
    return answer if status == 200 else json.loads(answer)


def test_our_label_is_the_same_however_often_it_is_printed_and_shows_where_it_goes(shop: Shop) -> None:
    shop.place("print")
    made = shop.ship("print", policy="cheapest", form="zpl")
    assert made["label_forms"] == ["pdf", "zpl"] and made["label_url"].endswith("/label.zpl")
    zpl = printed(shop, made["label_url"])
    assert zpl == printed(shop, made["label_url"])
    for text in (
        made["tracking_number"],
        shop.seen("print")["ship_to"]["name"],
        "Hafenweg 1",
        "Order print",
        "van slow",
    ):
        assert f"^FD{text}^FS".encode() in zpl, text
    pdf = printed(shop, made["label_url"].replace("zpl", "pdf"))
    assert pdf[:5] == b"%PDF-" and pdf == printed(shop, made["label_url"].replace("zpl", "pdf"))
    shop.act(made, "DELETE")
    assert printed(shop, made["label_url"], status=409)["code"] == "shipment_conflict", "a voided one is no label"


def test_a_carriers_label_is_given_as_it_made_it_in_its_form_alone(shop: Shop) -> None:
    shop.place("theirs")
    made = shop.ship("theirs", carrier="post", form="zpl")
    assert "has no label here" in printed(shop, f"/v1/shipments/{made['shipment_id']}/label.zpl", status=409)["detail"]
    until(lambda: shop.shown(made)["status"] == "labelled", "labelled")
    url = shop.shown(made)["label_url"]
    bought = shop.sandbox.carrier.labels.values()
    assert printed(shop, url) in [each.document["content"] for each in bought]
    assert "made its label as zpl" in printed(shop, url.replace("zpl", "pdf"), status=409)["detail"]


def test_many_labels_are_one_document_in_the_order_given(shop: Shop) -> None:
    shop.place("job", qty=2)
    units = {"lines": [{"line_id": "L1", "qty": 1}]}
    own, theirs = shop.ship("job", policy="cheapest", **units), shop.ship("job", carrier="post", form="zpl", **units)
    until(lambda: shop.shown(theirs)["status"] == "labelled", "labelled")
    ids = [theirs["shipment_id"], own["shipment_id"]]
    one_by_one = b"".join(printed(shop, f"/v1/shipments/{each}/label.zpl") for each in ids)
    assert printed(shop, "/v1/labels", {"shipments": ids, "form": "zpl"}) == one_by_one
    pages = printed(shop, "/v1/labels", {"shipments": [own["shipment_id"]] * 3})
    assert pages.count(b"/Type /Page\n") == 3 or pages.count(b"/Type/Page") >= 3, pages[:200]
    assert printed(shop, "/v1/labels", {"shipments": []}, 400)["code"] == "bad_parameter"
    assert printed(shop, "/v1/labels", {"shipments": ["none"]}, 404)["code"] == "shipment_not_found"
    for role in ("channel", "viewer"):
        assert printed(shop, "/v1/labels", {"shipments": ids}, 403, role)["code"] == "forbidden"


def test_the_command_line_makes_ships_prints_and_voids(
    shop: Shop, capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path
) -> None:
    shell = Shell(shop.lab, capsys)
    shop.place("shell")
    assert shell("shipments", "list", "shell") == "No shipments.\n"
    made = shell.json("shipments", "new", "shell", "--line", "L1=1", "--carrier", "post", "--service", "std")
    assert (made["status"], made["partner"], made["lines"]) == ("labelled", "post", [{"line_id": "L1", "qty": 1}])
    gone = shell("shipments", "ship", made["shipment_id"])
    assert f"{made['shipment_id']}  order shell: shipped; L1=1 from N1" in gone
    assert f"tracking number {made['tracking_number']}" in gone and "post std, 100 g" in gone
    other = shell.json("shipments", "new", "shell", "--policy", "cheapest", "--weight-g", "1500")
    assert (other["price"], other["weight_g"]) == (120, 1_500)
    assert shell.json("shipments", "void", other["shipment_id"])["status"] == "voided"
    assert shell.json("shipments", "show", other["shipment_id"])["status"] == "voided"
    assert len(shell.json("shipments", "list", "shell")["shipments"]) == 2
    label = tmp_path / "label.zpl"
    shell("shipments", "label", made["shipment_id"], "--form", "pdf", "--out", str(label))
    assert label.read_bytes()[:5] == b"%PDF-"
    assert "made its label as pdf" in shell("shipments", "label", made["shipment_id"], "--form", "zpl", code=1)
    assert "It has left" in shell("shipments", "void", made["shipment_id"], code=1)
    assert "write LINE_ID=QTY" in shell("shipments", "new", "shell", "--line", "L1", code=2)


def test_numbers_of_ours_have_a_check_digit(shop: Shop) -> None:
    shop.place("check")
    number = shop.ship("check", policy="cheapest")["tracking_number"]
    assert number.startswith("OR") and len(number) == 22
    assert any(reading.form == "USPS, 20 digits" and reading.is_checked for reading in readings(number[2:]))
