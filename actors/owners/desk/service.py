"""What the desk answers: work items by deadline, and what people do with them, each act one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection

from actors.owners.desk.once import once
from actors.store.data_folder import now_ms
from actors.store.desk import items, outbox
from actors.store.desk.database import Database
from actors.store.desk.ids import uuid7
from actors.store.desk.outbox import Letter
from actors.store.desk.repeats import Asked
from router.ids import Scope
from router.queries.text import time_text
from router.queries.work_view import item_view
from router.work.acts import Act, acted, encoded, event_about, event_alone
from router.work.item import WorkItem, WorkRefused
from router.work.listing import WorkFilter, cursor_behind

FaultOf = Callable[[Sequence[str]], str]  # of events as JSON: why one is none, in words
Decided = Callable[[Connection, WorkItem, Act], None]  # what else follows from an act, in its transaction


class DeskService:
    """For any thread."""

    def __init__(
        self, database: Database, scope: Scope, fault_of: FaultOf, decided: Decided, kept: Callable[[], None]
    ) -> None:
        """``kept`` is called when an act is durable, from which something may follow."""
        self._database = database
        self._scope = scope
        self._fault_of = fault_of
        self._decided = decided
        self._kept = kept

    def work(self, wanted: WorkFilter, limit: int) -> bytes:
        """A page as JSON; its ``cursor`` is null at the end."""
        with self._database.read() as connection:
            found = items.page(connection, wanted, limit + 1)
            rows = _views(connection, found[:limit])
        cursor = cursor_behind(found[limit - 1]) if len(found) > limit else None
        return msgspec.json.encode({"items": rows, "cursor": cursor})

    def act(self, act: Act) -> bytes:
        """The item afterwards as JSON, durable; raises WorkRefused."""
        self._refuse_no_events(act)
        with self._database.write() as connection:
            asked = Asked(act.caller, act.key, act.digest)
            answer = once(connection, asked, act.now_ms, lambda: self._act(connection, act))
        if act.name == "resolve":
            self._kept()
        return answer

    def _act(self, connection: Connection, act: Act) -> bytes:
        item = items.find(connection, act.work_id)
        if item is None or not act.bound.has(item.channel, item.seller):
            raise WorkRefused("work_not_found", "No work item has this id; list them with GET /v1/work.")
        after = acted(item, act)
        items.replace(connection, after)
        if act.name == "resolve":
            self._decided(connection, item, act)
        outbox.put_in(connection, self._letters(item, act))
        return msgspec.json.encode(_views(connection, [after])[0])

    def _refuse_no_events(self, act: Act) -> None:
        """Before the transaction, which others wait for: what is no event of any order is none of this one."""
        texts = [encoded(event_alone(said, self._scope)) for said in act.events]
        if texts and (fault := self._fault_of(texts)):
            raise WorkRefused("bad_parameter", f"events: {fault}")

    def _letters(self, item: WorkItem, act: Act) -> list[Letter]:
        at = str(time_text(act.now_ms))
        ids = [uuid7(act.now_ms) for _ in act.events]
        events = [
            event_about(item, said, event_id, act.caller, at, self._scope)
            for said, event_id in zip(act.events, ids, strict=True)
        ]
        return [
            Letter(event_id, item.work_id, item.order_key, encoded(event), act.now_ms)
            for event_id, event in zip(ids, events, strict=True)
        ]


def _views(connection: Connection, found: Sequence[WorkItem]) -> list[dict[str, Any]]:
    letters = outbox.of_items(connection, [item.work_id for item in found])
    now = now_ms()
    return [item_view(item, now, [_sent(each) for each in letters.get(item.work_id, ())]) for item in found]


def _sent(letter: Letter) -> dict[str, Any]:
    """An event that was decided about an item, and what became of it."""
    said = msgspec.json.decode(letter.event)
    answer = msgspec.json.decode(letter.answer) if letter.answer else {}
    return {
        "event_id": letter.event_id,
        "type": said["type"],
        "status": letter.status,
        "reason": answer.get("reason"),
        "detail": answer.get("detail"),
    }
