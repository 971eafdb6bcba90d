"""Events at the end: an applied one is in the log once, a refused one is not, and everybody was told which it was."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from bench.trials.simulation import goods
from bench.trials.simulation.plan import EventSent
from bench.trials.simulation.watch import EventAnswer
from bench.trials.simulation.world import World
from kernels.life import layout
from router.log.columns import AMENDED, AmendResult, EventResult
from router.log.kinds import MESSAGES, Kind
from router.log.records import Record, read_batch
from router.log.reference import reference

_RESULTS = {number: name.lower() for name, number in vars(EventResult).items() if isinstance(number, int)}
EventId = tuple[str, str]  # order and event


@dataclass(frozen=True)
class Applied:
    """An event that a log says was applied."""

    shard: int
    place: int  # reference of its row
    fingerprint: int
    version: int  # of the order afterwards


def events_faults(world: World, shards: list[list[Record]], ledger: list[Record]) -> Iterator[str]:
    applied: dict[EventId, list[Applied]] = defaultdict(list)
    for shard, records in enumerate(shards):
        for event_id, event in _applied(shard, records):
            applied[event_id].append(event)
    for (order, name), found in applied.items():
        if len(found) > 1:
            yield f"event {name} of {order} was applied {len(found)} times"
    for answer in world.watch.told_events:
        world.met[f"event {answer.event.type} {_RESULTS[answer.ack['result']]}"] += 1
        yield from _answer_faults(answer, applied.get(_id_of(answer.event), []), _is_alone(world, answer))
    yield from _order_is_kept(world, applied)
    for shard, records in enumerate(shards):
        yield from _nobody_was_busy(shard, records, ledger)


def _id_of(event: EventSent) -> EventId:
    return goods.order_id(event.order), f"e-{event.event}"


def _applied(shard: int, records: list[Record]) -> Iterator[tuple[EventId, Applied]]:
    given = {record.sequence: record for record in records if record.kind is Kind.EVENTS}
    for record in records:
        if record.kind is not Kind.EVENT_OUTCOMES:
            continue
        came = read_batch(given[record.sequence]).select(["order_id", "event_id", "fingerprint"]).to_pylist()
        became = read_batch(record).select(["result", "version"]).to_pylist()
        for row, (event, outcome) in enumerate(zip(came, became, strict=True)):
            if outcome["result"] == EventResult.APPLIED:
                place = reference(record.sequence, row)
                found = Applied(shard, place, event["fingerprint"], outcome["version"])
                yield (event["order_id"], event["event_id"]), found


def _is_alone(world: World, answer: EventAnswer) -> bool:
    """Whether the event's id came for its order once: in one row, whose request was served once."""
    id_of = (answer.event.order, answer.event.event)
    rows = (row for request in world.plan.requests for row in request.rows if isinstance(row, EventSent))
    return world.watch.arrivals[answer.request] == 1 and sum((row.order, row.event) == id_of for row in rows) == 1


def _answer_faults(answer: EventAnswer, applied: list[Applied], is_alone: bool) -> Iterator[str]:
    """What was said of one event, held against the log; ``is_alone``: nobody else sent it, nor sent it again."""
    order, event = _id_of(answer.event)
    name, result, version = f"event {event} of {order}", answer.ack["result"], answer.ack["version"]
    is_same = any(found.fingerprint == answer.fingerprint for found in applied)
    if result == EventResult.APPLIED and not any(found.version == version for found in applied):
        yield f"{name} was answered as applied with version {version} and is not in the log"
    if result == EventResult.CONFLICT and (is_same or not applied):
        yield f"{name} was answered as a conflict without one"
    if result in (EventResult.REFUSED, EventResult.UNKNOWN_ORDER):
        if any(found.version <= version for found in applied if found.fingerprint == answer.fingerprint):
            yield f"{name} was refused after it had been applied"
        if is_same and is_alone:
            yield f"{name} was refused and applied all the same"
    if result == EventResult.REPEATED and is_same and is_alone:
        yield f"{name} was called a repeat when it was applied"


def _order_is_kept(world: World, applied: dict[EventId, list[Applied]]) -> Iterator[str]:
    """Events of one request that was sent once take effect in the order in which it has them."""
    newest: dict[tuple[int, int], tuple[int, EventSent]] = {}  # request and order -> place of the last event applied
    for answer in world.watch.told_events:
        its = applied.get(_id_of(answer.event), [])
        if answer.ack["result"] != EventResult.APPLIED or world.watch.arrivals[answer.request] > 1 or len(its) != 1:
            continue
        found = its[0]
        place, earlier = newest.get((answer.request, answer.event.order), (-1, answer.event))
        if found.place < place:
            yield f"e-{answer.event.event} took effect before e-{earlier.event}, which stands before it"
        newest[answer.request, answer.event.order] = (found.place, answer.event)


def _nobody_was_busy(shard: int, records: list[Record], ledger: list[Record]) -> Iterator[str]:
    """Events wait for an amendment of their order that is under way; none is refused for it, unless by the ledger."""
    put_off = {
        record.batch_id
        for record in ledger
        if record.kind is Kind.AMENDS and record.batch_number == shard
        if AmendResult.LATER in read_batch(record, MESSAGES[record.kind].index(AMENDED)).column("done").to_pylist()
    }
    for record in records:
        may_be = record.kind is not Kind.EVENT_OUTCOMES or record.sequence in put_off
        if not may_be and layout.BUSY_NOW in read_batch(record).column("refusal").to_pylist():
            yield f"record {record.sequence} of shard {shard} refuses an event because of an amendment under way"
