"""Letters to the shards, on the path that events from outside take: decode, split, ask, merge."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from actors.owners.stubs import Owners
from actors.store.bell import Bell
from actors.store.data_folder import DataFolder, now_ms
from actors.store.desk.outbox import Letter
from actors.store.table_store import TableStore
from router.arrow.string_table import StringTable
from router.config import Config
from router.shard.split_events import EventPart, merge_event_answers, split_events
from router.wire.event_answer_json import encode_event_json
from router.wire.event_answers import refused_events
from router.wire.event_batch import EventBatch
from router.wire.event_ndjson import decode_events
from router.wire.event_wire import EventTerms, Names

ANSWER_TIMEOUT_S = 30.0


class Postman:
    """For one thread, but for ``fault_of``, which any may ask."""

    def __init__(self, data: DataFolder, config: Config) -> None:
        self._owners = Owners(data.namespace, config.shards)
        self._tables = TableStore(data.tables)
        self._names = Names(StringTable([]), StringTable([]))
        self._bell = Bell(data.events_bell)
        self._terms = EventTerms(data.key(), config.order_id_scope, config.limits, self._named, now_ms)
        self._sender, self._number = secrets.randbits(63), 0

    def post(self, letters: Sequence[Letter]) -> list[Mapping[str, Any]]:
        """What became of each; raises Unanswered, and then each may have been done or not."""
        wire = decode_events(_lines([letter.event for letter in letters]), self._terms)
        self._bell.ring()
        parts = [part for of_shard in split_events(wire, len(self._owners.shards)) for part in of_shard]
        ack = merge_event_answers(wire, parts, [self._ask(part) for part in parts])
        answers = encode_event_json(wire, ack, refused_events(wire, ack))
        return [msgspec.json.decode(line) for line in bytes(answers).splitlines()]

    def fault_of(self, events: Sequence[str]) -> str:
        """Why the first of these that is no event is none, in words; "" where all are."""
        refused = decode_events(_lines(events), self._terms).refused
        return refused[0].detail if refused else ""

    def close(self) -> None:
        self._bell.close()

    def _ask(self, part: EventPart) -> Any:
        self._number += 1
        batch_id = self._sender, self._number
        batch = EventBatch(batch_id, part.events, part.payload, part.documents, now_ms())
        return self._owners.shards[part.shard].submit_events(batch).get(ANSWER_TIMEOUT_S)

    def _named(self, again: bool) -> Names:
        """Read when an event names a node or a currency first: few do, and a large table takes a while."""
        if again:
            tables = self._tables.load(self._tables.current())
            self._names = Names(tables.nodes.ids, tables.currencies)
        return self._names


def _lines(events: Sequence[str]) -> bytes:
    return b"".join(event.encode() + b"\n" for event in events)
