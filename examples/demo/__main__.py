"""A router's day in a minute: start, load, stream, pull the plug, go on, check.

    make demo        (or: python -m examples.demo)

Everything is made at run time from a seed and kept below var/demo, where you can look at it afterwards.
"""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
import sys
import time
from collections import Counter
from typing import Any, Protocol

import pyarrow as pa

from actors.cli.first_start import compile_kernels
from bench.harness.server import Server
from bench.harness.tables import write_tables
from bench.harness.workload import CHUNK_ORDERS, Workload
from examples.demo.client import EVENTS, Answer, stream
from router.money import EXPONENTS, format_minor

HOME = pathlib.Path("var/demo")
ARROW_ORDERS = JSON_ORDERS = 4 * CHUNK_ORDERS
PLUG_AFTER_ANSWERS = 20_000
SHOWN = 5
LIFE: tuple[tuple[str, int, dict[str, Any]], ...] = (  # event, units of its line or 0, further fields
    ("payment_authorized", 0, {"payment_id": "card"}),
    ("pick", 4, {}),
    ("ship", 3, {"shipment_id": "P-1", "carrier": "parcelline", "tracking_number": "PL-1"}),
    ("cancel", 1, {}),
    ("scan", 0, {"tracking_number": "PL-1", "code": "departed", "place": "Berlin"}),
    ("payment_captured", 0, {"payment_id": "card"}),
    ("deliver", 0, {"shipment_id": "P-1"}),
    ("return", 1, {"disposition": "restock"}),
    ("refund_requested", 0, {"payment_id": "card", "amount": 100}),
    ("payment_refunded", 0, {"payment_id": "card"}),
)


class Asked(Protocol):
    """A router that answers."""

    url: str
    key: str

    def request(self, method: str, path: str, body: bytes = b"", media_type: str = "") -> tuple[int, bytes]: ...


def main() -> int:
    started_s = time.monotonic()
    compile_kernels()
    workload = Workload(seed=20)
    arrow, ndjson = _prepare(workload)
    server = Server(shards=2, folder=HOME / "data")
    server.start()
    try:
        _say(f"The router is ready at {server.url} after {server.ready_after_s:.0f} s.")
        _load(server)
        _send_arrow(server, arrow)
        _refused(server)
        before = _send_until_the_plug_is_pulled(server, ndjson)
        _start_again(server)
        _compare(server, ndjson, before)
        _explain(server, workload.order_id(7))
        _send_again(server, arrow)
        _tell_of_all(server, before)
        live(server, json.loads(ndjson.open("rb").readline()))
        server.stop()
    finally:
        if server.url:  # something went wrong while it ran
            server.kill_everything()
    _say("Stopped by SIGTERM: everything under way was finished first.")
    _verify()
    _say(f"Done in {time.monotonic() - started_s:.0f} s. To look around: make serve DATA={HOME}/data")
    return 0


def _prepare(workload: Workload) -> tuple[pathlib.Path, pathlib.Path]:
    """Tables, and two files of orders: the first as Arrow, those after them as JSON lines."""
    shutil.rmtree(HOME, ignore_errors=True)
    write_tables(workload, ARROW_ORDERS + JSON_ORDERS, HOME / "tables")
    arrow, ndjson = HOME / "orders.arrow", HOME / "orders.ndjson"
    with arrow.open("wb") as file:
        batches = workload.arrow(ARROW_ORDERS)
        first = next(batches)
        with pa.ipc.new_stream(file, first.schema) as writer:
            writer.write_batch(first)
            for batch in batches:
                writer.write_batch(batch)
    with ndjson.open("wb") as file:
        file.writelines(workload.ndjson(JSON_ORDERS, first=ARROW_ORDERS))
    _say(f"Made {workload.mix.skus:,} SKUs, {ARROW_ORDERS:,} orders as Arrow and {JSON_ORDERS:,} as JSON lines.")
    with ndjson.open("rb") as file:
        _say("One of them:", file.readline().decode().strip())
    return arrow, ndjson


def _load(server: Server) -> None:
    result = _command("load", *_where(server), "all", str(HOME / "tables"))
    rows = {table["table"]: table["rows"] for table in result["tables"]}
    _say("Loaded the catalogue: " + ", ".join(f"{count:,} rows of {table}" for table, count in rows.items()) + ".")


def _send_arrow(server: Server, orders: pathlib.Path) -> None:
    result = _command("send", *_where(server), "--format", "arrow", str(orders))
    assert result["answered"] == result["sent"] == ARROW_ORDERS, result
    said = ", ".join(f"{count:,} {status}" for status, count in sorted(result["by_status"].items()))
    _say(f"Sent {result['sent']:,} orders as Arrow: {said}.")


def _refused(server: Server) -> None:
    order = json.loads((HOME / "orders.ndjson").open("rb").readline())
    wrong = {**order, "order_id": "demo-wrong", "lines": [{"sku": "S-9", "qty": 0}]}
    status, body = server.request("POST", "/v1/orders", json.dumps(wrong).encode(), "application/json")
    assert status == 422, body
    _say(f"A bad order is told what is wrong with it (HTTP {status}):", json.loads(body)["detail"])


def _send_until_the_plug_is_pulled(server: Server, orders: pathlib.Path) -> list[Answer]:
    """Stream JSON lines and kill every process of the router while they flow; the answers that arrived."""
    killed = []

    def watch(answered: int) -> None:
        if answered >= PLUG_AFTER_ANSWERS and not killed:
            killed.extend(server.processes())
            server.kill_everything()

    answers = stream(server.url, server.key, orders.read_bytes().splitlines(keepends=True), watch)
    assert killed and PLUG_AFTER_ANSWERS <= len(answers) < JSON_ORDERS, len(answers)
    _say("Streaming JSON lines; the first answers:", *map(_line_of, answers[:SHOWN]))
    _say(
        f"Pulled the plug in the middle of the stream: kill -9 of all {len(killed)} processes. "
        f"{len(answers):,} of {JSON_ORDERS:,} orders had been acknowledged."
    )
    return answers


def _start_again(server: Server) -> None:
    server.start()
    _say(f"Started again on the same folder, ready after {server.ready_after_s:.0f} s.")


def _compare(server: Server, orders: pathlib.Path, before: list[Answer]) -> None:
    """Send everything again: what was acknowledged must answer the same, as a duplicate."""
    after = stream(server.url, server.key, orders.read_bytes().splitlines(keepends=True))
    assert len(after) == JSON_ORDERS, len(after)
    for promised, kept in zip(before, after, strict=False):
        assert kept == {**promised, "duplicate": True}, (promised, kept)
    _say(
        f"Sent the same orders again: all {len(before):,} acknowledged ones are there with the same price, warehouse "
        f"and date. {sum(answer['duplicate'] for answer in after[len(before) :]):,} more had been stored when the "
        "plug was pulled, or come twice in the file; the others were decided now."
    )


def _explain(server: Server, order_id: str) -> None:
    told = _run("explain", *_where(server), order_id)
    _say(f"Why order {order_id} went where it went:", *told.splitlines())


def _send_again(server: Server, orders: pathlib.Path) -> None:
    result = _command("send", *_where(server), "--format", "arrow", str(orders))
    assert result["duplicates"] == result["answered"] == ARROW_ORDERS, result
    _say(f"Sent the Arrow file again: {result['duplicates']:,} duplicates, nothing happened twice.")


def _tell_of_all(server: Server, orders: list[Answer]) -> None:
    """The warehouse and the carrier report every order that can go out, in mixed order."""
    going = [answer["order_id"] for answer in orders if answer["status"] == "allocated" and not answer["duplicate"]]
    told = [
        {"event_id": f"{kind}-{order_id}", "order_id": order_id, "type": kind, "source": "demo"}
        for kind in ("payment_captured", "ship", "deliver")
        for order_id in going
    ]
    began_s = time.monotonic()
    answers = _events(server, told)
    took_s = time.monotonic() - began_s
    counts = Counter(answer["status"] for answer in answers)
    assert set(counts) <= {"applied", "duplicate"}, [answer for answer in answers if answer["status"] == "refused"][:1]
    _say(
        f"Told {len(told):,} events of {len(going):,} orders in {took_s:.1f} s: paid, shipped, delivered. "
        f"{counts['duplicate']:,} said what was known: those orders came paid."
    )


def live(server: Asked, order: dict[str, Any]) -> None:
    """One order of four units, like this one but not paid, goes its way in parts."""
    line = {"line_id": "L1", "sku": order["lines"][0]["sku"], "qty": 4}
    placed = {**order, "order_id": "demo-life", "customer": {"id": "demo", "name": "Demo"}, "lines": [line]}
    del placed["payment"]
    status, body = server.request("POST", "/v1/orders", json.dumps(placed).encode(), "application/json")
    assert status == 200, body
    _say("One order of four units goes its way in parts:")
    for number, (kind, qty, fields) in enumerate(LIFE):
        event = {"event_id": f"life-{number}", "order_id": "demo-life", "type": kind, **fields}
        (answer,) = _events(server, [event | ({"lines": [{"line_id": "L1", "qty": qty}]} if qty else {})])
        assert answer["status"] == "applied", answer
        view = _stands(server)
        units = ", ".join(
            f"{count} {stage}" for stage, count in view["lines"][0]["units"].items() if count and stage != "ordered"
        )
        print(f"     {kind:<20} {view['state']:<20} {view['payment_state']:<20} {units}", flush=True)
    _say("Its money in minor units: " + ", ".join(f"{amount:,} {name}" for name, amount in view["money"].items()) + ".")


def _stands(server: Asked) -> dict[str, Any]:
    """The order as it stands; its units are in one stage each."""
    status, body = server.request("GET", "/v1/orders/demo-life")
    view: dict[str, Any] = json.loads(body)
    assert status == 200 and sum(view["lines"][0]["units"].values()) == 2 * view["lines"][0]["units"]["ordered"] == 8, (
        view
    )
    return view


def _events(server: Asked, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    answers = stream(server.url, server.key, [json.dumps(event).encode() + b"\n" for event in events], path=EVENTS)
    assert len(answers) == len(events), len(answers)
    return answers


def _verify() -> None:
    result = _command("verify", "--data", str(HOME / "data"))
    _say(
        f"Verified from the first record on: {result['orders']:,} orders, every unit accounted for, "
        f"state hash {result['state_hash']}."
    )


def _line_of(answer: Answer) -> str:
    total = format_minor(answer["total"], EXPONENTS[answer["currency"]])
    nodes = sorted({part["node"] for line in answer["lines"] for part in line["allocations"]})
    return (
        f"{answer['order_id']}  {answer['status']:<10} {total:>9} {answer['currency']}  from {', '.join(nodes):<14}"
        f"  arrives by {answer['promise_date']}"
    )


def _where(server: Server) -> tuple[str, ...]:
    return ("--url", server.url, "--key", f"@{server.folder / 'admin.key'}")


def _command(*arguments: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(_run(*arguments, "--json"))
    return result


def _run(*arguments: str) -> str:
    """Run one command of ``order-router``; its failure is the demo's."""
    command = [sys.executable, "-m", "actors.cli.main", *arguments]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode:
        raise SystemExit(f"order-router {arguments[0]} failed: {finished.stdout}\n{finished.stderr}")
    return finished.stdout


def _say(text: str, *details: str) -> None:
    print(f"-- {text}", *(f"     {detail}" for detail in details), sep="\n", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
