"""Which rows of a turn of changes begin or end any kind of work, and what each of them says of itself in words.

Masks over state bytes and events find the few rows that do; only of these are texts opened.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow.compute as pc

from kernels import reasons as code
from kernels.life import layout
from router.arrow.arrays import numbers
from router.arrow.selection import select
from router.feed.changes import Changes
from router.feed.columns import AN_ORDER
from router.life.event_types import OrderEvent
from router.life.refusals import REFUSALS, why_refused
from router.life.states import OrderState, PaymentState, pack_state, unpack_state
from router.log.columns import EventResult
from router.log.reference import in_shard
from router.reasons import describe
from router.work.item import kept_text
from router.work.kinds import KINDS, OWN_SOURCE, REFUSED, WorkKind
from router.work.standing import PENDING, Mask, mask

# As Cause has them.
_OF_CAUSE = ("order", "order_id", "channel", "seller", "version", "event", "received_at_ms", "reference")
_OF_WHY = (
    "result", "event", "reasons", "hold", "reason", "refusal", "after", "refused_line", "line_ids", "wanted", "found",
)  # as Words has them  # fmt: skip
COLUMNS = tuple(
    dict.fromkeys((*_OF_CAUSE, "hash_hi", "hash_lo", "before", "source", "amount_minor", "whole", *_OF_WHY))
)  # of the feed
NOWHERE = -1
SAID_MAX = 3  # reasons of an order that are told in words
# Reasons that hold an order, or do so by some policy.
_MAY_HOLD = sum(
    1 << reason
    for reason in (
        code.PAYMENT_OPEN, code.PAYMENT_REFUNDED, code.PRICE_MISMATCH, code.POSTCODE_FORMAT, code.RISK_SCORE,
        code.DUPLICATE_BASKET,
    )
)  # fmt: skip
_AUTHORIZED = mask(payments={PaymentState.AUTHORIZED})
_REJECTED = int(pack_state(OrderState.REJECTED, PaymentState.UNPAID))


class Cause(NamedTuple):
    """A change that something begins or ends with, or an event that was refused."""

    place: int  # of the order's record: shard << 48 | sequence << 16 | row; NOWHERE of one that was rejected
    order_key: str
    order_id: str
    channel: str
    seller: str
    version: int
    event: int
    at_ms: int
    newest: int  # place of the change itself
    words: tuple[Any, ...]  # as Words has them; most are never read

    @property
    def why(self) -> str:
        return why_of(Words(*self.words))

    @property
    def after(self) -> int:
        """The order's state byte afterwards."""
        return Words(*self.words).after

    @property
    def about(self) -> str:
        """The event's type, as a refusal is about it."""
        return "" if self.event == AN_ORDER else OrderEvent(self.event).name.lower()


class Words(NamedTuple):
    """What a change says of itself; columns of the feed."""

    result: int
    event: int
    reasons: int
    hold: str
    reason: str
    refusal: int
    after: int
    refused_line: int
    line_ids: list[str]
    wanted: int
    found: int


def why_of(words: Words) -> str:
    """What a change says of itself, in words."""
    if words.result == EventResult.CONFLICT:
        return "the event_id was used for this order by an event that said something else."
    if words.result != EventResult.APPLIED:
        return _refusal(words)
    if words.event == OrderEvent.HOLD:
        return f"hold {words.hold}."
    if words.event != AN_ORDER:
        return words.reason or "the report does not say why."
    said = [each["detail"] for each in describe(words.reasons, {})]
    more = f" And {len(said) - SAID_MAX} more reasons." if len(said) > SAID_MAX else ""
    return " ".join(said[:SAID_MAX]) + more


def _refusal(words: Words) -> str:
    refusal = REFUSALS.get(words.refusal)
    if refusal is None:  # of records from before books
        return "the order does not take it."
    line = words.refused_line
    line_id = "" if line < 0 else words.line_ids[line] if words.line_ids else str(line + 1)
    state = unpack_state(words.after)[0].name.lower()
    return why_refused(refusal, OrderEvent(words.event), state, line_id, words.wanted, words.found) + "."


class Said(NamedTuple):
    """That a change ends or begins something of a kind."""

    row: int
    kind: str
    ends: bool
    begins: bool


class Rows:
    """The columns of changes, and which rows concern any kind of work."""

    def __init__(self, changes: Changes, refused: Collection[int]) -> None:
        """``refused``: orders of which an event was refused before, as ``Known`` has them."""
        batch = changes.batch
        self._changes = changes
        self._event, self._after = numbers(batch, "event"), numbers(batch, "after")
        self._reasons = numbers(batch, "reasons")
        self._is_applied = numbers(batch, "result") == EventResult.APPLIED
        self._is_refused = ~self._is_applied & (numbers(batch, "refusal") != layout.BUSY_NOW)
        self._knows_refused = self._of_refused(refused)
        # Only what was rejected is judged again.
        self._is_again = (self._event == AN_ORDER) & (numbers(batch, "version") > 1)
        first = np.where(self._is_again, np.uint8(_REJECTED), np.uint8(PENDING))
        before = np.where(self._event == AN_ORDER, first, numbers(batch, "before"))
        self._before = np.where(self._is_applied, before, self._after)

    def _of_refused(self, refused: Collection[int]) -> Mask:
        """Applied events of orders of which one was refused, before or here."""
        order = numbers(self._changes.batch, "hash_lo")
        if self._is_refused.any():
            source = self._changes.batch.column("source")
            is_own = pc.or_(pc.equal(source, OWN_SOURCE), pc.starts_with(source, f"{OWN_SOURCE}:"))
            self._is_refused &= ~is_own.to_numpy(zero_copy_only=False)
        there = np.union1d(np.fromiter(refused, np.uint64, len(refused)), order[self._is_refused])
        found: Mask = self._is_applied & np.isin(order, there) if len(there) else np.zeros(len(order), np.bool_)
        return found

    def said(self, kinds: Collection[str]) -> list[Said]:
        """Of these kinds, by row."""
        found: list[Said] = []
        for name in kinds:
            if name == REFUSED:
                ends, begins = self._knows_refused, self._is_refused
            else:
                ends, begins = self._ends(KINDS[name]), self._begins(KINDS[name])
            rows = np.flatnonzero(ends | begins)
            each = zip(rows.tolist(), ends[rows].tolist(), begins[rows].tolist(), strict=True)
            found += [Said(row, name, end, begin) for row, end, begin in each]
        return sorted(found, key=lambda said: said.row)

    def _ends(self, kind: WorkKind) -> Mask:
        was, now = kind.states[self._before], kind.states[self._after]
        ends: Mask = was & (~now | self._is_again)
        named = kind.ended_by | kind.restarted_by
        return ends | self._are(named) if named else ends

    def _begins(self, kind: WorkKind) -> Mask:
        was, now = kind.states[self._before], kind.states[self._after]
        if kind.events:
            begins: Mask = now & kind.before[self._before] & self._are(kind.events)
            return begins & self._may_be_too_much() if kind.if_overpaid else begins
        begins = now & (~was | self._is_again)
        if kind.held_for is not None:
            holding = self._reasons & np.uint64(_MAY_HOLD)
            begins &= (self._event == AN_ORDER) & (holding == np.uint64(1 << kind.held_for))
        return begins | now & self._are(kind.restarted_by) if kind.restarted_by else begins

    def _may_be_too_much(self) -> Mask:
        """Money of an amount that is named, but for all of an order's of which nothing can have been cancelled yet: it
        was authorized before at most. Of these few the books are read."""
        batch = self._changes.batch
        is_early = numbers(batch, "version") <= np.where(_AUTHORIZED[self._before], 3, 2)
        is_all = numbers(batch, "whole") & layout.WHOLE_MONEY != 0
        found: Mask = (numbers(batch, "amount_minor") >= 0) & ~(is_all & is_early)
        return found

    def _are(self, events: Collection[OrderEvent]) -> Mask:
        found: Mask = self._is_applied & np.isin(self._event, sorted(events))
        return found

    def causes(self, rows: list[int]) -> Iterator[Cause]:
        """Of these rows, each once; opened together, because a value alone takes as long as fifty."""
        batch = select(self._changes.batch, np.array(rows, np.int64))
        values = {name: batch.column(name).to_pylist() for name in {*_OF_CAUSE, "hash_hi", "hash_lo", *_OF_WHY}}
        values |= {name: list(map(kept_text, values[name])) for name in ("order_id", "channel", "seller")}
        causes = zip(*(values[name] for name in _OF_CAUSE), strict=True)
        words = zip(*(values[name] for name in _OF_WHY), strict=True)
        shard = self._changes.shard
        for (place, *others, newest), hi, lo, said in zip(
            causes, values["hash_hi"], values["hash_lo"], words, strict=True
        ):
            names = in_shard(shard, place) if place >= 0 else NOWHERE, f"{hi:016x}{lo:016x}"
            yield Cause._make((*names, *others, in_shard(shard, newest), said))
