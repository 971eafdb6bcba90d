"""Makes a small data folder with the router of this checkout and packs it: later versions prove that they open it.

    python -m tests.folders.make NAME

Whoever changes a stored format runs this once before the change lands; ``NAME.tar.xz`` beside this file is then kept
for ever. The router runs as users run it: two shards, tables replaced under way, stock, orders of every status as JSON
lines and as Arrow (one batch large enough to be packed), channels whose word counts or is compared, taxes of several
names, heavy parcels, lots, a bound key, events of every type, a stop that writes checkpoints, more of everything, and
in the end kill -9, so that the logs have a tail. ``expected.json`` in the archive has what the router said about every
order, its timeline, the status stream and ``verify``; ``channels.json`` and ``bound.key`` are what it ran with.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from typing import Any

import pyarrow as pa

HERE = pathlib.Path(__file__).parent
NDJSON, ARROW, JSON = "application/x-ndjson", "application/vnd.apache.arrow.stream", "application/json"
LINES = pa.list_(pa.struct({"sku": pa.string(), "qty": pa.int32(), "unit_price": pa.int64()}))
PACKED_ORDERS = 8_400  # over two shards: more than 4,096 each, which is packed
READY_S_MAX = 240.0
CHANNELS, BOUND_KEY = "channels.json", "bound.key"
WORDS = ("discount", "tax", "shipping_fee")
POLICY = {"channels": {"market": dict.fromkeys(WORDS, "take"), "shop": dict.fromkeys(WORDS, "compare")}}
SHIP_TO = {"name": "Erika Muster", "line1": "Hauptstr. 1", "city": "Berlin", "postcode": "10117", "country": "DE"}
EVENT_TYPES = (
    ("payment_authorized", "payment_captured", "pick", "pack", "ship", "deliver", "return", "close"),
    ("payment_failed", "cancel", "close"),
    ("pick", "ship", "lose", "deliver", "payment_captured", "payment_refunded"),
    ("ship", "return", "deliver"),
    ("cancel", "cancel", "ship"),
)

Row = dict[str, Any]


def tables(price: int) -> dict[str, list[Row]]:
    sku = {"currency": "EUR", "weight_g": 300, "tax_class": "standard"}
    plain = [{"sku": f"SKU-{number}", "name": f"SKU {number}", "price": price, **sku} for number in range(6)]
    bundle = {"sku": "SET", "name": "Set", "price": 2_000, **sku}
    parts = [{"sku": "SKU-0", "qty": 2}, {"sku": "SKU-1", "qty": 1}]
    nodes = (("BER", "10115"), ("MUC", "80331"))
    heavy = {"sku": "HEAVY", "name": "Heavy", "price": 9_000, **sku, "weight_g": 20_000, "length_mm": 900}
    rate = {"carrier": "DHL", "service": "standard", "from_zone": "*", "to_zone": "DE", "min_g": 0, "max_g": None}
    bulky = {"carrier": "GLS", "service": "bulky", "from_zone": "*", "to_zone": "*", "min_g": 0, "max_g": 30_000}
    tax = {"country": "CA", "region": "QC", "tax_class": "standard", "inclusive": False}
    coupon = {"when": {"coupon": True}, "then": {"percent": 10}, "limit": 3, "priority": 1}
    return {
        "skus": [*plain, heavy, {**bundle, "bundle": parts}],
        "nodes": [
            {"node": node, "kind": "warehouse", "country": "DE", "postcode": code, "daily_capacity": 20_000}
            for node, code in nodes
        ],
        "rates": [{**rate, "price": 490, "days": 2}, {**bulky, "price": 1_990, "days": 5}],
        "taxes": [
            {"country": "DE", "tax_class": "standard", "rate_bp": 1_900, "inclusive": True},
            {**tax, "name": "GST", "percent": 5, "from": "2020-01-01", "round_per": "order"},
            {**tax, "name": "QST", "percent": 9.975},
        ],
        "promotions": [{"code": "TEN", **coupon}],
    }


def order(number: int, lines: list[Row], **members: Any) -> Row:
    return {
        "order_id": f"o-{number}",
        "channel": "web" if number % 3 else "app",
        "seller": f"seller-{number % 2}",
        "placed_at": "2026-03-01T12:00:00Z",
        "currency": "EUR",
        "customer": {"id": f"c-{number}", "name": "Erika Muster"},
        "ship_to": SHIP_TO,
        "lines": lines,
        **members,
    }


def first_orders() -> list[Row]:
    """Allocated, split, partly allocated, backordered, held, rejected; bundles, coupons, line ids, payment."""
    line = {"sku": "SKU-0", "qty": 1}
    many = [order(number, [{"sku": f"SKU-{number % 4}", "qty": 1 + number % 3}]) for number in range(30)]
    two = [{"line_id": "first", "sku": "SKU-1", "qty": 2}, {"line_id": "second", "sku": "SKU-2", "qty": 1}]
    twin = {"customer": {"id": "twin", "name": "Tom Twin"}}
    return [
        *many,
        order(40, two, coupons=["TEN"], payment={"method": "card", "status": "authorized"}),
        order(41, [{"sku": "SET", "qty": 2}], payment={"method": "card", "status": "paid"}),
        order(42, [{"sku": "SKU-4", "qty": 12}]),  # from both nodes
        order(43, [{"sku": "SKU-5", "qty": 9}]),  # four of them are there
        order(44, [{"sku": "SKU-5", "qty": 2}]),  # none is left
        order(45, [line], **twin),
        order(46, [line], **twin),  # the same basket again: held
        order(47, [line], **twin),
        order(48, [{"sku": "NO-SUCH", "qty": 1}]),
        order(49, [line], payment={"method": "card", "status": "declined"}),
        order(50, [{"sku": "SKU-4", "qty": 2}]),  # of one node, which refuses it
    ]


def orders_of_channels() -> list[Row]:
    """Amounts that a channel says, taken and compared; a heavy order of two parcels; two taxes of other places; lines
    that name their nodes."""
    line = {"sku": "SKU-1", "qty": 2}
    said = {"discount": 101, "tax": 399, "shipping": {"fee": 350}}
    lines = [{**line, "discount": 40}, {"sku": "SKU-2", "qty": 1, "tax": 7}]
    quebec = {**SHIP_TO, "city": "Montreal", "region": "Quebec", "postcode": "H2Y 1C6", "country": "CA"}
    return [
        order(80, lines, **{**said, "channel": "market"}),
        order(81, [line], **{**said, "channel": "shop"}),
        order(82, [{"sku": "HEAVY", "qty": 3}], shipping={"service": "bulky"}),
        order(83, [line, {"sku": "SKU-2", "qty": 1}], ship_to=quebec),
        order(84, [{**line, "node": "MUC"}, {"sku": "SKU-2", "qty": 1, "node": "BER"}]),
    ]


def arrow_orders() -> bytes:
    count = PACKED_ORDERS
    item = [{"sku": "SKU-3", "qty": 1, "unit_price": 1_250}]
    columns = {
        "order_id": [f"a-{number}" for number in range(count)],
        "channel": ["web"] * count,
        "placed_at": pa.array([1_772_366_400_000] * count, pa.timestamp("ms", "UTC")),
        "currency": ["EUR"] * count,
        "customer_name": ["Erika Muster"] * count,
        **{f"ship_to_{name}": [text] * count for name, text in SHIP_TO.items()},
        "lines": pa.array([item] * count, LINES),
    }  # fmt: skip
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        for batch in table.to_batches():
            stream.write_batch(batch)
    return sink.getvalue()


def events(first: int, life: int) -> list[Row]:
    """A few lives, told in mixed order."""
    told = [
        {"event_id": f"e-{first}-{step}-{number}", "order_id": f"o-{number}", "type": kind, "source": "fixture",
         "at": f"2026-03-0{2 + step}T10:00:00Z"}
        for number in range(first, first + 10)
        for step, kind in enumerate(EVENT_TYPES[(number + life) % len(EVENT_TYPES)])
    ]  # fmt: skip
    review = [("o-46", "release"), ("o-47", "review_reject"), ("o-43", "ship"), ("o-44", "expire"), ("o-48", "cancel")]
    return told + [
        {"event_id": f"r-{first}-{order_id}", "order_id": order_id, "type": kind} for order_id, kind in review
    ]


def parts_before() -> list[Row]:
    """An order of two nodes and a bundle go their ways in parts: parcels, payments, holds, words, planned anew."""
    some: Row = {"lines": [{"line_id": "1", "qty": 2}], "node": "BER"}
    return of_life(
        "before",
        ("o-42", "payment_authorized", {"payment_id": "p-1", "amount": 5_000, "method": "card"}),
        ("o-42", "payment_authorized", {"payment_id": "p-2"}),
        ("o-42", "hold", {"hold": "fraud", "note": "call the buyer"}),
        ("o-42", "release", {"hold": "fraud"}),
        ("o-42", "pick", {**some, "shipment_id": "S-1"}),
        ("o-42", "short_pick", some),
        ("o-42", "pack", {"shipment_id": "S-1", "cartons": 1}),
        ("o-42", "ship", {"shipment_id": "S-1", "carrier": "DHL", "service": "standard", "tracking_number": "T-1"}),
        ("o-42", "scan", {"tracking_number": "T-1", "code": "departed", "place": "Berlin", "text": "on its way"}),
        ("o-42", "note", {"text": "a gift", "public": True}),
        ("o-41", "move", {"to_node": "MUC"}),
        ("o-41", "pick", {"lines": [{"line_id": "1", "qty": 1}]}),
        ("o-50", "refuse", {"reason": "closed"}),
        ("o-40", "send_to_node", {}),
        ("o-40", "accept", {}),
    )


def parts_after() -> list[Row]:
    """They go on after a start from checkpoints."""
    one = [{"line_id": "1", "qty": 1}]
    return of_life(
        "after",
        ("o-42", "payment_captured", {"payment_id": "p-1", "amount": 2_000}),
        ("o-42", "refund_requested", {"payment_id": "p-1", "amount": 700, "reason": "late"}),
        ("o-42", "refund_failed", {"payment_id": "p-1"}),
        ("o-42", "deliver", {"shipment_id": "S-1"}),
        ("o-42", "return", {"lines": one, "shipment_id": "S-1", "disposition": "restock"}),
        ("o-42", "return", {"lines": one, "shipment_id": "S-1", "disposition": "scrap"}),
        ("o-42", "credit", {"amount": 100, "reason": "kindness"}),
        ("o-41", "pack", {"lines": one}),
        ("o-41", "reverse", {"reversed_event_id": "after-7"}),
        ("o-40", "ship", {}),
        ("o-40", "lose", {}),
    )


def of_life(name: str, *told: tuple[str, str, Row]) -> list[Row]:
    return [
        {"event_id": f"{name}-{number}", "order_id": order_id, "type": kind, **fields}
        for number, (order_id, kind, fields) in enumerate(told)
    ]


class Router:
    """``serve`` of this checkout on a folder."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        command = [sys.executable, "-m", "actors.cli.main", "serve", "--data", str(folder), "--shards", "2"]
        command += ["--port", str(self.port)]
        if (folder / CHANNELS).exists():  # folders of before have none
            command += ["--config", str(folder / CHANNELS)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline().startswith("ready "), "the router did not start"

    def ask(self, method: str, path: str, body: bytes | None = None, media_type: str = NDJSON) -> bytes:
        status, text = self.answer(method, path, body, media_type)
        assert status == 200, (method, path, status, text[:500])
        return text

    def answer(
        self, method: str, path: str, body: bytes | None = None, media_type: str = NDJSON, key: str = "admin.key"
    ) -> tuple[int, bytes]:
        """Status and body."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        token = (self.folder / key).read_text().strip()
        try:
            client.request(method, path, body, {"Authorization": f"Bearer {token}", "Content-Type": media_type})
            answer = client.getresponse()
            return answer.status, answer.read()
        finally:
            client.close()

    def tell(self, path: str, rows: list[Row], method: str = "POST") -> list[Row]:
        body = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        return [json.loads(line) for line in self.ask(method, path, body).splitlines() if line]

    def load(self, price: int) -> None:
        for table, rows in tables(price).items():
            self.tell(f"/v1/tables/{table}", rows, "PUT")

    def stop(self) -> None:
        """As an operator does: what is under way ends, checkpoints are kept."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(120) == 0

    def kill(self) -> None:
        """kill -9 of the router and all below it."""
        if self.process.poll() is not None:
            return
        tree = [self.process.pid]
        for number in tree:
            listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(number)], capture_output=True, text=True)
            tree += [int(word) for word in listed.stdout.split()]
        for number in tree:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        self.process.wait()
        time.sleep(1)


def fill(folder: pathlib.Path) -> Row:
    """The folder's whole life; what the router said of it."""
    Router(folder).stop()  # a folder that holds anything else is not begun in
    (folder / CHANNELS).write_text(json.dumps({"policy": POLICY}))
    router = Router(folder)
    make_bound_key(folder)
    try:
        sent, acknowledged = first_life(router)
        router.stop()
        router = Router(folder)
        more, answers = second_life(router)
        return {"sent": [*sent, *more], "acknowledged": [*acknowledged, *answers], **views(router)}
    finally:
        router.kill()


def make_bound_key(folder: pathlib.Path) -> None:
    command = [sys.executable, "-m", "actors.cli.main", "keys", "add", "bound", "channel", "--data", str(folder)]
    bounds = ["--channel", "web", "--channel", "market", "--seller", "seller-0"]
    made = subprocess.run([*command, *bounds, "--json"], check=True, capture_output=True, text=True)
    (folder / BOUND_KEY).write_text(json.loads(made.stdout)["key"])


def first_life(router: Router) -> tuple[list[Row], list[Row]]:
    """Orders and what they were answered, under two versions of the tables."""
    router.load(1_250)
    stock = [("SKU-4", "BER", 8), ("SKU-4", "MUC", 8), ("SKU-5", "BER", 4)]
    plenty = [(f"SKU-{number}", node, 9_000) for number in range(4) for node in ("BER", "MUC")]
    cells = [{"sku": sku, "node": node, "on_hand": units} for sku, node, units in stock + plenty]
    lots = [("L-1", 40, "2020-01-01"), ("L-2", 60, "2999-12-31")]  # the first is too old to be sold
    cells += [
        {"sku": "HEAVY", "node": "BER", "on_hand": units, "lot": lot, "expires_on": day} for lot, units, day in lots
    ]
    router.tell("/v1/tables/stock", cells, "PUT")
    sent = [*first_orders(), *orders_of_channels()]
    acknowledged = router.tell("/v1/orders/stream", sent)
    router.ask("POST", "/v1/orders/stream", arrow_orders(), ARROW)
    router.tell("/v1/events", events(0, 0))
    applied(router.tell("/v1/events", parts_before()))
    router.load(1_300)  # another version of every table: SKU-0 to SKU-5 cost more
    later = [order(number, [{"sku": "SKU-2", "qty": 1}]) for number in range(60, 70)]
    again = [*later, sent[38]]  # the rejected one is judged anew
    return [*sent, *again], acknowledged + router.tell("/v1/orders/stream", again)


def second_life(router: Router) -> tuple[list[Row], list[Row]]:
    """After a start from checkpoints: stock, events, some orders; none of it is in a checkpoint."""
    moves = [
        {"movement_id": "m-0", "kind": "receipt", "sku": "SKU-5", "node": "MUC", "qty": 3},
        {"movement_id": "m-1", "kind": "transfer", "sku": "SKU-0", "node": "BER", "qty": 5, "to_node": "MUC"},
        {"movement_id": "m-2", "kind": "damage", "sku": "SKU-1", "node": "BER", "qty": 1},
        {"movement_id": "m-3", "kind": "receipt", "sku": "HEAVY", "node": "MUC", "qty": 7, "expires_on": "2999-06-30"},
    ]
    router.tell("/v1/stock", moves)
    router.tell("/v1/events", events(10, 1))
    last = [order(number, [{"sku": "SKU-1", "qty": 1}, {"sku": "SKU-2", "qty": 2}]) for number in range(70, 76)]
    acknowledged = router.tell("/v1/orders/stream", last)
    router.tell("/v1/events", events(20, 2))
    applied(router.tell("/v1/events", parts_after()))
    return last, acknowledged


def applied(answers: list[Row]) -> None:
    refused = [answer for answer in answers if answer["status"] != "applied"]
    assert not refused, refused


def views(router: Router) -> Row:
    numbers = [*range(30), *range(40, 51), *range(60, 76), *range(80, 84)]
    ids = [f"o-{number}" for number in numbers] + ["a-0", f"a-{PACKED_ORDERS - 1}"]
    stream = router.ask("GET", "/v1/stream?wait=0").splitlines()
    asked = {"skus": [*(f"SKU-{number}" for number in range(6)), "HEAVY"]}
    return {
        "orders": {order_id: json.loads(router.ask("GET", f"/v1/orders/{order_id}")) for order_id in ids},
        "timelines": {order_id: json.loads(router.ask("GET", f"/v1/orders/{order_id}/timeline")) for order_id in ids},
        "changes": len([line for line in stream if line.strip()]),
        "availability": json.loads(router.ask("POST", "/v1/availability", json.dumps(asked).encode(), JSON)),
    }


def verified(folder: pathlib.Path) -> Row:
    command = [sys.executable, "-m", "actors.cli.main", "verify", "--data", str(folder), "--json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main(name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="order-router-folder-") as place:
        folder = pathlib.Path(place) / "data"
        said = fill(folder)
        kept = pathlib.Path(place) / "kept"
        of_this_run = shutil.ignore_patterns("shared", "ray", "ray.token")  # sockets and arrays outside of the folder
        shutil.copytree(folder, kept, ignore=of_this_run)
        said["verify"] = verified(folder)
        (kept / "expected.json").write_text(json.dumps(said, indent=1, sort_keys=True))
        for lock in kept.rglob("lock*"):
            lock.unlink()
        with tarfile.open(HERE / f"{name}.tar.xz", "w:xz") as archive:
            archive.add(kept, arcname=name)


if __name__ == "__main__":
    main(sys.argv[1])
