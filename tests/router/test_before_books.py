"""Events that came in before books were opened, and whose router was killed before their outcome was written."""

from __future__ import annotations

import dataclasses

import pyarrow as pa
import pytest

from router.log import records
from router.log.kinds import Kind, form
from router.log.records import INPUT, Record, frame, read_batch
from tests.router.test_pipeline import World, order


def test_unfinished_events_keep_their_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.send([order(1)])
    world.tell(("e1", "o-1", "pick"), ("e2", "o-1", "ship"))
    at, record = events_of(world)
    world.journal[at] = dataclasses.replace(world.journal[at], record=before_books(record, monkeypatch))
    finished = world.after_crash(at + 1)
    assert finished.units["shipped"] == 1
    replayed = finished.after_crash()
    assert replayed.router.state_hashes() == finished.router.state_hashes()
    (again,) = replayed.tell(("e1", "o-1", "note", {"text": "the id is known"}))
    assert again["status"] == "duplicate"
    replayed.tell(("e3", "o-1", "deliver"), ("e4", "o-1", "payment_captured"), ("e5", "o-1", "close"))
    (late,) = replayed.tell(("e2", "o-1", "note", {"text": "the order is closed, so its history is read"}))
    assert late["status"] == "duplicate"


def events_of(world: World) -> tuple[int, Record]:
    """The first input of events, and where in the journal it stands."""
    log = world.router.shards[0].log
    for at, entry in enumerate(world.journal):
        if entry.log.startswith("shard") and entry.part == INPUT:
            record = log.read(entry.sequence, INPUT)
            if record is not None and record.kind is Kind.EVENTS:
                return at, record
    raise AssertionError("no events in the journal")


def before_books(record: Record, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The same events as they were stored then."""
    schema, whole = form(Kind.EVENTS, 0, 0), read_batch(record)
    events = pa.RecordBatch.from_arrays([whole.column(name) for name in schema.names], schema=schema)
    with monkeypatch.context() as then:
        then.setattr(records, "version_of", lambda _: 0)
        raw = frame(
            Kind.EVENTS, INPUT, record.sequence, [events.serialize()], tables_version=record.tables_version,
            now_ms=record.now_ms, batch_id=record.batch_id, batch_number=record.batch_number,
        )  # fmt: skip
    return bytes(raw)
