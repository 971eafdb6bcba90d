"""What changes of orders say of work: which items are raised, which end, and what is to be looked at again later.

    Changes ─▶ masks over state bytes and events ─▶ the few rows that say anything ─▶ in their order ─▶ Told

The same log gives the same items, however its changes are cut into turns: what begins and ends within one is told as
an item that was raised and settled, and what lasted longer than its patience before it ended was raised in between.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from router.feed.changes import Changes
from router.work.item import WorkItem, kept_text, settled, work_id_of
from router.work.kinds import KINDS, REFUSED, WorkKind
from router.work.rows import Cause, Rows

NEVER_MS = 1 << 62  # what waits for something else than a time is due then
Key = tuple[int, str]  # place of the order's record, kind
Kept = tuple[str, str, str]  # order_key, kind, about


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
    about: str
    version: int
    at_ms: int
    came: bool  # what it waited for

    @property
    def key(self) -> Key:
        return self.place, self.kind


class Came(NamedTuple):
    """What something waited for came, at this time."""

    due: Due
    at_ms: int


@dataclass
class Told:
    """What one turn of the feed says, to be kept in this order: ``ended``, ``raised``, ``started``."""

    ended: dict[Kept, Ended] = field(default_factory=dict)
    raised: list[WorkItem] = field(default_factory=list)  # some of them settled already
    started: dict[Key, Due] = field(default_factory=dict)
    came: list[Came] = field(default_factory=list)  # what began and came within the turn


@dataclass(frozen=True)
class Terms:
    """What the configuration says: how long something may last, and how long people have then."""

    patience_ms: Callable[[str, str], int]  # of a patience and a channel; 0 = for ever
    is_on: Callable[[str], bool]  # whether a patience ends for any channel
    answer_ms: Callable[[str], int]  # of a queue
    is_cod: Callable[[Due], bool]  # whether its order is paid on delivery, and confirmed without payment
    due_minor: Callable[[int], int]  # of an order after the change of this place; below 0: to get back


@dataclass
class Known:
    """Of what the desk has anything that could end; more than that does no harm."""

    kinds: set[str] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)  # orders of which an event was refused: the low half of their hash

    def add(self, told: Told) -> None:
        self.kinds |= {item.kind for item in told.raised} | {due.kind for due in told.started.values()}
        self.refused |= {low_half(item.order_key) for item in told.raised if item.kind == REFUSED}


def low_half(order_key: str) -> int:
    return int(order_key[16:], 16)


class Telling:
    """Reads changes in the order of each shard's log."""

    def __init__(self, terms: Terms, known: Known) -> None:
        self._terms = terms
        self._known = known
        self.told = Told()
        self._raised: dict[Kept, list[int]] = {}  # places among ``told.raised`` of what has not ended
        self._kinds = [name for name, kind in KINDS.items() if name in known.kinds or self._may_begin(kind)]

    def read(self, changes: Changes) -> None:
        rows = Rows(changes, self._known.refused)
        said = rows.said(self._kinds)
        places = list(dict.fromkeys(each.row for each in said))
        causes = dict(zip(places, rows.causes(places), strict=True)) if places else {}
        for each in said:
            if each.ends:
                self._end(each.kind, causes[each.row])
            if each.begins:
                self._begin(each.kind, KINDS[each.kind], causes[each.row])

    def _may_begin(self, kind: WorkKind) -> bool:
        return not kind.is_own and (not kind.patience or self._terms.is_on(kind.patience))

    def _begin(self, name: str, kind: WorkKind, cause: Cause) -> None:
        if kind.if_overpaid and self._terms.due_minor(cause.newest) >= 0:
            return
        if kind.waits_for is not None:
            due = Due(cause.place, name, *cause[1:6], NEVER_MS)
            self.told.started[due.key] = due
        elif not kind.patience:
            about = cause.about if name == REFUSED else ""
            self._raise(item_of(name, cause, cause.why, cause.at_ms, self._terms, about))
        elif patience_ms := self._terms.patience_ms(kind.patience, cause.channel):
            due = Due(cause.place, name, *cause[1:6], cause.at_ms + patience_ms)
            self.told.started[due.key] = due

    def _raise(self, item: WorkItem) -> None:
        self._raised.setdefault((item.order_key, item.kind, item.about), []).append(len(self.told.raised))
        self.told.raised.append(item)

    def _end(self, name: str, cause: Cause) -> None:
        due = self.told.started.pop((cause.place, name), None)
        waits_for = KINDS[name].waits_for
        came = waits_for is not None and bool(waits_for[cause.after])
        if due is not None and came:
            self.told.came.append(Came(due, cause.at_ms))
        if due is not None and due.due_ms <= cause.at_ms and KINDS[name].sends is None and is_meant(due, self._terms):
            self._raise(overdue(due, self._terms))
        about = cause.about if name == REFUSED else ""
        key = cause.order_key, name, about
        for at in self._raised.pop(key, ()):
            self.told.raised[at] = settled(self.told.raised[at], cause.version, cause.at_ms)
        if name in self._known.kinds:
            ended = Ended(cause.place, name, cause.order_key, about, cause.version, cause.at_ms, came)
            self.told.ended.setdefault(key, ended)


def item_of(kind: str, cause: Cause | Due, why: str, raised_ms: int, terms: Terms, about: str = "") -> WorkItem:
    row = KINDS[kind]
    return WorkItem(
        work_id=work_id_of(kind, cause.order_key, cause.version, about),
        kind=kind,
        queue=row.queue,
        order_key=cause.order_key,
        order_id=cause.order_id,
        channel=cause.channel,
        seller=cause.seller,
        about=about,
        cause_version=cause.version,
        reason=kept_text(row.reason.format(why=why, about=about)),
        raised_ms=raised_ms,
        deadline_ms=raised_ms + terms.answer_ms(row.queue),
    )


def is_meant(due: Due, terms: Terms) -> bool:
    """Whether what has lasted too long is anybody's affair: of cash on delivery the money comes with the parcel."""
    cod = KINDS[due.kind].cod
    return cod is None or cod == terms.is_cod(due)


def overdue(due: Due, terms: Terms) -> WorkItem:
    """The item of what has lasted too long."""
    return item_of(due.kind, due, "", due.due_ms, terms)


def told_of(parts: Sequence[Changes], terms: Terms, known: Known) -> Told:
    """What the changes of one turn say; a shard's come in the order of its log."""
    telling = Telling(terms, known)
    for changes in parts:
        telling.read(changes)
    return telling.told
