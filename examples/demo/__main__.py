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
from typing import Any

from bench._server import Server
from bench.tables import write_tables
from bench.workload import CHUNK_ORDERS, Workload

HOME = pathlib.Path("var/demo")
ORDERS = 12 * CHUNK_ORDERS
PLUG_AFTER_S = 1.0
SEND_S_MAX = 150.0


def main() -> int:
    started_s = time.monotonic()
    workload = Workload(seed=20)
    tables, orders = _prepare(workload)
    server = Server(shards=2, folder=HOME / "data")
    server.start()
    try:
        _say(f"The router is ready at {server.url} after {server.ready_after_s:.1f} s.")
        _load(server, tables)
        _send_through_a_power_cut(server, orders)
        _ask(server, workload.order_id(7))
        _send_again(server, orders)
        server.stop()
        _say("Stopped by SIGTERM: everything under way was finished first.")
    except BaseException:
        server.kill_everything()
        raise
    _verify()
    _say(f"Done in {time.monotonic() - started_s:.0f} s. To look around: make serve DATA={HOME}/data")
    return 0


def _prepare(workload: Workload) -> tuple[pathlib.Path, pathlib.Path]:
    shutil.rmtree(HOME, ignore_errors=True)
    tables, orders = HOME / "tables", HOME / "orders.ndjson"
    write_tables(workload, ORDERS, tables)
    with orders.open("wb") as file:
        file.writelines(workload.ndjson(ORDERS))
    _say(f"Made {workload.mix.skus:,} SKUs and {ORDERS:,} orders ({orders.stat().st_size >> 20} MiB of JSON lines).")
    first = json.loads(orders.open("rb").readline())
    _say(f"The first one: {json.dumps(first, ensure_ascii=False)}")
    return tables, orders


def _load(server: Server, tables: pathlib.Path) -> None:
    result = _command("load", *_where(server), "all", str(tables))
    rows = {table["table"]: table["rows"] for table in result["tables"]}
    _say("Loaded " + ", ".join(f"{count:,} {table}" for table, count in rows.items()) + ".")


def _send_through_a_power_cut(server: Server, orders: pathlib.Path) -> None:
    """All processes are killed while orders stream in; the sender waits and goes on by itself."""
    command = [sys.executable, "-m", "actors.cli.main", "send", *_where(server), str(orders), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=sys.stderr, text=True) as sender:
        time.sleep(PLUG_AFTER_S)
        killed = len(server.processes())
        server.kill_everything()
        _say(f"Pulled the plug: kill -9 of all {killed} processes in the middle of the stream.")
        server.start()
        _say(f"Ready again after {server.ready_after_s:.1f} s; the sender goes on with what was not answered.")
        output, _ = sender.communicate(timeout=SEND_S_MAX)
    result = json.loads(output)
    assert sender.returncode == 0 and result["answered"] == result["sent"] == ORDERS, result
    states = ", ".join(f"{count:,} {status}" for status, count in sorted(result["by_status"].items()))
    _say(
        f"Every one of {result['sent']:,} orders was answered: {states}; {result['reconnects']} reconnects, "
        f"{result['repeated_after_reconnect']:,} had been stored before the plug was pulled and were recognised."
    )


def _ask(server: Server, order_id: str) -> None:
    status, body = server.request("GET", f"/v1/orders/{order_id}")
    assert status == 200, body
    _say(f"What became of order {order_id}: {json.dumps(json.loads(body), ensure_ascii=False)}")


def _send_again(server: Server, orders: pathlib.Path) -> None:
    result = _command("send", *_where(server), str(orders))
    assert result["duplicates"] == result["answered"] == ORDERS, result
    _say(f"Sent the same file again: {result['duplicates']:,} duplicates, nothing happened twice.")


def _verify() -> None:
    result = _command("verify", "--data", str(HOME / "data"))
    _say(f"Verified from the first record on: {result['orders']:,} orders, state hash {result['state_hash']}.")


def _where(server: Server) -> tuple[str, ...]:
    return ("--url", server.url, "--key", f"@{server.folder / 'admin.key'}")


def _command(*arguments: str) -> dict[str, Any]:
    """Run one command of ``order-router`` and read its JSON; its failure is the demo's."""
    command = [sys.executable, "-m", "actors.cli.main", *arguments, "--json"]
    finished = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if finished.returncode:
        raise SystemExit(f"order-router {arguments[0]} failed: {finished.stdout}")
    result: dict[str, Any] = json.loads(finished.stdout)
    return result


def _say(text: str) -> None:
    print(f"-- {text}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
