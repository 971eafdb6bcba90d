"""A plain asyncio service on SQLite over HTTP: what a small shop would write.

Does: everything in job.py, JSON decoding included, one order a POST, kept-alive connections (sqlite_service.py).
Durable: write-ahead log with ``synchronous = FULL``; orders that wait while the disk is busy share a transaction.
The catalogue is in the service's memory; stock and orders are in the database.
Leaves out: what job.py leaves out, authentication, bounds on what a client may send.
"""

from __future__ import annotations

import pathlib
import pickle
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from typing import Self

import msgspec
import numpy as np

from bench.harness.asking import ask_all, request_bytes
from bench.harness.workload import Workload
from bench.peers.job import Answer, Audit, Outcome, WrongPeer
from bench.peers.shop import Orders, Shop

CONNECTIONS = 64
STOP_S_MAX = 30.0


class SqliteService:
    def __init__(self) -> None:
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="order-router-peer-sqlite-"))
        self._database = self._folder / "orders.sqlite"
        self._process: subprocess.Popen[str] | None = None
        self.version = f"SQLite {sqlite3.sqlite_version}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(STOP_S_MAX)
            self._process = None

    def load(self, shop: Shop) -> None:
        """A new database and a new service, which makes the tables."""
        self._stop()
        for file in self._folder.iterdir():
            file.unlink()
        given = self._folder / "shop.pickle"
        given.write_bytes(pickle.dumps((shop, Workload().sku_text[: shop.skus])))
        command = [sys.executable, "-m", "bench.peers.sqlite_service", "--database", str(self._database)]
        self._process = subprocess.Popen([*command, "--shop", str(given)], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        port = self._process.stdout.readline()
        if not port:
            raise WrongPeer("The SQLite service did not start.")
        self._address = ("127.0.0.1", int(port))

    def one_by_one(self, orders: Orders, connections: int = CONNECTIONS) -> Outcome:
        requests = [request_bytes("POST", "/orders", self._address, "none", body) for body in orders.documents]
        asked = ask_all(self._address, requests, connections)
        answers = [Answer(*msgspec.json.decode(reply.body)) for reply in asked.replies]
        return Outcome(answers, asked.elapsed_s, asked.waited_ms)

    def audit(self) -> Audit:
        database = sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)
        stored, total = database.execute("SELECT count(*), coalesce(sum(total_minor), 0) FROM orders").fetchone()
        units = database.execute("SELECT * FROM stock ORDER BY sku").fetchall()
        database.close()
        return Audit(stored, total, np.array(units, np.int64)[:, 1:])
