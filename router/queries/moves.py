"""What each step of an order moved, in names: units from stage to stage and place to place, money between accounts.

All moves of an order add up to how it stands: an order brings its units out of nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.life import layout
from router.life.books import Books
from router.life.events import signed
from router.life.history import tell
from router.life.moved import Moved, accounts_of, moved_by
from router.life.open_book import OpenBook
from router.life.scratch import ROW
from router.life.states import DETAIL_SHIFT, Disposition, MoneyAccount, Stage, stage_of
from router.log.columns import Status
from router.log.kinds import Kind
from router.log.steps import Step
from router.queries.answered import line_ids_of
from router.queries.names import Names
from router.queries.source import RecordSource, Row
from router.queries.view_terms import ViewTerms
from router.queries.words import OrderWords

_MASK = (1 << 64) - 1


class Moving:
    """Tells an order's steps one after the other; ``books`` have nothing in ROW yet."""

    def __init__(self, books: Books, source: RecordSource, terms: ViewTerms) -> None:
        self._books = books
        self._source = source
        self._terms = terms
        self._words = OrderWords()
        self._names = Names(terms.naming, [])
        self._passed: list[Step] = []  # not told yet

    def pass_by(self, step: Step) -> None:
        """A step whose moves nobody asks for."""
        self._note(step)
        self._passed.append(step)

    def moved_by(self, step: Step) -> Row | None:
        """What the step moved; None where its record does not say it."""
        self._note(step)
        self._tell(self._passed)
        self._passed = []
        if step.kind is Kind.ORDERS:
            return self._opened(step)
        if step.kind is Kind.GRANTED:
            return self._granted(step)
        before = {step.outcome["previous"]: self._look()} if step.outcome["whole"] else {}
        self._tell([step])
        if not step.outcome_version:
            return None
        return self._named(moved_by(step, lambda place: before.get(place) or self._look()))

    def _note(self, step: Step) -> None:
        self._words.note(step)
        if step.kind is Kind.ORDERS:
            line_ids = line_ids_of(step, self._source.document(step.sequence, step.row))
            self._names = Names(self._terms.naming, line_ids)

    def _tell(self, steps: list[Step]) -> None:
        tell(self._books, ROW, steps, self._terms.key)

    def _look(self) -> OpenBook:
        return self._books.look(ROW)

    def _opened(self, step: Step) -> Row:
        """The units and the money that an order came with."""
        if step.outcome["status"] == Status.REJECTED:
            return {"units": [], "money": []}
        self._tell([step])
        book = self._look()
        units = np.zeros(len(book.positions), layout.UNIT_MOVE)
        for name in ("line", "sku", "qty"):
            units[name] = book.positions[name]
        units["node"], units["to_node"] = -1, book.positions["node"]
        units["from_stage"], units["to_stage"] = layout.NOWHERE, book.positions["stage"]
        money = [
            (signed(payment), amount, account) for (payment, account), amount in accounts_of(book).items() if amount
        ]
        return self._named(Moved(units, np.array(money, layout.MONEY_MOVE)))

    def _granted(self, step: Step) -> Row:
        """What a grant brought. Its record names the components of bundles alone; the bundles waited for them, so they
        turn into their components, as they do where units are planned anew."""
        before = self._look()
        self._tell([step])
        moved, waited, waits = moved_by(step, lambda _: before), _waiting(before), _waiting(self._look())
        units = moved.units
        bundle = np.array([waited[line][0] for line in units["line"].tolist()], np.int32)
        is_part = units["sku"] != bundle
        units["from_stage"][is_part] = layout.NOWHERE
        lines = np.unique(units["line"][is_part]).tolist()
        bundles = np.zeros(len(lines), layout.UNIT_MOVE)
        bundles["line"], bundles["sku"] = lines, [waited[line][0] for line in lines]
        bundles["qty"] = [waited[line][1] - waits.get(line, (0, 0))[1] for line in lines]
        bundles["node"] = bundles["to_node"] = -1
        bundles["from_stage"], bundles["to_stage"] = Stage.BACKORDERED, layout.NOWHERE
        return self._named(Moved(np.concatenate([bundles, units]), moved.money))

    def _named(self, moved: Moved) -> Row:
        return {
            "units": [self._units(move) for move in _as_rows(moved.units)],
            "money": [self._money(move) for move in _as_rows(moved.money) if move["account"] != MoneyAccount.FAILED],
        }

    def _units(self, move: Row) -> Row:
        names, node, to_node = self._names, move["node"], move["to_node"]
        return {
            "line_id": names.line(move["line"]),
            "sku": names.sku(move["sku"]),
            "qty": move["qty"],
            "from": _stage_name(move["from_stage"]),
            "to": _stage_name(move["to_stage"]),
            "node": names.node(node) if node >= 0 else None,
            "to_node": names.node(to_node) if to_node >= 0 else None,
            "shipment_id": self._shipment_id(move["shipment"]) if move["shipment"] else None,
            "disposition": _disposition_name(move["to_stage"]),
        }

    def _shipment_id(self, number: int) -> str:
        key, _ = self._look().shipments[number - 1]
        return self._terms.shipment_id(key, self._words)

    def _money(self, move: Row) -> Row:
        return {
            "account": MoneyAccount(move["account"]).name.lower(),
            "amount": move["amount_minor"],
            "payment_id": self._words.texts["payment"].get(move["payment"] & _MASK),
        }


def _waiting(book: OpenBook) -> dict[int, tuple[int, int]]:
    """SKU and units that wait, by line."""
    rows = (position for position in book.positions if stage_of(int(position["stage"])) is Stage.BACKORDERED)
    return {int(row["line"]): (int(row["sku"]), int(row["qty"])) for row in rows}


def _as_rows(moves: npt.NDArray[Any]) -> list[Row]:
    return [dict(zip(moves.dtype.names or (), row, strict=True)) for row in moves.tolist()]


def _stage_name(byte: int) -> str | None:
    return None if byte == layout.NOWHERE else stage_of(byte).name.lower()


def _disposition_name(byte: int) -> str | None:
    """What became of units that came back."""
    is_told = byte != layout.NOWHERE and stage_of(byte) is Stage.RETURNED
    return Disposition(byte >> DETAIL_SHIFT).name.lower() if is_told else None
