"""Real orders through a real router, by CSV mappings alone: every amount, line and refusal as counted from the files.

The suite takes the first rows of the larger sets, ``make real`` all of each, and prints what came of them. What is
expected is counted in tests/labs/real_sets by none of the code under test.
"""

from __future__ import annotations

import collections
from collections.abc import Iterator

import pytest

from tests.labs.real_sets.counted import Order
from tests.labs.real_sets.run import Document, Run, Sending, run_through_router
from tests.labs.real_sets.sets import SETS, WHOLE, RealSet
from tests.labs.real_sets.table import heading, row_of

pytestmark = [pytest.mark.ray, pytest.mark.timeout(1_200)]


@pytest.fixture(scope="module", autouse=True)
def table() -> Iterator[list[str]]:
    """What came of each set; shown at the end of a whole run, which does not capture what is printed."""
    rows: list[str] = []
    yield rows
    if WHOLE and rows:
        print("\n", heading(), *rows, sep="\n")


@pytest.fixture(scope="module", params=SETS, ids=lambda real: real.example)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, table: list[str]) -> Run:
    real: RealSet = request.param
    if real.missing:
        pytest.skip(real.missing)
    done = run_through_router(real, tmp_path_factory.mktemp(real.example))
    table.append(row_of(real, done))
    return done


def _accepted(sending: Sending) -> dict[str, Document]:
    return {order_id: order for order_id, order in sending.orders.items() if order["status"] != "rejected"}


def _money(orders: dict[str, Document]) -> dict[str, tuple[int, int, int]]:
    return {order_id: (order["total"], order["tax"], order["shipping"]) for order_id, order in orders.items()}


def _counted_money(orders: dict[str, Order]) -> dict[str, tuple[int, int, int]]:
    return {order_id: (order.total, order.tax, order.shipping) for order_id, order in orders.items()}


def test_every_order_is_answered_and_stored_once_and_no_other(run: Run) -> None:
    summary, counted = run.first.summary, run.counted
    assert summary["sent"] == summary["answered"] == len(counted.orders)
    assert (summary["duplicates"], summary["unanswered"]) == (0, 0)
    assert run.first.orders.keys() == counted.orders.keys()
    assert _accepted(run.first).keys() == counted.accepted.keys()


def test_every_total_tax_and_shipping_fee_is_the_counted_one(run: Run) -> None:
    assert _money(_accepted(run.first)) == _counted_money(run.counted.accepted)


def test_every_line_is_the_counted_one(run: Run) -> None:
    names = ("sku", "qty", "unit_price", "discount", "tax", "total")
    stored = {
        order_id: [tuple(line[name] for name in names) for line in order["lines"]]
        for order_id, order in _accepted(run.first).items()
    }
    assert stored == {
        order_id: [tuple(getattr(line, name) for name in names) for line in order.lines]
        for order_id, order in run.counted.accepted.items()
    }


def test_every_row_is_a_line_or_stands_under_its_reason(run: Run) -> None:
    said = run.first.summary["csv"]
    by_reason = {reason: left["rows"] for reason, left in said["rows_not_orders"].items()}
    assert by_reason == dict(run.counted.not_orders)
    assert said["order_lines"] == run.counted.lines
    assert said["rows"] == said["order_lines"] + sum(by_reason.values()) == run.counted.rows


def test_every_refused_row_is_in_the_rejects_file_with_its_reason_and_no_other(run: Run) -> None:
    reasons = collections.Counter(run.counted.refused.values())
    for sending in run.times:
        rows = [tuple(row.values()) for row in sending.rejects]
        assert collections.Counter(row[:-2] for row in rows) == collections.Counter(run.counted.refused_rows)
        assert {row[-2].split(", ")[0] for row in rows} == set(reasons) and all(row[-1] for row in rows)
        assert sending.summary["rejected_by_reason"] == dict(reasons)
        assert sending.summary["refused"] == reasons.total()


def test_every_event_of_a_taken_order_is_applied(run: Run) -> None:
    first, again = (sending.events["by_status"] for sending in run.times)
    assert first.get("applied", 0) == again.get("duplicate", 0) == run.counted.events
    assert again.get("applied", 0) == 0 and first.get("refused", 0) == again.get("refused", 0)


def test_the_ledger_holds_exactly_the_units_of_the_orders(run: Run) -> None:
    totals = run.first.verified["ledger"]["totals"]
    units = sum(line.qty for order in run.counted.accepted.values() for line in order.lines)
    assert totals["held"] + totals["allocated"] + totals["shipped"] == units


def test_sent_again_nothing_changes(run: Run) -> None:
    summary = run.again.summary
    assert summary["answered"] == len(run.counted.orders) and summary["duplicates"] == len(run.counted.accepted)
    assert summary["by_status"] == run.first.summary["by_status"]
    assert _accepted(run.again) == _accepted(run.first)
    assert run.again.verified["ledger"]["totals"] == run.first.verified["ledger"]["totals"]
    assert run.again.rejects == run.first.rejects


def test_what_was_refused_and_corrected_is_sent_back_and_taken(run: Run) -> None:
    if run.corrected is None:
        pytest.skip("nothing of this set can be corrected")
    summary = run.corrected.summary
    assert (summary["sent"], summary["refused"]) == (len(run.counted.refused), 0) and not run.corrected.rejects
    assert _money(_accepted(run.corrected)) == _counted_money(run.counted.orders)
    assert run.corrected.verified["ok"]


def test_what_is_stored_verifies_clean(run: Run) -> None:
    for sending in run.times:
        assert sending.verified["ok"] and sending.verified["orders"] == len(run.counted.orders)
        assert sum(shard["decisions_compared"] for shard in sending.verified["shards"]) >= sending.verified["orders"]
