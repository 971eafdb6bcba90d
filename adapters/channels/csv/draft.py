"""An order while its rows come in: its lines, the cells that its rows share, and what speaks against sending it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from adapters.channels.csv.cells import ROWS_APART, Value
from adapters.channels.csv.fields import ORDER_FIELDS
from adapters.channels.csv.rows import Record

Key = tuple[str, str]  # scope (a channel, a seller, or empty) and order_id


@dataclass(slots=True)
class DraftLine:
    row: int
    values: tuple[Value | None, ...]  # in the order of the mapping's fields of a line; amounts as they were written


@dataclass(slots=True)
class Told:
    """A row of the order with what is known against it; kept only where refused rows are written down."""

    record: Record
    reason: str = ""
    detail: str = ""


@dataclass(slots=True)
class Draft:
    key: Key
    row: int
    file: int = 0  # which of the files of a run
    head: list[str] | None = None  # cells of the order's own fields: of each the first that is not blank
    aside: list[str] | None = None  # the same of rows that a filter left out
    lines: list[DraftLine] = field(default_factory=list)
    differing: set[int] = field(default_factory=set)  # places of the head in which rows differ
    conflict: str = ""  # the first difference that makes them rows of two orders
    fault: tuple[str, str] | None = None  # reason and detail of the first faulty row
    left_out: tuple[str, str] | None = None  # by a filter of whole orders
    told: list[Told] = field(default_factory=list)
    again: list[Draft] = field(default_factory=list)  # the same id in other files

    @property
    def order_id(self) -> str:
        return self.key[1]

    def is_like(self, other: Draft) -> bool:
        """Whether another file says the very same of the order, as overlapping exports do."""
        mine, others = [line.values for line in self.lines], [line.values for line in other.lines]
        if self.fault or other.fault or self.conflict or other.conflict:
            return False
        return self.head == other.head and mine == others and bool(self.left_out) == bool(other.left_out)


class HeadMerger:
    """Puts the order's own fields together from its rows. A blank cell says nothing; an address is taken as a whole."""

    def __init__(self, paths: Sequence[str], summed: Collection[str] = ()) -> None:
        """``paths``: the field of each place of a head; further places (of events) belong to none.

        ``summed``: fields of which the cell of every row counts, also where rows say the same.
        """
        self._summed = [at for at, path in enumerate(paths) if path in summed]
        self._paths = list(paths)
        self._is_list = [path in ORDER_FIELDS and ORDER_FIELDS[path].kind == "list" for path in paths]
        self._agree = [path in ORDER_FIELDS and ORDER_FIELDS[path].agree for path in paths]
        self._addresses = [
            (self._paths.index(f"{place}.line1"), [at for at, path in enumerate(paths) if path.startswith(f"{place}.")])
            for place in ("ship_to", "bill_to")
            if f"{place}.line1" in self._paths
        ]

    def take(self, draft: Draft, head: list[str], row: int) -> None:
        mine = draft.head
        if mine is None:
            draft.head = head
            return
        for at in self._summed:
            mine[at], head[at] = ROWS_APART.join(filter(None, (mine[at], head[at]))), ""
        if mine == head:
            return
        for street, places in self._addresses:
            if mine[street] and head[street]:  # two addresses, each whole: a blank is a difference, too
                for at in places:
                    self._compare(draft, mine, head, at, row)
        for at, cell in enumerate(head):
            if not cell:
                continue
            if not mine[at]:
                mine[at] = cell
            else:
                self._compare(draft, mine, head, at, row)

    def _compare(self, draft: Draft, mine: list[str], head: list[str], at: int, row: int) -> None:
        if mine[at] == head[at] or at >= len(self._paths):
            return
        if self._is_list[at]:
            if head[at] not in mine[at].split(ROWS_APART):
                mine[at] += ROWS_APART + head[at]
        elif not self._agree[at]:
            draft.differing.add(at)
        elif not draft.conflict and _folded(mine[at]) != _folded(head[at]):
            said = f"{self._paths[at]} is {mine[at]!r} in row {draft.row} and {head[at]!r} in row {row}"
            draft.conflict = f"order {draft.order_id}: {said}; one order has one customer, address and currency"

    def shared(self, head: list[str]) -> list[str]:
        """Of a head what all rows of an order have alike: customer, addresses, currency."""
        return [_folded(head[at]) for at, agree in enumerate(self._agree) if agree]

    def lost(self, draft: Draft) -> str:
        """A field that only rows have which a filter left out; empty where nothing is lost."""
        if draft.aside is None or draft.head is None:
            return ""
        places = range(len(self._paths))
        return next((self._paths[at] for at in places if draft.aside[at] and not draft.head[at]), "")

    @staticmethod
    def seen(draft: Draft) -> list[str]:
        """The head of an order that a filter leaves out as a whole, of all its rows; those it named go before."""
        assert draft.aside is not None
        return [cell or more for cell, more in zip(draft.aside, draft.head or draft.aside, strict=True)]

    @staticmethod
    def set_aside(draft: Draft, head: list[str]) -> None:
        if draft.aside is None:
            draft.aside = head
        elif draft.aside != head:
            draft.aside = [mine or cell for mine, cell in zip(draft.aside, head, strict=True)]


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
