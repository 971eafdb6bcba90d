"""Numbering: which events of a judged batch make an invoice or a credit note, and what the ledger is asked for them.

    judged batch, standing invoices, policy ─▶ Numbering ─▶ NUMBERING ─(ledger)─▶ NUMBERED ─▶ a number a row

    money came, first      the whole order       `invoices` is "capture"
    units left             these units           `invoices` is "ship", or an order of which a part was invoiced so
                           the whole order       "capture", of an order that came as paid: nobody reports its money
    money went back        a credit note         of an order for which an invoice stands
    an event is taken back its document is taken back by one of the other series

An order has one invoice of the whole or several of parts, whatever the policy says meanwhile. A batch that makes
nothing is looked at in a few numpy passes and asks for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kernels.life import layout
from router.arrow.arrays import numbers, record_batch
from router.config import Policy
from router.life.books import Judged
from router.life.documents import SERIES_OF, Document, Series
from router.life.event_types import OrderEvent
from router.life.states import ORDER_BITS, OrderState
from router.log.columns import NUMBERING
from router.ports import NOTHING_NUMBERED
from router.shard.origins import INVOICING, WHOLE, Origins, after

I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]


class Cause(IntEnum):
    """What may make a document."""

    NONE = 0
    MONEY_CAME = 1
    UNITS_LEFT = 2
    MONEY_WENT_BACK = 3
    INVOICE_TAKEN_BACK = 4
    CREDIT_TAKEN_BACK = 5


_CAUSE = np.zeros(len(OrderEvent), np.uint8)
_CAUSE[OrderEvent.PAYMENT_CAPTURED] = Cause.MONEY_CAME
_CAUSE[[OrderEvent.SHIP, OrderEvent.DELIVER]] = Cause.UNITS_LEFT
_CAUSE[OrderEvent.PAYMENT_REFUNDED] = Cause.MONEY_WENT_BACK
_TAKEN_BACK = {  # by the document of the event that was taken back
    Document.INVOICE: Cause.INVOICE_TAKEN_BACK,
    Document.INVOICE_OF_PART: Cause.INVOICE_TAKEN_BACK,
    Document.CREDIT_NOTE: Cause.CREDIT_TAKEN_BACK,
}
_SERIES = np.array([SERIES_OF.get(document, 0) for document in Document], np.uint8)
_SERIES_COUNT = max(Series) + 1
_CAPTURE, _SHIP = INVOICING.index("capture"), INVOICING.index("ship")
_IN_THE_HOUSE = (1 << OrderState.HELD) | (1 << OrderState.ALLOCATED) | (1 << OrderState.PICKING) | (
    1 << OrderState.PACKED
)  # fmt: skip


@dataclass(frozen=True)
class Numbering:
    """The documents that a batch makes."""

    at: I64  # rows of the batch, ascending
    documents: U8  # Document
    question: pa.RecordBatch  # NUMBERING
    group: I64  # row of the question that each belongs to
    place: I64  # among those of its group, from 0

    def columns(self, rows: int, numbered: pa.RecordBatch | None) -> tuple[U8, I64]:
        """``document`` and ``number`` of all rows of the batch, with the ledger's answer."""
        documents, taken = np.zeros(rows, np.uint8), np.zeros(rows, np.int64)
        if len(self.at):
            assert numbered is not None, "numbers come from the ledger"
            documents[self.at] = self.documents
            taken[self.at] = numbers(numbered, "first")[self.group] + self.place
        return documents, taken


_NO_ROWS = np.zeros(0, np.int64)
NOTHING = Numbering(_NO_ROWS, np.zeros(0, np.uint8), NOTHING_NUMBERED, _NO_ROWS, _NO_ROWS)


def numbering_of(
    events: U8, judged: Judged, origins: Origins, version: int, policy: Policy, taken_back: dict[int, int]
) -> Numbering:
    """What a batch makes, with the origins told of it. ``events``: numbers of the types, row for row; ``taken_back``:
    by row of a reversal that is done, the Document of the event that it takes back."""
    at, causes = _causes(events, judged, taken_back)
    if not len(at):
        return NOTHING
    rows = judged.verdicts["row"][at]
    origin = origins.of(rows)
    invoicing, came_paid = origins.invoicing(version, policy)[origin], origins.came_paid(origin)
    standing = origins.standing(rows)
    documents = _made(causes, invoicing, came_paid, standing)
    for again in _again(rows):  # later rows of an order see what its earlier ones made
        now = int(standing[again[0]])
        for row in again:
            one = slice(row, row + 1)
            standing[row] = now
            documents[one] = _made(causes[one], invoicing[one], came_paid[one], standing[one])
            now = after(now, int(documents[row]))
    made = np.flatnonzero(documents)
    if not len(made):
        return NOTHING
    origins.made(rows[made], documents[made])
    return _asked(at[made], documents[made], origin[made], origins)


def _causes(events: U8, judged: Judged, taken_back: dict[int, int]) -> tuple[I64, U8]:
    """Rows of the batch that may make a document, and why."""
    verdicts = judged.verdicts
    causes = np.where(verdicts["result"] == layout.APPLIED, _CAUSE[events], 0).astype(np.uint8)
    leaves = np.flatnonzero(causes == Cause.UNITS_LEFT)
    if len(leaves):
        causes[leaves[~_left(judged, leaves)]] = Cause.NONE
    is_gone = (verdicts["after"] & ORDER_BITS == OrderState.CANCELLED) & (causes == Cause.MONEY_CAME)
    causes[is_gone] = Cause.NONE
    for row, document in taken_back.items():
        causes[row] = _TAKEN_BACK.get(Document(document), Cause.NONE)
    at = np.flatnonzero(causes)
    return at, causes[at]


def _left(judged: Judged, rows: I64) -> Bools:
    """Whether units left their nodes by these rows, as the first report of it."""
    verdicts = judged.verdicts[rows]
    ends = judged.verdicts["unit_last"].astype(np.int64)
    last, first = ends[rows], np.where(rows > 0, ends[rows - 1], 0)
    source, target = (judged.units[name] & layout.STAGE_MASK for name in ("from_stage", "to_stage"))
    leaves = (source >= layout.STAGE_HELD) & (source <= layout.STAGE_PACKED)
    leaves &= (target == layout.STAGE_SHIPPED) | (target == layout.STAGE_DELIVERED)
    before = np.concatenate([[0], np.cumsum(leaves)])
    in_the_house = _IN_THE_HOUSE >> (verdicts["before"] & ORDER_BITS).astype(np.int64) & 1
    is_whole = verdicts["whole"] & layout.WHOLE_UNITS != 0
    return np.where(is_whole, in_the_house != 0, before[last] > before[first])


def _made(causes: U8, invoicing: U8, came_paid: Bools, standing: Any) -> U8:
    """The Document that each row makes."""
    is_part, wants = (standing > 0) & (standing < WHOLE), (standing == 0) & (invoicing == _CAPTURE)
    left = causes == Cause.UNITS_LEFT
    of_part = left & (is_part & (invoicing > 0) | (standing == 0) & (invoicing == _SHIP))
    whole = wants & ((causes == Cause.MONEY_CAME) | left & came_paid)
    return np.select(
        [
            whole, of_part, (causes == Cause.MONEY_WENT_BACK) & (standing > 0), causes == Cause.INVOICE_TAKEN_BACK,
            causes == Cause.CREDIT_TAKEN_BACK,
        ],
        [
            Document.INVOICE, Document.INVOICE_OF_PART, Document.CREDIT_NOTE, Document.INVOICE_WITHDRAWN,
            Document.CREDIT_WITHDRAWN,
        ],
        Document.NONE,
    ).astype(np.uint8)  # fmt: skip


def _again(rows: I64) -> list[list[int]]:
    """The places of each order that comes more than once, in their order."""
    order = np.argsort(rows, kind="stable")
    is_same = np.diff(rows[order]) == 0
    if not is_same.any():
        return []
    shared = np.zeros(len(rows), np.bool_)
    shared[1:] |= is_same
    shared[:-1] |= is_same
    by_order: dict[int, list[int]] = {}
    for place in np.sort(order[shared]).tolist():
        by_order.setdefault(int(rows[place]), []).append(place)
    return list(by_order.values())


def _asked(at: I64, documents: U8, origin: npt.NDArray[np.uint32], origins: Origins) -> Numbering:
    """One row of NUMBERING for each seller and series, in the order in which the batch comes to them."""
    series = _SERIES[documents]
    mixed = pc.dictionary_encode(pa.array(origins.sellers(origin) * _SERIES_COUNT + series))
    group, keys = mixed.indices.to_numpy().astype(np.int64), mixed.dictionary.to_numpy()
    count = np.bincount(group, minlength=len(keys))
    place = np.empty(len(group), np.int64)
    place[np.argsort(group, kind="stable")] = np.arange(len(group)) - np.repeat(np.cumsum(count) - count, count)
    columns = {
        "seller": pa.array([origins.seller(number) for number in (keys // _SERIES_COUNT).tolist()], pa.string()),
        "series": (keys % _SERIES_COUNT).astype(np.uint8),
        "count": count.astype(np.int64),
    }
    return Numbering(at, documents, record_batch(NUMBERING, columns), group, place)
