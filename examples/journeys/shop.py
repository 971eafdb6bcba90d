"""A shop around one router: a sandbox of a provider and a carrier, buyers, a warehouse; and what all of it shows.

Everything goes over HTTP, as a program of a shop's would do it.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from actors.cli.partners import SANDBOX_HOOK_SECRET, SANDBOX_KEY
from adapters.sandbox.provider import DECLINED_TOKEN
from bench.harness.server import Server, free_port
from examples.journeys.goods import CONFIG, TABLES
from router.money import EXPONENTS, format_minor

Row = dict[str, Any]
PATIENCE_S, PAUSE_S = 30.0, 0.1
JSON, UNAVAILABLE = "application/json", 503


class Shop:
    def __init__(self, server: Server, sandbox_port: int, documents: pathlib.Path) -> None:
        self._server = server
        self._sandbox_port = sandbox_port
        self._documents = documents
        self._asked = 0

    # --- asking ----------------------------------------------------------------------------------

    def get(self, path: str) -> Row:
        return self._answered("GET", path)

    def post(self, path: str, body: Row) -> Row:
        """With a key of its own, under which it is done once."""
        self._asked += 1
        return self._answered("POST", path, body, {"Idempotency-Key": f"journey-{self._asked}"})

    def _request(self, method: str, path: str, body: Row | None = None, more: Row | None = None) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {self._server.key}", **(more or {})}
        return _asked(*self._server.address, method, path, body, headers)

    def _answered(self, *asked: Any) -> Row:
        """What is asked again under its key where a part of the router is about to be there."""

        def once() -> tuple[int, bytes] | None:
            status, answer = self._request(*asked)
            return None if status == UNAVAILABLE else (status, answer)

        status, answer = self.until(once, f"an answer to {asked[:2]}")
        if status != 200:
            raise SystemExit(f"the router answered {status}: {answer.decode(errors='replace')}")
        return dict(json.loads(answer))

    def until(self, ready: Callable[[], Any], what: str) -> Any:
        """What ``ready`` gives, as soon as that is something."""
        end_s = time.monotonic() + PATIENCE_S
        while not (found := ready()):
            if time.monotonic() > end_s:
                raise SystemExit(f"waited {PATIENCE_S:.0f} s for {what}")
            time.sleep(PAUSE_S)
        return found

    # --- orders ----------------------------------------------------------------------------------

    def order(self, order_id: str, *lines: tuple[str, int], channel: str = "web") -> Row:
        address = {"name": "Ada", "line1": "Hafenweg 1", "city": "Berlin", "postcode": "10115", "country": "DE"}
        placed = {
            "order_id": order_id, "channel": channel, "placed_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "currency": "EUR", "customer": {"id": order_id, "name": "Ada", "locale": "en"}, "ship_to": address,
            "lines": [{"line_id": str(at), "sku": sku, "qty": qty} for at, (sku, qty) in enumerate(lines, 1)],
        }  # fmt: skip
        return self.post("/v1/orders", placed)

    def view(self, order_id: str) -> Row:
        return self.get(f"/v1/orders/{order_id}")

    def becomes(self, order_id: str, **wanted: str) -> Row:
        """The order, as soon as it is so."""

        def found() -> Row | None:
            view = self.view(order_id)
            return view if all(view[name] == value for name, value in wanted.items()) else None

        return dict(self.until(found, f"{order_id} to become {wanted}"))

    def event(self, order_id: str, type: str, **fields: Any) -> None:
        self._asked += 1
        event = {"event_id": f"journey-{self._asked}", "order_id": order_id, "type": type, **fields}
        answer = self.post("/v1/events", event)
        assert answer["status"] in ("applied", "duplicate"), answer

    # --- money -----------------------------------------------------------------------------------

    def link(self, order_id: str, **asked: Any) -> Row:
        """A link by which the buyer can pay, asked for where there is none."""
        if asked or not self._open(order_id):
            self.post(f"/v1/orders/{order_id}/payments", asked)
        return dict(self.until(lambda: self._open(order_id), f"a payment link of {order_id}"))

    def _open(self, order_id: str) -> Row | None:
        requests = self.get(f"/v1/orders/{order_id}/payments")["payments"]
        return next((each for each in requests if each["status"] == "open" and each["pay_url"]), None)

    def pay(self, link: Row, card: str = "good") -> None:
        """What the buyer's browser does on the provider's page."""
        self._asked += 1
        token = {"token": DECLINED_TOKEN} if card == "declined" else {}
        path = f"/payments/links/{link['payment_id']}/pay"
        status, answer = self._sandbox("POST", path, token, {"Idempotency-Key": f"browser-{self._asked}"})
        assert status == (402 if token else 201), answer

    # --- parcels ---------------------------------------------------------------------------------

    def ship(self, order_id: str, **asked: Any) -> Row:
        """A parcel that leaves as soon as it has its label, which is kept beside the other documents."""
        made = self.post(f"/v1/orders/{order_id}/shipments", {"ship": True, **asked})

        def shipped() -> Row | None:
            found = self.get(f"/v1/shipments/{made['shipment_id']}")
            return found if found["status"] == "shipped" else None

        shipment = dict(self.until(shipped, f"a label of {order_id}"))
        self._keep(shipment["label_url"], f"label-{order_id}-{shipment['tracking_number']}")
        return shipment

    def scan(self, tracking_number: str, code: str) -> None:
        """What a driver's scanner does."""
        path = f"/carrier/trackings/{tracking_number}/scans"
        status, answer = self._sandbox("POST", path, {"code": code, "place": "Berlin"}, {})
        assert status == 201, answer

    def _sandbox(self, method: str, path: str, body: Row, more: Row) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {SANDBOX_KEY}", **more}
        return _asked("127.0.0.1", self._sandbox_port, method, path, body, headers)

    # --- what is seen ----------------------------------------------------------------------------

    def work(self, order_id: str, kind: str) -> Row:
        """The item that raises itself."""

        def found() -> Row | None:
            items = self.get(f"/v1/work?order_id={order_id}&kind={kind}")["items"]
            return dict(items[0]) if items else None

        return dict(self.until(found, f"work of the kind {kind} about {order_id}"))

    def show(self, order_id: str) -> None:
        """Timeline, books and documents of an order."""
        view, entries = self.view(order_id), self.get(f"/v1/orders/{order_id}/timeline")["entries"]
        print(f"     timeline  {' > '.join(entry['type'] for entry in entries)}")
        print(f"     state     {view['state']}, {view['payment_state']}")
        for line in view["lines"]:
            stages = [f"{qty} {stage}" for stage, qty in line["units"].items() if qty and stage != "ordered"]
            print(f"     units     {line['qty']} {line['sku']}: {', '.join(stages)}")
        money = [f"{name} {_amount(minor)}" for name, minor in view["money"].items() if minor or name == "due"]
        print(f"     money     {', '.join(money)} EUR")
        for shipment in view["shipments"]:
            print(f"     parcel    {shipment['tracking_number']} from {shipment['node']}: {shipment['status']}")
        for document in view["invoices"]:
            number = document["number"]
            total = self.get(f"/v1/invoices/{number}")["total"]
            self._keep(f"/v1/invoices/{number}.pdf", number)
            print(f"     document  {number}, {document['type']}, {_amount(total)} EUR")

    def _keep(self, path: str, name: str) -> None:
        status, content = self._request("GET", path)
        assert status == 200, content[:200]
        (self._documents / f"{name}.pdf").write_bytes(content)


def say(text: str) -> None:
    print(f"-- {text}", flush=True)


def _amount(minor: int) -> str:
    return format_minor(minor, EXPONENTS["EUR"])


def _asked(host: str, port: int, method: str, path: str, body: Row | None, headers: Row) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(host, port, timeout=60)
    try:
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, headers | ({} if body is None else {"Content-Type": JSON}))
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@contextlib.contextmanager
def opened(home: pathlib.Path) -> Iterator[Shop]:
    """A router with the tables of the shop, and its sandbox, below ``home``; both end with the block."""
    documents = home / "documents"
    documents.mkdir(parents=True)
    sandbox_port = free_port()
    os.environ |= {"SANDBOX_KEY": SANDBOX_KEY, "SANDBOX_HOOK_SECRET": SANDBOX_HOOK_SECRET}
    config = home / "router.toml"
    config.write_text(CONFIG.format(sandbox=f"http://127.0.0.1:{sandbox_port}"))
    server = Server(folder=home / "data", options=("--config", str(config)))
    server.start()
    try:
        with _sandbox(sandbox_port, server.url):
            for table, body in TABLES.items():
                server.put(table, body)
            yield Shop(server, sandbox_port, documents)
        server.stop()
    finally:
        if server.url:
            server.kill_everything()


@contextlib.contextmanager
def _sandbox(port: int, hooks: str) -> Iterator[None]:
    command = [sys.executable, "-m", "actors.cli.main", "partners", "sandbox", "--port", str(port), "--hooks", hooks]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()  # said once it listens
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()
