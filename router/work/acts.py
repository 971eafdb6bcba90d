"""What a person does with a work item, and the events that follow from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from router.bound import Bound
from router.feed.words import WORDS
from router.ids import Scope
from router.life.event_types import EVENT_TYPES, TAKES
from router.work.item import WorkItem, assigned, claimed, resolved, snoozed
from router.work.kinds import KINDS
from router.work.told import Due

ActName = Literal["claim", "assign", "snooze", "resolve"]
ACTS: tuple[ActName, ...] = ("claim", "assign", "snooze", "resolve")
EVENTS_MAX = 32  # that one act sends
_OWN = ("event_id", "order_id", "source", "channel", "seller")  # fields of an event that the desk says itself


class Act(NamedTuple):
    """One act of the holder of a key."""

    work_id: str
    name: ActName
    caller: str  # name of the key
    bound: Bound  # whose items alone they are
    now_ms: int
    role: str = ""  # of the key
    owner: str = ""  # of assign
    owner_bound: Bound | None = None  # of that one's key; None where none of this name may work items
    until_ms: int = 0  # of snooze
    note: str = ""  # of resolve
    events: tuple[Mapping[str, Any], ...] = ()  # of resolve: what is reported of the order, without its id
    approve: bool | None = None  # of resolve: what is decided about a refund
    key: str = ""  # by which the same request is known when it comes again
    digest: str = ""  # of what was asked


def acted(item: WorkItem, act: Act) -> WorkItem:
    """The item afterwards; raises WorkRefused where it does not take the act."""
    if act.name == "claim":
        return claimed(item, act.caller)
    if act.name == "assign":
        return assigned(item, act.owner, act.owner_bound)
    if act.name == "snooze":
        return snoozed(item, act.until_ms, act.now_ms)
    return resolved(item, act.caller, act.note, act.now_ms)


def own_fields(events: Sequence[Mapping[str, Any]]) -> list[str]:
    """Fields that the events of an act may not say."""
    return sorted({name for event in events for name in event} & set(_OWN))


def event_about(
    item: WorkItem, said: Mapping[str, Any], event_id: str, caller: str, at: str, scope: Scope
) -> dict[str, Any]:
    """The event that an act sends: what the person said, of the item's order."""
    named = order_named(item.order_id, item.channel, item.seller, scope)
    return {"event_id": event_id, **named, "at": at, "source": f"desk:{caller}"[:128], **said}


def event_alone(said: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
    """The same of no order, to see whether it is an event at all."""
    return {"event_id": "-", **order_named("-", "-", "-", scope), **said}


def event_due(due: Due, event_type: str, at: str, scope: Scope) -> dict[str, Any]:
    """The event that the desk sends by itself; the same for the same cause, however often the log is read again."""
    named = order_named(due.order_id, due.channel, due.seller, scope)
    event_id = f"{due.kind}-{due.order_key}-{due.version}"
    said = {"event_id": event_id, **named, "type": event_type, "at": at, "source": "desk"}
    if KINDS[due.kind].hold:
        said["hold"] = KINDS[due.kind].hold
    return said | {"reason": KINDS[due.kind].reason} if "reason" in TAKES[EVENT_TYPES[event_type]] else said


def order_named(order_id: str, channel: str, seller: str, scope: Scope) -> dict[str, str]:
    """How an event names its order."""
    within = {"global": {}, "channel": {"channel": channel}, "seller": {"seller": seller} if seller else {}}
    return {"order_id": order_id, **within[scope]}


def encoded(event: Mapping[str, Any]) -> str:
    """One line of JSON."""
    return msgspec.json.encode(event).decode()


def without_words(event: str) -> str:
    """An event without what people wrote: that lies with the order's documents now, where it can be erased."""
    said: dict[str, Any] = msgspec.json.decode(event)
    return encoded({name: value for name, value in said.items() if name not in WORDS})


def is_for_later(answer: Mapping[str, Any]) -> bool:
    """Whether a shard asks for the event again in a moment."""
    return answer["status"] == "refused" and answer.get("reason") == "order_busy"


def why_refused(event_type: str, answer: Mapping[str, Any]) -> str:
    """The sentence that an item says when it comes back."""
    return f"The {event_type} that was to settle it was refused ({answer['reason']}): {answer['detail']}"
