"""What changes of orders say of work: which items are raised, which end, and what is to be looked at again later.

    Changes ─▶ masks over state bytes and events ─▶ the few rows that say anything ─▶ in their order ─▶ Told

The same log gives the same items, however its changes are cut into turns: what begins and ends within one is told as
an item that was raised and settled, and what lasted longer than its patience before it ended was raised in between.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from router.arrow.arrays import numbers
from router.arrow.selection import select
from router.feed.changes import Changes
from router.feed.columns import AN_ORDER
from router.life.event_types import OrderEvent
from router.life.states import OrderState, PaymentState, pack_state
from router.log.reference import in_shard
from router.reasons import describe
from router.work.item import WorkItem, settled, work_id_of
from router.work.kinds import KINDS, WorkKind
from router.work.standing import PENDING, Mask

COLUMNS = (
    "order_id", "hash_hi", "hash_lo", "order", "channel", "seller", "version", "event", "reasons", "before", "after",
    "received_at_ms", "hold", "reason",
)  # of the feed  # fmt: skip
_OF_CAUSE = (
    "order", "order_id", "channel", "seller", "version", "event", "reasons", "received_at_ms", "hold", "reason",
)  # as Cause has them, behind the hash  # fmt: skip
SAID_MAX = 3  # reasons of an order that are told in words
_REJECTED = int(pack_state(OrderState.REJECTED, PaymentState.UNPAID))

Key = tuple[int, str]  # place of the order's record, kind


class Cause(NamedTuple):
    """A change that something begins or ends with."""

    place: int  # of the order's record: shard << 48 | sequence << 16 | row
    order_key: str
    order_id: str
    channel: str
    seller: str
    version: int
    event: int
    reasons: int
    at_ms: int
    hold: str
    reason: str


class Due(NamedTuple):
    """What is to be looked at again: it lasts since a version of the order, and has lasted too long at ``due_ms``."""

    place: int
    kind: str
    order_key: str
    order_id: str
    channel: str
    seller: str
    version: int
    due_ms: int

    @property
    def key(self) -> Key:
        return self.place, self.kind


class Ended(NamedTuple):
    """Something that began before these changes ended with one of them."""

    place: int
    kind: str
    order_key: str
    version: int
    at_ms: int

    @property
    def key(self) -> Key:
        return self.place, self.kind


@dataclass
class Told:
    """What one turn of the feed says, to be kept in this order: ``ended``, ``raised``, ``started``."""

    ended: dict[tuple[str, str], Ended] = field(default_factory=dict)  # by order_key and kind
    raised: list[WorkItem] = field(default_factory=list)  # some of them settled already
    started: dict[Key, Due] = field(default_factory=dict)


@dataclass(frozen=True)
class Terms:
    """What the configuration says: how long something may last, and how long people have then."""

    patience_ms: Callable[[str, str], int]  # of a patience and a channel; 0 = for ever
    answer_ms: Callable[[str], int]  # of a queue


class Telling:
    """Reads changes in the order of each shard's log."""

    def __init__(self, terms: Terms, known: Collection[str]) -> None:
        """``known``: kinds of which the desk has anything that could end."""
        self._terms = terms
        self._known = known
        self.told = Told()
        self._raised: dict[tuple[str, str], list[int]] = {}  # places among ``told.raised`` of what has not ended

    def read(self, changes: Changes) -> None:
        rows = _Rows(changes)
        said = rows.said()
        places = list(dict.fromkeys(each.row for each in said))
        causes = dict(zip(places, rows.causes(places), strict=True)) if places else {}
        for each in said:
            if each.ends:
                self._end(each.kind, causes[each.row])
            if each.begins:
                self._begin(each.kind, KINDS[each.kind], causes[each.row])

    def _begin(self, name: str, kind: WorkKind, cause: Cause) -> None:
        if not kind.patience:
            self._raise(item_of(name, cause, why_of(cause), cause.at_ms, self._terms))
        elif patience_ms := self._terms.patience_ms(kind.patience, cause.channel):
            due = Due(cause.place, name, *cause[1:6], cause.at_ms + patience_ms)
            self.told.started[due.key] = due

    def _raise(self, item: WorkItem) -> None:
        self._raised.setdefault((item.order_key, item.kind), []).append(len(self.told.raised))
        self.told.raised.append(item)

    def _end(self, name: str, cause: Cause) -> None:
        due = self.told.started.pop((cause.place, name), None)
        if due is not None and due.due_ms <= cause.at_ms and KINDS[name].sends is None:
            self._raise(overdue(due, self._terms))
        key = cause.order_key, name
        for at in self._raised.pop(key, ()):
            self.told.raised[at] = settled(self.told.raised[at], cause.version, cause.at_ms)
        if name in self._known:
            self.told.ended.setdefault(key, Ended(cause.place, name, cause.order_key, cause.version, cause.at_ms))


def item_of(kind: str, cause: Cause | Due, why: str, raised_ms: int, terms: Terms) -> WorkItem:
    row = KINDS[kind]
    return WorkItem(
        work_id=work_id_of(kind, cause.order_key, cause.version),
        kind=kind,
        queue=row.queue,
        order_key=cause.order_key,
        order_id=cause.order_id,
        channel=cause.channel,
        seller=cause.seller,
        cause_version=cause.version,
        reason=row.reason.format(why=why),
        raised_ms=raised_ms,
        deadline_ms=raised_ms + terms.answer_ms(row.queue),
    )


def overdue(due: Due, terms: Terms) -> WorkItem:
    """The item of what has lasted too long."""
    return item_of(due.kind, due, "", due.due_ms, terms)


def why_of(cause: Cause) -> str:
    """What the change itself says, in words."""
    if cause.event == OrderEvent.HOLD:
        return f"hold {cause.hold}."
    if cause.event != AN_ORDER:
        return cause.reason or "the report does not say why."
    said = [each["detail"] for each in describe(cause.reasons, {})]
    more = f" And {len(said) - SAID_MAX} more reasons." if len(said) > SAID_MAX else ""
    return " ".join(said[:SAID_MAX]) + more


class _Said(NamedTuple):
    """That a change ends or begins something of a kind."""

    row: int
    kind: str
    ends: bool
    begins: bool


class _Rows:
    """The columns of changes, and which rows concern any kind of work."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._event, self._after = numbers(changes.batch, "event"), numbers(changes.batch, "after")
        # Only what was rejected is judged again.
        self._is_again = (self._event == AN_ORDER) & (numbers(changes.batch, "version") > 1)
        first = np.where(self._is_again, np.uint8(_REJECTED), np.uint8(PENDING))
        self._before = np.where(self._event == AN_ORDER, first, numbers(changes.batch, "before"))

    def said(self) -> list[_Said]:
        """By row."""
        found: list[_Said] = []
        for name, kind in KINDS.items():
            ends, begins = self._ends(kind), self._begins(kind)
            rows = np.flatnonzero(ends | begins)
            each = zip(rows.tolist(), ends[rows].tolist(), begins[rows].tolist(), strict=True)
            found += [_Said(row, name, end, begin) for row, end, begin in each]
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
            return begins
        begins = now & (~was | self._is_again)
        return begins | now & self._are(kind.restarted_by) if kind.restarted_by else begins

    def _are(self, events: Collection[OrderEvent]) -> Mask:
        found: Mask = np.isin(self._event, sorted(events))
        return found

    def causes(self, rows: list[int]) -> Iterator[Cause]:
        """Of these rows, each once; opened together, because a value alone takes as long as fifty."""
        batch = select(self._changes.batch, np.array(rows, np.int64))
        hashes = zip(*(numbers(batch, name).tolist() for name in ("hash_hi", "hash_lo")), strict=True)
        columns = zip(*(batch.column(name).to_pylist() for name in _OF_CAUSE), strict=True)
        for (place, *others), (hi, lo) in zip(columns, hashes, strict=True):
            yield Cause(in_shard(self._changes.shard, place), f"{hi:016x}{lo:016x}", *others)


def told_of(parts: Sequence[Changes], terms: Terms, known: Collection[str]) -> Told:
    """What the changes of one turn say; a shard's come in the order of its log."""
    telling = Telling(terms, known)
    for changes in parts:
        telling.read(changes)
    return telling.told
