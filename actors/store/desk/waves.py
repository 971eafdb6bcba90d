"""Waves, their orders and lines, and blocked bins, in the desk's database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, and_, delete, exists, insert, select, update

from actors.store.desk.database import execute_many, put
from actors.store.desk.outbox import WAITING
from actors.store.desk.schema import BLOCKED_BINS, OUTBOX, WAVE_LINES, WAVE_ORDERS, WAVES
from router.warehouse.wave import Wave, WaveLine, WaveOrder


class Blocked(NamedTuple):
    """A bin that nothing is picked from until somebody has counted."""

    node: str
    bin: str
    reason: str
    blocked_by: str
    blocked_ms: int


def add(connection: Connection, wave: Wave, orders: Sequence[WaveOrder], lines: Sequence[WaveLine]) -> None:
    connection.execute(insert(WAVES).values(**msgspec.structs.asdict(wave)))
    execute_many(connection, insert(WAVE_ORDERS), [msgspec.structs.asdict(each) for each in orders])
    execute_many(connection, insert(WAVE_LINES), [msgspec.structs.asdict(each) for each in lines])


def find(connection: Connection, wave_id: str) -> Wave | None:
    row = connection.execute(select(WAVES).where(WAVES.c.wave_id == wave_id)).one_or_none()
    return None if row is None else Wave(**row._mapping)


def page(connection: Connection, node: str, states: Sequence[str], behind: str, limit: int) -> list[Wave]:
    """The newest first, older than ``behind`` ("" = from the newest on): ids rise with time."""
    query = select(WAVES).where(WAVES.c.node == node)
    if states:
        query = query.where(WAVES.c.state.in_(states))
    if behind:
        query = query.where(WAVES.c.wave_id < behind)
    return [Wave(**row._mapping) for row in connection.execute(query.order_by(WAVES.c.wave_id.desc()).limit(limit))]


def orders_of(connection: Connection, wave_id: str) -> list[WaveOrder]:
    query = select(WAVE_ORDERS).where(WAVE_ORDERS.c.wave_id == wave_id).order_by(WAVE_ORDERS.c.number)
    return [WaveOrder(**row._mapping) for row in connection.execute(query)]


def order_of(connection: Connection, wave_id: str, order_key: str) -> WaveOrder:
    is_it = (WAVE_ORDERS.c.wave_id == wave_id, WAVE_ORDERS.c.order_key == order_key)
    return WaveOrder(**connection.execute(select(WAVE_ORDERS).where(*is_it)).one()._mapping)


def any_left(connection: Connection, wave_id: str) -> bool:
    """Whether anything is to be picked."""
    left = WAVE_LINES.c.qty - WAVE_LINES.c.picked - WAVE_LINES.c.short - WAVE_LINES.c.dropped
    asked = exists().where(WAVE_LINES.c.wave_id == wave_id, left > 0)
    return bool(connection.execute(select(asked)).scalar())


def lines_of(connection: Connection, wave_id: str, order_key: str = "") -> list[WaveLine]:
    """Of one order, or of all, in the order of their totes."""
    joined = WAVE_LINES.join(
        WAVE_ORDERS,
        and_(WAVE_LINES.c.wave_id == WAVE_ORDERS.c.wave_id, WAVE_LINES.c.order_key == WAVE_ORDERS.c.order_key),
    )
    query = select(WAVE_LINES).select_from(joined).where(WAVE_LINES.c.wave_id == wave_id)
    if order_key:
        query = query.where(WAVE_LINES.c.order_key == order_key)
    rows = connection.execute(query.order_by(WAVE_ORDERS.c.number, WAVE_LINES.c.line))
    return [WaveLine(**row._mapping) for row in rows]


def put_wave(connection: Connection, wave: Wave) -> None:
    connection.execute(update(WAVES).where(WAVES.c.wave_id == wave.wave_id).values(**msgspec.structs.asdict(wave)))


def put_order(connection: Connection, order: WaveOrder) -> None:
    is_it = (WAVE_ORDERS.c.wave_id == order.wave_id, WAVE_ORDERS.c.order_key == order.order_key)
    connection.execute(update(WAVE_ORDERS).where(*is_it).values(**msgspec.structs.asdict(order)))


def put_lines(connection: Connection, lines: Iterable[WaveLine]) -> None:
    rows = [msgspec.structs.asdict(line) for line in lines]
    put(connection, WAVE_LINES, rows, ["wave_id", "order_key", "line"])


def reports_under_way(connection: Connection, work_id: str, order_key: str) -> bool:
    """Whether the shard has not answered all that was reported of an order of a wave."""
    asked = exists().where(
        OUTBOX.c.work_id == work_id, OUTBOX.c.order_key == order_key, OUTBOX.c.status == WAITING
    )  # fmt: skip
    return bool(connection.execute(select(asked)).scalar())


def block(connection: Connection, blocked: Blocked) -> None:
    put(connection, BLOCKED_BINS, [blocked._asdict()], ["node", "bin"])


def unblock(connection: Connection, node: str, name: str) -> bool:
    """Whether it was blocked."""
    is_it = (BLOCKED_BINS.c.node == node, BLOCKED_BINS.c.bin == name)
    return connection.execute(delete(BLOCKED_BINS).where(*is_it)).rowcount == 1


def blocked_at(connection: Connection, node: str) -> list[Blocked]:
    rows = connection.execute(select(BLOCKED_BINS).where(BLOCKED_BINS.c.node == node).order_by(BLOCKED_BINS.c.bin))
    return [Blocked(*row) for row in rows]
