"""A work item: something about an order that waits for a person, with a deadline. And what may become of it.

open ──claim──▶ claimed ──snooze──▶ snoozed ──(its time)──▶ open, or claimed by whoever had it
  └──────────────┴────────────────────┴──▶ resolved: by a person, or because the order has the fault no more
"""

from __future__ import annotations

import hashlib
import re
from typing import Literal

import msgspec

from router.bound import Bound
from router.errors import Refused

State = Literal["open", "claimed", "snoozed", "resolved"]
STATES: tuple[State, ...] = ("open", "claimed", "snoozed", "resolved")
WORK_ID = re.compile("[0-9a-f]{24}", re.ASCII)
SNOOZE_MS_MAX = 366 * 86_400_000


class WorkRefused(Refused):
    """An act that an item does not take; ``code`` is that of the problem."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class WorkItem(msgspec.Struct, frozen=True, kw_only=True):
    """One item; times are Unix milliseconds, 0 = never."""

    work_id: str
    kind: str  # of KINDS
    queue: str
    order_key: str  # the hash of the order's id within its scope, hex
    order_id: str
    channel: str
    seller: str
    about: str = ""  # type of the event that was refused; "" of other kinds
    cause_version: int  # of the order, with which it began
    reason: str
    raised_ms: int
    deadline_ms: int
    state: State = "open"
    owner: str = ""
    snoozed_until_ms: int = 0
    resolved_ms: int = 0
    resolved_by: str = ""  # the name of a key; "" by the order itself
    resolution: str = ""  # in words
    settled_ms: int = 0  # when its cause ended, whoever resolved it; 0 = it stands

    @property
    def may_reopen(self) -> bool:
        """Whether it was resolved by a person, and its cause still stands."""
        return bool(self.resolved_by) and not self.settled_ms


def kept_text(text: str) -> str:
    """A NUL, which PostgreSQL keeps in no text, as the sign that stands for it."""
    return text.replace("\0", "\N{SYMBOL FOR NULL}")


def work_id_of(kind: str, order_key: str, cause_version: int, about: str = "") -> str:
    """The same for the same cause, whenever and however often it is read from the log."""
    cause = ":".join((kind, order_key, str(cause_version), *([about] if about else [])))
    return hashlib.blake2b(cause.encode(), digest_size=12).hexdigest()


def claimed(item: WorkItem, caller: str) -> WorkItem:
    """One person takes it; who had it before keeps it."""
    _refuse_resolved(item)
    if item.owner and item.owner != caller:
        raise WorkRefused("work_conflict", f"{item.owner} has it already; ask them, or assign it to yourself.")
    return msgspec.structs.replace(item, state="claimed", owner=caller, snoozed_until_ms=0)


def assigned(item: WorkItem, owner: str, bound: Bound | None) -> WorkItem:
    """To somebody, whoever had it before; "" gives it back to all. ``bound``: of the key of this name; None where no
    key of this name may work items at all."""
    _refuse_resolved(item)
    if owner and (bound is None or not bound.has(item.channel, item.seller)):
        takes = f"it takes one of the role admin or ops, bound to nothing or to what channel {item.channel!r} is of"
        raise WorkRefused("bad_parameter", f"owner: no key named {owner!r} may work this item; {takes}.")
    return msgspec.structs.replace(item, state="claimed" if owner else "open", owner=owner, snoozed_until_ms=0)


def snoozed(item: WorkItem, until_ms: int, now_ms: int) -> WorkItem:
    _refuse_resolved(item)
    if not now_ms < until_ms <= now_ms + SNOOZE_MS_MAX:
        raise WorkRefused("bad_parameter", "until is a time from now on, a year ahead at most; name another one.")
    return msgspec.structs.replace(item, state="snoozed", snoozed_until_ms=until_ms)


def resolved(item: WorkItem, caller: str, resolution: str, now_ms: int) -> WorkItem:
    _refuse_resolved(item)
    return _ended(item, caller, resolution or "done", now_ms)


def settled(item: WorkItem, version: int, at_ms: int) -> WorkItem:
    """The order has the fault no more."""
    return settled_in_words(item, settled_words(version), at_ms)


def settled_in_words(item: WorkItem, words: str, at_ms: int) -> WorkItem:
    """Its cause has ended: that resolves it, or stands beside what a person said who was earlier."""
    ended = item if item.state == "resolved" else _ended(item, "", words, at_ms)
    return msgspec.structs.replace(ended, settled_ms=item.settled_ms or at_ms)


def settled_words(version: int) -> str:
    return f"settled by version {version} of the order"


def _ended(item: WorkItem, caller: str, resolution: str, now_ms: int) -> WorkItem:
    return msgspec.structs.replace(
        item, state="resolved", resolved_ms=now_ms, resolved_by=caller, resolution=resolution, snoozed_until_ms=0
    )


def reopened(item: WorkItem, why: str) -> WorkItem:
    """An event that was to settle it was refused, and its cause stands; who had it has it again."""
    assert item.may_reopen
    return msgspec.structs.replace(
        item,
        state="claimed" if item.owner else "open",
        resolved_ms=0,
        resolved_by="",
        resolution="",
        reason=f"{item.reason} {why}",
    )


def _refuse_resolved(item: WorkItem) -> None:
    if item.state == "resolved":
        who = item.resolved_by or "the order itself"
        raise WorkRefused("work_conflict", f"It is resolved already, by {who}: {item.resolution}.")
