"""A set through a running router, twice: what the commands said, what is stored, what is in the files of rejects."""

from __future__ import annotations

import csv
import http.client
import json
import pathlib
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bench.harness.server import Server
from tests.labs.real_sets.counted import Counted
from tests.labs.real_sets.sets import ROOT, RealSet

COMMAND_S_MAX = 280.0
PAGE_ORDERS = 1_000
Document = dict[str, Any]


@dataclass
class Sending:
    """One time of two."""

    summary: Document
    rejects: list[dict[str, str]]
    events: Document
    orders: dict[str, Document]  # as they stand afterwards
    verified: Document


@dataclass
class Run:
    counted: Counted
    times: list[Sending] = field(default_factory=list)
    corrected: Sending | None = None  # what was refused, sent once more as its reasons say

    @property
    def first(self) -> Sending:
        return self.times[0]

    @property
    def again(self) -> Sending:
        return self.times[1]


def run_through_router(real: RealSet, folder: pathlib.Path) -> Run:
    """The router is stopped, verified and started again in between."""
    taken = real.taken(folder)
    run = Run(real.count(taken))
    example = ROOT / "examples" / real.example
    _python(f"examples.{real.example}.derive_tables", *map(str, real.tables_from(taken)), str(folder / "tables"))
    server = Server(folder=folder / "data", options=("--config", str(example / "router.toml")))
    try:
        run.times = [_sending(real, server, taken, real.joins, tables) for tables in (folder / "tables", None)]
        if real.corrected is not None:
            sent_back = (folder / "rejects.csv").rename(folder / "sent_back.csv")
            run.corrected = _sending(real, server, sent_back, real.corrected(folder), None)
    finally:
        if server.url:  # something went wrong while it ran
            server.kill_everything()
    return run


def _sending(
    real: RealSet, server: Server, file: pathlib.Path, joins: dict[str, pathlib.Path], tables: pathlib.Path | None
) -> Sending:
    """Start, load, send, look, stop, verify."""
    server.start()
    where = ["--url", server.url, "--key", f"@{server.folder / 'admin.key'}"]
    if tables is not None:
        _order_router("load", *where, "all", str(tables))
    summary, rejects, events = _send(real, file, joins, where, server.folder.parent)
    orders = dict(_orders(server))
    server.stop()
    return Sending(summary, rejects, events, orders, _order_router("verify", "--data", str(server.folder)))


def _send(
    real: RealSet, file: pathlib.Path, joins: dict[str, pathlib.Path], where: list[str], folder: pathlib.Path
) -> tuple[Document, list[dict[str, str]], Document]:
    """The orders, and then the events that the mapping made of them."""
    rejects, events = folder / "rejects.csv", folder / "events.ndjson"
    send = ["--mapping", str(ROOT / "examples" / real.example / "mapping.toml"), str(file)]
    send += [f"--join={name}={path}" for name, path in joins.items()]
    summary = _order_router("send", *where, *send, "--rejects", str(rejects), "--events", str(events))
    with rejects.open(encoding="utf-8-sig", newline="") as text:
        refused = list(csv.DictReader(text))
    if not summary["csv"]["events"]:
        return summary, refused, {"by_status": {}}
    told = _python("actors.cli.main", "events", "send", *where, str(events), "--json", codes=(0, 1))
    return summary, refused, dict(json.loads(told))


def _orders(server: Server) -> Iterator[tuple[str, Document]]:
    """Every order that the search finds, as ``GET`` of it says; one connection for all."""
    host = urllib.parse.urlsplit(server.url).netloc
    connection = http.client.HTTPConnection(host, timeout=60)
    headers = {"Authorization": f"Bearer {server.key}"}

    def get(path: str) -> Document:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        body = response.read()
        assert response.status == 200, (path, body[:500])
        return dict(json.loads(body))

    cursor: str | None = ""
    while cursor is not None:
        page = get(f"/v1/orders?limit={PAGE_ORDERS}" + (f"&cursor={cursor}" if cursor else ""))
        for found in page["orders"]:
            yield found["order_id"], get(f"/v1/orders/{urllib.parse.quote(found['order_id'], safe='')}")
        cursor = page["cursor"]
    connection.close()


def _order_router(*arguments: str) -> Document:
    return dict(json.loads(_python("actors.cli.main", *arguments, "--json")))


def _python(module: str, *arguments: str, codes: tuple[int, ...] = (0,)) -> str:
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=COMMAND_S_MAX, check=False)
    assert done.returncode in codes, (arguments[:2], done.stdout[-2_000:], done.stderr[-2_000:])
    return done.stdout
