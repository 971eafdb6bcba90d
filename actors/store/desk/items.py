"""Work items in the desk's database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import BindParameter, Case, Column, Connection, Select, and_, bindparam, case, func, or_, select, update

from actors.store.desk.database import execute_many, insert_new
from actors.store.desk.figures import Waiting
from actors.store.desk.outbox import WAITING
from actors.store.desk.schema import DUE, OUTBOX, WORK
from router.work.item import WorkItem, settled_words
from router.work.kinds import REFUSED
from router.work.listing import WorkFilter
from router.work.told import Ended, Known, low_half

_ASKED_AT_ONCE = 500


def add(connection: Connection, items: Iterable[WorkItem]) -> None:
    """Those that are not there yet; what people did with the others stays."""
    insert_new(connection, WORK, [msgspec.structs.asdict(item) for item in items], ["work_id"])


def open_among(connection: Connection, work_ids: Sequence[str]) -> list[WorkItem]:
    """Those of these that are there and not resolved."""
    found: list[WorkItem] = []
    for first in range(0, len(work_ids), _ASKED_AT_ONCE):
        asked = WORK.c.work_id.in_(work_ids[first : first + _ASKED_AT_ONCE])
        found += [_item(row) for row in connection.execute(select(WORK).where(asked, WORK.c.state != "resolved"))]
    return found


def settle(connection: Connection, ended: Sequence[Ended]) -> None:
    """Resolve what there is of what has ended, whoever has it; what began since is added afterwards. What a person has
    resolved stays theirs, and is known to be settled: an event of theirs that is refused does not open it again."""
    statement = (
        update(WORK)
        .where(
            WORK.c.order_key == bindparam("of_order"),
            WORK.c.kind == bindparam("of_kind"),
            WORK.c.about == bindparam("it_is_about"),
            WORK.c.settled_ms == 0,
        )
        .values(
            state="resolved",
            snoozed_until_ms=0,
            settled_ms=bindparam("at_ms"),
            resolved_ms=_or_as_resolved(WORK.c.resolved_ms, bindparam("at_ms")),
            resolution=_or_as_resolved(WORK.c.resolution, bindparam("words")),
        )
    )
    execute_many(
        connection,
        statement,
        [
            {
                "of_order": end.order_key,
                "of_kind": end.kind,
                "it_is_about": end.about,
                "at_ms": end.at_ms,
                "words": settled_words(end.version),
            }
            for end in ended
        ],
    )


def _or_as_resolved(column: Column[Any], value: BindParameter[Any]) -> Case[Any]:
    return case((WORK.c.state == "resolved", column), else_=value)


def find(connection: Connection, work_id: str) -> WorkItem | None:
    row = connection.execute(select(WORK).where(WORK.c.work_id == work_id)).one_or_none()
    return None if row is None else _item(row)


def mark_settled(connection: Connection, work_id: str, at_ms: int) -> None:
    """What a person has resolved it with ended its cause."""
    connection.execute(update(WORK).where(WORK.c.work_id == work_id).values(settled_ms=at_ms))


def replace(connection: Connection, item: WorkItem) -> None:
    connection.execute(update(WORK).where(WORK.c.work_id == item.work_id).values(**msgspec.structs.asdict(item)))


def page(connection: Connection, wanted: WorkFilter, limit: int) -> list[WorkItem]:
    """By deadline, from behind ``wanted.behind`` on."""
    return [_item(row) for row in connection.execute(_listed(wanted).limit(limit))]


def _listed(wanted: WorkFilter) -> Select[Any]:
    query = select(WORK).order_by(WORK.c.deadline_ms, WORK.c.work_id).where(WORK.c.state.in_(wanted.states))
    for name in ("queue", "kind", "owner", "order_id"):
        value = getattr(wanted, name)
        if value is not None:
            query = query.where(WORK.c[name] == value)
    for column, names in ((WORK.c.channel, wanted.bound.channels), (WORK.c.seller, wanted.bound.sellers)):
        if names:
            query = query.where(column.in_(sorted(names)))
    if wanted.behind is not None:
        deadline_ms, work_id = wanted.behind
        later = WORK.c.deadline_ms > deadline_ms
        query = query.where(or_(later, and_(WORK.c.deadline_ms == deadline_ms, WORK.c.work_id > work_id)))
    return query


def any_awake(connection: Connection, now_ms: int) -> bool:
    """Whether the time of any that was put off has come."""
    first = select(func.min(WORK.c.snoozed_until_ms)).where(WORK.c.state == "snoozed")
    first_ms = connection.execute(first).scalar()
    return first_ms is not None and first_ms <= now_ms


def wake(connection: Connection, now_ms: int) -> None:
    """Snoozed ones whose time has come are open again, or whoever's they were."""
    awake = and_(WORK.c.state == "snoozed", WORK.c.snoozed_until_ms <= now_ms)
    for owned, state in ((WORK.c.owner != "", "claimed"), (WORK.c.owner == "", "open")):
        connection.execute(update(WORK).where(awake, owned).values(state=state, snoozed_until_ms=0))


def known(connection: Connection) -> Known:
    """What there is that could end: also what a person resolved by an event that may still be refused."""
    on_its_way = WORK.c.work_id.in_(select(OUTBOX.c.work_id).where(OUTBOX.c.status == WAITING))
    may_end = or_(WORK.c.state != "resolved", on_its_way)
    kinds = select(WORK.c.kind).where(may_end).union(select(DUE.c.kind))
    refused = select(WORK.c.order_key).where(may_end, WORK.c.kind == REFUSED)
    orders = connection.execute(refused.distinct()).scalars()
    return Known(set(connection.execute(kinds).scalars()), {low_half(order_key) for order_key in orders})


def depths(connection: Connection) -> list[Waiting]:
    """What waits, by queue and state."""
    query = (
        select(WORK.c.queue, WORK.c.state, func.count(), func.min(WORK.c.raised_ms))
        .where(WORK.c.state != "resolved")
        .group_by(WORK.c.queue, WORK.c.state)
    )
    return [Waiting(*row) for row in connection.execute(query)]


def _item(row: Any) -> WorkItem:
    return WorkItem(**row._mapping)
