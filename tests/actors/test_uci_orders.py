"""Real orders through a real router: every sale invoice of the UCI Online Retail file is acknowledged exactly once.

The first 60,000 rows; the whole file with ORDER_ROUTER_UCI=full, or ``make uci``. What is expected is counted here from
the rows themselves, with none of the code under test.
"""

from __future__ import annotations

import collections
import csv
import gzip
import itertools
import json
import os
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from bench.harness.server import Server

ROOT = pathlib.Path(__file__).parents[2]
FILE = ROOT.parent / "shared/data/uci_online_retail/online_retail_2010-12_2011-12.csv.gz"
EXAMPLE = ROOT / "examples/uci_online_retail"
WHOLE = os.environ.get("ORDER_ROUTER_UCI") == "full"
ROWS = 541_909 if WHOLE else 60_000
COMMAND_S_MAX = 280.0
PAGE_ORDERS = 1_000
# Reason of a row by its stock code, once it is known to be neither a cancellation nor a write-off.
BY_CODE = {"POST": "freight", "DOT": "freight", "C2": "freight", "AMAZONFEE": "fee", "BANK CHARGES": "fee"}
BY_CODE |= {"D": "discount", "M": "manual_entry", "m": "manual_entry", "S": "sample", "CRUK": "donation"}

pytestmark = [
    pytest.mark.ray,
    pytest.mark.timeout(1_200),
    pytest.mark.skipif(not FILE.exists(), reason="the UCI Online Retail file is not in ../shared/data"),
]
Result = dict[str, Any]


@dataclass
class Expected:
    """Counted from the rows alone."""

    rows: int = 0
    units: int = 0
    invoices: dict[str, int] = field(default_factory=dict)  # sale invoice -> its lines
    not_orders: collections.Counter[str] = field(default_factory=collections.Counter)


@dataclass
class Run:
    """What the commands said, first and second time."""

    expected: Expected
    sent: list[Result] = field(default_factory=list)
    verified: list[Result] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)  # order ids as the search lists them


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("uci")
    orders = FILE if WHOLE else _first_rows(folder / "first.csv.gz")
    done = Run(_expected(orders))
    _python("examples.uci_online_retail.derive_tables", str(orders), str(folder / "tables"))
    server = Server(folder=folder / "data", options=("--config", str(EXAMPLE / "router.toml")))
    where = ("--key", f"@{folder / 'data' / 'admin.key'}")
    send = ("--format", "csv", "--mapping", str(EXAMPLE / "mapping.toml"), str(orders))
    try:
        for again in (False, True):
            server.start()
            if not again:
                _order_router("load", "--url", server.url, *where, "all", str(folder / "tables"))
            done.sent.append(_order_router("send", "--url", server.url, *where, *send))
            if again:
                done.stored = _stored(server)
            server.stop()
            done.verified.append(_order_router("verify", "--data", str(server.folder)))
        yield done
    finally:
        if server.url:  # something went wrong while it ran
            server.kill_everything()


def _first_rows(path: pathlib.Path) -> pathlib.Path:
    with gzip.open(FILE, "rb") as whole, gzip.open(path, "wb", compresslevel=1) as part:
        part.writelines(itertools.islice(whole, ROWS + 1))
    return path


def _expected(path: pathlib.Path) -> Expected:
    expected = Expected()
    with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as text:
        for row in csv.DictReader(text):
            expected.rows += 1
            reason = _reason(row)
            if reason:
                expected.not_orders[reason] += 1
            else:
                expected.units += int(row["Quantity"])
                expected.invoices[row["InvoiceNo"]] = expected.invoices.get(row["InvoiceNo"], 0) + 1
    return expected


def _reason(row: dict[str, str]) -> str:
    """Why a row is no line of an order; "" where it is one."""
    kind = {"C": "cancellation", "A": "bad_debt_adjustment"}.get(row["InvoiceNo"][0])
    if kind or int(row["Quantity"]) < 0:
        return kind or "write_off"
    code, price = row["StockCode"], float(row["UnitPrice"])
    if code in BY_CODE:
        return BY_CODE[code]
    if re.fullmatch(r"gift_0001_\d\d", code):
        return "gift_voucher"
    return "no_price" if price <= 0 else "price_below_a_penny" if price < 0.01 else ""


def _stored(server: Server) -> list[str]:
    """Every order id that the search finds, page by page."""
    found: list[str] = []
    cursor = ""
    for _ in range(ROWS):  # a bound: a page may be empty, but the cursor always moves on
        status, body = server.request("GET", f"/v1/orders?limit={PAGE_ORDERS}{cursor}")
        assert status == 200, body[:500]
        page = json.loads(body)
        found += [order["order_id"] for order in page["orders"]]
        if page["cursor"] is None:
            return found
        cursor = f"&cursor={page['cursor']}"
    raise AssertionError("the search has no end")


def _order_router(*arguments: str) -> Result:
    return dict(json.loads(_python("actors.cli.main", *arguments, "--json")))


def _python(module: str, *arguments: str) -> str:
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=COMMAND_S_MAX, check=False)
    assert done.returncode == 0, (arguments[:1], done.stdout[-2_000:], done.stderr[-2_000:])
    return done.stdout


def test_every_sale_invoice_is_acknowledged_and_stored_exactly_once(run: Run) -> None:
    first = run.sent[0]
    assert first["sent"] == first["answered"] == len(run.expected.invoices)
    assert (first["duplicates"], first["unanswered"], first["by_status"].get("rejected", 0)) == (0, 0, 0)
    assert len(run.stored) == len(set(run.stored)) and set(run.stored) == set(run.expected.invoices)


def test_every_other_row_is_accounted_for_by_its_reason(run: Run) -> None:
    said = run.sent[0]["csv"]
    by_reason = {reason: left["rows"] for reason, left in said["rows_not_orders"].items()}
    assert by_reason == dict(run.expected.not_orders)
    assert said["order_lines"] == sum(run.expected.invoices.values())
    assert said["rows"] == said["order_lines"] + sum(by_reason.values()) == run.expected.rows == ROWS


def test_the_ledger_holds_exactly_the_units_of_the_file(run: Run) -> None:
    totals = run.verified[0]["ledger"]["totals"]
    assert totals["held"] + totals["allocated"] == run.expected.units
    assert totals["received"] == totals["available"] + totals["held"] + totals["allocated"] + totals["shipped"]


def test_what_was_stored_verifies_clean(run: Run) -> None:
    for verdict in run.verified:
        assert verdict["ok"] and verdict["orders"] == len(run.expected.invoices)
        assert sum(shard["decisions_compared"] for shard in verdict["shards"]) == verdict["orders"]


def test_sent_again_every_order_is_a_duplicate_and_the_state_is_the_same(run: Run) -> None:
    first, again = run.sent
    assert again["duplicates"] == again["answered"] == again["sent"] == len(run.expected.invoices)
    assert again["by_status"] == first["by_status"]
    assert run.verified[1]["state_hash"] == run.verified[0]["state_hash"]
