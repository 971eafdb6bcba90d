"""Books and their plain twin side by side: the same orders and events go to both, and everything is compared.

There are two books. In turns one judges a batch, and the other applies what was told of it; now and then one of them is
dumped and restored. So whatever is not written down, or is done in another order, shows in what is judged later.
"""

from __future__ import annotations

import numpy as np

from kernels.life import layout
from router.arrow.arena import PrivateArena
from router.life.books import Books
from router.life.states import MoneyAccount, Stage
from tests.labs.life_books import KEY, all_facts, key_of, name_of, opening, sent
from tests.reference.life import apply as apply_twin
from tests.reference.life import end as end_twin
from tests.reference.life import judge as judge_twin
from tests.reference.life import open as open_twin

M = MoneyAccount
RESULTS = {
    layout.APPLIED: "applied", layout.REPEATED: "repeated", layout.REFUSED: "refused", layout.UNKNOWN_ORDER: "unknown",
    layout.CONFLICT: "conflict", layout.ASKED: "asked",
}  # fmt: skip
REFUSALS = (
    "NO_REFUSAL", "TRANSITION", "NOT_ENOUGH", "LINE_UNKNOWN", "SHIPMENT_UNKNOWN", "PAYMENT_UNKNOWN", "AMOUNT_TOO_HIGH",
    "NOTHING_DUE", "CURRENCY", "HOLD_UNKNOWN", "LIMIT", "REJECTED", "EVENT_UNKNOWN", "NOT_REVERSIBLE", "NO_STOCK",
    "NOT_SHIPPED", "BUSY_NOW", "WHICH_NODE", "ON_HOLD_NOW", "NAMES_DIFFER", "WHICH_PARCEL", "WHICH_PAYMENT",
)  # fmt: skip
COUNTED = ("NOT_ENOUGH", "AMOUNT_TOO_HIGH", "ON_HOLD_NOW")  # refusals that say how many were wanted and found
_UNIT = ["line", "sku", "node", "to_node", "from_stage", "to_stage", "from_shipment", "shipment", "qty", "value_minor"]
_CELL = ["line", "sku", "node", "to_node", "from_account", "to_account", "ship_day", "qty"]


class Pair:
    def __init__(self, falls_at=Stage.SHIPPED):
        self.books, self.mirror = Books(KEY, PrivateArena()), Books(KEY, PrivateArena())
        self.falls_at = int(falls_at)
        self.twin, self.rows, self.sequence = {}, 0, 1
        self.opened = {}  # row -> its facts when it was opened
        self.told_money = {}  # row -> account -> sum of what was told
        self.cells = {}  # (SKU, node, account) -> units, as the ledger has them by what it was told

    def open(self, placed):
        """Open the books of orders placed; their rows."""
        rows = list(range(self.rows, self.rows + len(placed)))
        for books in (self.books, self.mirror):
            books.open(self.sequence, opening(rows, placed))
        self.twin.update(zip(rows, open_twin.open_books(self.sequence, placed), strict=True))
        self.rows += len(placed)
        self.sequence += 1
        for key, units in end_twin.list_units({row: self.twin[row] for row in rows}).items():
            self.cells[key] = self.cells.get(key, 0) + units
        self.compare()
        facts = all_facts(self.books, rows)
        self.opened.update(facts)
        self.told_money.update({row: _accounts(facts[row]) for row in facts})
        for row, order in zip(rows, placed, strict=True):
            if row in facts:
                carried = sum(value for _, value in facts[row]["heaps"].values())
                assert carried == sum(line.total for line in order.lines)
        return rows

    def judge(self, events):
        """Judge a batch of [(row, Event)] on both; the twin's verdicts. The books change sides afterwards."""
        columns, rows = sent(events)
        digest = self.digest(self.books)
        judged = self.books.judge(self.sequence, columns, rows, self.falls_at)
        before = {row: order and order.copy() for row, order in self.twin.items()}
        expected = judge_twin.judge(self.twin, events, self.sequence, self.falls_at)
        for at, (verdict, (row, event)) in enumerate(zip(expected, events, strict=True)):
            found, wanted = told(judged, at, verdict), said(verdict)
            assert found == wanted, _difference(found, wanted, row, event, events[:at])
            self._fold(row, wanted)
        if not any(verdict.result == "applied" for verdict in expected):
            assert self.digest(self.books) == digest, "what was not applied changed something"
        self._mirror(events, columns, rows, judged, expected, before)
        self.sequence += 1
        self.compare()
        self.balance({row for row, _ in events})
        self.books, self.mirror = self.mirror, self.books
        return expected

    def _fold(self, row, wanted):
        """Sum what one event told of money and of the ledger's cells."""
        for (_, account), (amount,) in wanted.get("money", {}).items():
            sums = self.told_money[row]
            sums[account] = sums.get(account, 0) + amount
        for (_, sku, node, to_node, account, to_account, _), (units,) in wanted.get("cells", {}).items():
            for key, change in (((sku, node, account), -units), ((sku, to_node, to_account), units)):
                self.cells[key] = self.cells.get(key, 0) + change

    def _mirror(self, events, columns, rows, judged, expected, before):
        """What was told is applied elsewhere: to the other books, and to the twin as it was."""
        self.mirror.apply(self.sequence, columns, rows, judged)
        apply_twin.apply(before, events, expected, self.sequence)
        for row, order in before.items():
            if order is not None:
                found, wanted = end_twin.facts(order), end_twin.facts(self.twin[row])
                assert found | {"busy": 0} == wanted | {"busy": 0}, f"row {row}"
        for (row, _), verdict in zip(events, expected, strict=True):
            if verdict.result == "asked":
                self.mirror.of(row)["flags"] |= layout.BUSY

    def answer(self, row):
        """The question about an order was answered: it is not busy any more."""
        self.twin[row].busy = False
        for books in (self.books, self.mirror):
            books.free(np.array([row]))

    def restore(self):
        """The books that judge next are dumped, and restored elsewhere."""
        restored = Books(KEY, PrivateArena())
        restored.restore(self.books.dump())
        self.books = restored
        self.compare()

    def end(self, rows):
        for books in (self.books, self.mirror):
            books.end(np.array(rows, np.int64))
        end_twin.end_books(self.twin, rows)
        self.cells = end_twin.list_units(self.twin)
        self.compare()

    def digest(self, books):
        return books.state_hash(np.arange(1, self.rows + 1, dtype=np.uint64))

    def compare(self):
        """Books and twin hold the same, in the ledger's eyes too, and both books have one digest."""
        expected = end_twin.fold_books(self.twin)
        for facts in expected.values():
            facts["events"] = {key_of(one) >> 20 for one in facts["events"]}
        for books in (self.books, self.mirror):
            found = all_facts(books, range(self.rows))
            for row in expected.keys() | found.keys():
                one, other = found.get(row, {}), expected.get(row, {})
                assert one == other, _difference(one, other, row, None, [])
        assert self.digest(self.books) == self.digest(self.mirror)
        units = {}
        for sku, node, account, qty in self.books.units(self.rows).tolist():
            units[sku, node, account] = units.get((sku, node, account), 0) + qty
        assert units == end_twin.list_units(self.twin)
        assert units == {key: count for key, count in self.cells.items() if count}, "the ledger was told otherwise"

    def balance(self, rows):
        """What must hold of every order, whatever happened to it."""
        for row, facts in all_facts(self.books, rows - {None}).items():
            opened = self.opened[row]
            assert _ordered(facts) == _ordered(opened), "units came or went"
            assert facts["version"] == opened["version"] + len(facts["events"]), "a version was left out"
            for _, authorized, captured, refunding, refunded, _ in facts["payments"]:
                assert min(authorized, captured, refunding, refunded, captured - refunding - refunded) >= 0
            sums, accounts = self.told_money[row], _accounts(facts)
            assert all(sums.get(account, 0) == amount for account, amount in accounts.items()), (sums, accounts)


def _ordered(facts):
    """(line, SKU) -> units and what they carry, over all stages."""
    found = {}
    for (line, sku, *_), (units, value) in facts["heaps"].items():
        count, carried = found.get((line, sku), (0, 0))
        found[line, sku] = (count + units, carried + value)
    return found


def _accounts(facts):
    """The order's money by account; what was let off only while any of it is owed."""
    found = {account: sum(row[1 + account] for row in facts["payments"]) for account in list(M)[:4]}
    if facts["let_off"] is not None:
        found[M.CREDITED], found[M.WRITTEN_OFF] = facts["let_off"]
    return found


# --- verdicts as plain values ----------------------------------------------------------------------


def told(judged, at, expected):
    """What the kernels said of one event, in the form of :func:`said`."""
    verdict = judged.verdicts[at]
    found = {"result": RESULTS[int(verdict["result"])]}
    found["refusal"] = REFUSALS[int(verdict["refusal"])] if found["result"] == "refused" else ""
    if found["result"] == "unknown" or found["refusal"] == "REJECTED":
        return found
    found |= {
        "order": reference(verdict["order"]), "previous": reference(verdict["previous"]),
        "before": int(verdict["before"]), "after": int(verdict["after"]), "version": int(verdict["version"]),
        "line": int(verdict["refused_line"]), "gives_back": bool(verdict["gives_back"]),
    }  # fmt: skip
    if found["refusal"] in COUNTED:
        found["wanted"], found["found"] = int(verdict["wanted"]), int(verdict["found"])
    units, money, cells = (_rows_of(judged, at, name) for name in ("unit", "money", "move"))
    units = units[_UNIT].tolist()
    if verdict["whole"] & layout.WHOLE_UNITS:
        assert not units
        units = [(*row[:5], int(verdict["stage"]), row[6], row[6], *row[8:]) for row in expected.moves.units]
    assert all(reference(row["order"]) == found["order"] for row in cells)
    return found | {
        "units": summed(units, 2),
        "money": summed([(name_of(key), account, amount) for key, amount, account in money.tolist()], 1),
        "cells": summed(cells[_CELL].tolist(), 1),
    }


def _rows_of(judged, at, name):
    """The rows of units, money or cells that one event moved."""
    first = int(judged.verdicts[at - 1][f"{name}_last"]) if at else 0
    rows = {"unit": judged.units, "money": judged.money, "move": judged.cells}[name]
    return rows[first : int(judged.verdicts[at][f"{name}_last"])]


def said(verdict):
    """What the twin said of one event; moves that say the same are summed."""
    found = {"result": verdict.result, "refusal": verdict.refusal}
    if verdict.result == "unknown" or verdict.refusal == "REJECTED":
        return found
    found |= {
        "order": verdict.order, "previous": verdict.previous, "before": verdict.before, "after": verdict.after,
        "version": verdict.version, "line": verdict.line, "gives_back": verdict.gives_back,
    }  # fmt: skip
    if verdict.refusal in COUNTED:
        found["wanted"], found["found"] = verdict.wanted, verdict.found
    return found | {
        "units": summed(verdict.moves.units, 2),
        "money": summed(verdict.moves.money, 1),
        "cells": summed([(*row[:4], *row[5:], row[4]) for row in verdict.moves.cells], 1),
    }


def summed(rows, numbers):
    """Rows whose last ``numbers`` are summed over equal ones, without those that come to nothing."""
    found = {}
    for row in rows:
        key, values = tuple(row[:-numbers]), row[-numbers:]
        found[key] = tuple(a + b for a, b in zip(found.get(key, (0,) * numbers), values, strict=True))
    return {key: values for key, values in found.items() if any(values)}


def reference(number):
    return (int(number) >> 16, int(number) & 0xFFFF)


def _difference(found, wanted, row, event, earlier):
    """What kernels and twin do not agree on, with the events of the order earlier in this batch."""
    names = [name for name in wanted.keys() | found.keys() if found.get(name) != wanted.get(name)]
    lines = [f"{name}: kernels {found.get(name)}\n    twin {wanted.get(name)}" for name in names]
    return "\n".join([f"row {row} {event}", *lines, *(str(one) for at, one in earlier if at == row)])
