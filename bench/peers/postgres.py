"""PostgreSQL with a stored procedure: one order a transaction, and a batch of orders a transaction.

Does: everything in job.py inside the database, in one round trip; prepared statements, parameters and answers in
binary, made before and read after the clock. A batch is decided by sets, not by a loop (postgres_sql.py).
Durable: ``fsync``, ``synchronous_commit`` and ``full_page_writes`` are on, so a commit is on disk before its answer.
Tuned: the data fits ``shared_buffers``; the log may grow past the run, so that no checkpoint falls into it; no JIT;
several connections, so that commits share a sync and one transaction computes while another writes.
Leaves out: what job.py leaves out, rows for order lines (they stay in the document), and the parsing of JSON.
"""

from __future__ import annotations

import itertools
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import numpy as np

from bench.harness.arrays import F64, I64
from bench.harness.server import free_port
from bench.peers.daemon import Daemon, find_binary
from bench.peers.job import Answer, Audit, Outcome, PeerAbsent
from bench.peers.postgres_sql import PLACE_ORDER, PLACE_ORDERS, SESSION, TABLES
from bench.peers.shop import Orders, Shop

SINGLE_CONNECTIONS = 16
BATCH_CONNECTIONS, BATCH_ORDERS = 2, 8_192
SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "1GB",
    "wal_buffers": "64MB",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "1h",
    "work_mem": "64MB",
    "temp_buffers": "64MB",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "unix_socket_directories": "",
    "listen_addresses": "127.0.0.1",
}
INT2, INT4, TEXT, INT2S, INT4S, TEXTS = 21, 23, 25, 1005, 1007, 1009
SINGLE = (b"SELECT * FROM place_order($1, $2, $3, $4, $5, $6, $7)", [TEXT, TEXT, INT2, INT2, INT2, INT4S, INT4S])
BATCH = (
    b"SELECT * FROM place_orders($1, $2, $3, $4, $5, $6, $7, $8)",
    [TEXTS, TEXTS, INT2S, INT2S, INT2S, INT4S, INT4S, INT4S],
)
Parameters = list[bytes]


class Postgres:
    """A server of its own, as the account ``postgres`` where this process is root (PostgreSQL refuses to be root)."""

    def __init__(self) -> None:
        try:
            from psycopg import pq
        except ImportError:
            raise PeerAbsent(
                "psycopg or libpq is not installed; pip install psycopg (it needs libpq, Debian's package libpq5)"
            ) from None
        self._pq: Any = pq
        self._initdb = find_binary("initdb", ["usr/lib/postgresql/*/bin", "usr/local/pgsql/bin"], "postgresql")
        self._daemon = Daemon("postgresql", account="postgres")
        self._port = free_port()

    def __enter__(self) -> Self:
        data = ["-D", str(self._daemon.folder / "data")]
        given = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        self._daemon.run([str(self._initdb), *data, "-A", "trust", "-U", "bench", "-E", "UTF8", "--locale=C"])
        command = [str(self._initdb.with_name("postgres")), *data, "-p", str(self._port), *given]
        self._daemon.start(command, self._answers)
        return self

    def __exit__(self, *_: object) -> None:
        self._daemon.end()

    @property
    def url(self) -> str:
        return f"postgresql://bench@127.0.0.1:{self._port}/postgres"

    @property
    def version(self) -> str:
        return f"PostgreSQL {self._rows('SHOW server_version')[0][0]}"

    def load(self, shop: Shop) -> None:
        """New tables; nothing of an earlier run is left."""
        connection = self._connect()
        tables = {
            "catalogue": zip(shop.price_minor.T.tolist(), shop.weight_g.tolist(), shop.tax_class.tolist(), strict=True),
            "stock": ((units,) for units in shop.on_hand.tolist()),
            "areas": zip(shop.tax_bp.tolist(), shop.inclusive.tolist(), shop.preference.tolist(), strict=True),
            "fees": iter(shop.fees),
        }
        self._execute(connection, TABLES + PLACE_ORDER + PLACE_ORDERS)
        for table, rows in tables.items():
            self._execute(connection, f"COPY {table} FROM STDIN")
            connection.put_copy_data("".join(_copy_line(at, row) for at, row in enumerate(rows)).encode())
            connection.put_copy_end()
            self._succeeded(connection.get_result())
            while connection.get_result() is not None:
                pass
        self._execute(connection, "VACUUM ANALYZE")
        self._execute(connection, "CHECKPOINT")
        connection.finish()

    def one_by_one(self, orders: Orders) -> Outcome:
        requests = [_single(orders, row) for row in range(len(orders))]
        elapsed_s, waited_ms, results = self._drive(SINGLE, requests, SINGLE_CONNECTIONS)
        answers = [
            Answer(*struct.unpack(">hhq?", b"".join(result.get_value(0, column) for column in range(4))))
            for result in results
        ]
        return Outcome(answers, elapsed_s, waited_ms)

    def batched(
        self, orders: Orders, batch_orders: int = BATCH_ORDERS, connections: int = BATCH_CONNECTIONS
    ) -> Outcome:
        requests = [_batch(orders, at, at + batch_orders) for at in range(0, len(orders), batch_orders)]
        elapsed_s, waited_ms, results = self._drive(BATCH, requests, connections)
        answers = [answer for result in results for answer in _batch_answers(result)]
        return Outcome(answers, elapsed_s, waited_ms)

    def audit(self) -> Audit:
        [[stored, total]] = self._rows("SELECT count(*), coalesce(sum(total_minor), 0) FROM orders")
        units = [row[0].strip("{}").split(",") for row in self._rows("SELECT available FROM stock ORDER BY sku")]
        return Audit(int(stored), int(total), np.array(units, np.int64))

    def _drive(
        self, statement: tuple[bytes, list[int]], requests: list[Parameters], connections: int
    ) -> tuple[float, F64, list[Any]]:
        """A closed loop a connection; they take the requests in turn."""
        results: list[Any] = [None] * len(requests)
        waited_ms = np.zeros(len(requests))
        turn, faults = itertools.count(), []
        opened = [self._prepared(*statement) for _ in range(connections)]

        def work(connection: Any) -> None:
            try:
                for at in _below(turn, len(requests)):
                    sent_s = time.perf_counter()
                    results[at] = self._ask(connection, requests[at])
                    waited_ms[at] = (time.perf_counter() - sent_s) * 1000
            except BaseException as fault:
                faults.append(fault)

        elapsed_s = _run_threads([lambda connection=connection: work(connection) for connection in opened])  # type: ignore[misc]
        for connection in opened:
            connection.finish()
        if faults:
            raise faults[0]
        return elapsed_s, waited_ms, results

    def _ask(self, connection: Any, request: Parameters) -> Any:
        """Two connections may bring the same new id at once; the later one asks again and gets the first decision."""
        result = connection.exec_prepared(b"job", request, [1] * len(request), 1)
        if result.status == self._pq.ExecStatus.FATAL_ERROR and _is_unique_violation(self._pq, result):
            result = connection.exec_prepared(b"job", request, [1] * len(request), 1)
        return self._succeeded(result)

    def _prepared(self, sql: bytes, types: Sequence[int]) -> Any:
        connection = self._connect()
        self._execute(connection, SESSION)
        self._succeeded(connection.prepare(b"job", sql, types))
        return connection

    def _answers(self) -> bool:
        connection = self._pq.PGconn.connect(self._address)
        is_ready: bool = connection.status == self._pq.ConnStatus.OK
        connection.finish()
        return is_ready

    @property
    def _address(self) -> bytes:
        return f"host=127.0.0.1 port={self._port} user=bench dbname=postgres".encode()

    def _connect(self) -> Any:
        connection = self._pq.PGconn.connect(self._address)
        assert connection.status == self._pq.ConnStatus.OK, connection.error_message
        return connection

    def _execute(self, connection: Any, sql: str) -> Any:
        return self._succeeded(connection.exec_(sql.encode()))

    def _rows(self, sql: str) -> list[list[str]]:
        connection = self._connect()
        result = self._execute(connection, sql)
        rows = [
            [result.get_value(row, column).decode() for column in range(result.nfields)]
            for row in range(result.ntuples)
        ]
        connection.finish()
        return rows

    def _succeeded(self, result: Any) -> Any:
        status = self._pq.ExecStatus
        assert result.status in (status.TUPLES_OK, status.COMMAND_OK, status.COPY_IN), result.error_message.decode()
        return result


def _run_threads(works: Sequence[Callable[[], None]]) -> float:
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    started_s = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - started_s


def _below(turn: Iterator[int], count: int) -> Iterator[int]:
    return itertools.takewhile(lambda at: at < count, turn)


def _is_unique_violation(pq: Any, result: Any) -> bool:
    return bool(result.error_field(pq.DiagnosticField.SQLSTATE) == b"23505")


def _copy_line(key: int, row: Sequence[object]) -> str:
    texts = ["{" + ",".join(map(str, value)) + "}" if isinstance(value, list) else str(value) for value in row]
    return "\t".join([str(key), *texts]) + "\n"


def _single(orders: Orders, row: int) -> Parameters:
    part = slice(int(orders.offset[row]), int(orders.offset[row + 1]))
    small = [struct.pack(">h", int(column[row])) for column in (orders.area, orders.currency, orders.express)]
    lines = [_int_array(orders.sku[part], INT4), _int_array(orders.qty[part], INT4)]
    return [orders.ids[row].encode(), orders.documents[row], *small, *lines]


def _batch(orders: Orders, start: int, end: int) -> Parameters:
    end = min(end, len(orders))
    part = slice(int(orders.offset[start]), int(orders.offset[end]))
    row = np.repeat(np.arange(1, end - start + 1), np.diff(orders.offset[start : end + 1]))
    small = [_int_array(column[start:end], INT2) for column in (orders.area, orders.currency, orders.express)]
    texts = [[text.encode() for text in orders.ids[start:end]], orders.documents[start:end]]
    lines = [_int_array(column, INT4) for column in (row, orders.sku[part], orders.qty[part])]
    return [*map(_text_array, texts), *small, *lines]


def _array_head(count: int, kind: int) -> bytes:
    return struct.pack(">iiIii", 1, 0, kind, count, 1)


def _int_array(values: I64, kind: int) -> bytes:
    width = {INT2: 2, INT4: 4}[kind]
    cells = np.empty(len(values), np.dtype([("bytes", ">i4"), ("value", f">i{width}")]))
    cells["bytes"], cells["value"] = width, values
    return _array_head(len(values), kind) + cells.tobytes()


def _text_array(texts: list[bytes]) -> bytes:
    return _array_head(len(texts), TEXT) + b"".join(struct.pack(">i", len(text)) + text for text in texts)


def _batch_answers(result: Any) -> Iterator[Answer]:
    columns = [
        np.frombuffer(result.get_value(0, column), np.dtype([("bytes", ">i4"), ("value", kind)]), offset=20)["value"]
        for column, kind in enumerate((">i2", ">i2", ">i8", "i1"))
    ]
    for status, node, total, duplicate in zip(*(column.tolist() for column in columns), strict=True):
        yield Answer(status, node, total, bool(duplicate))
