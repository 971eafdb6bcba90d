"""What waits to be picked at nodes that are worked here, in the desk's database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, select, update

from actors.store.desk.database import execute_many, put
from actors.store.desk.schema import TO_PICK

GONE = -1  # in place of units: the order has left the node, and a wave has it still
_KEYS_ASKED = 500  # at once


class ToPick(NamedTuple):
    """An order at a node."""

    order_key: str
    node: str
    newest: int  # place of the order's newest change, with its shard
    version: int
    carrier: str
    due_ms: int
    units: int  # that wait; 0 = none now
    wave_id: str = ""


class Waiting(NamedTuple):
    """What waits at a node for one carrier and cut-off."""

    due_ms: int
    carrier: str
    orders: int
    units: int


def known(connection: Connection) -> set[int]:
    """Low halves of the hashes of all orders there are rows of."""
    keys = connection.execute(select(TO_PICK.c.order_key).distinct()).scalars()
    return {int(key[16:], 16) for key in keys}


def of_orders(connection: Connection, order_keys: Sequence[str]) -> dict[str, list[ToPick]]:
    found: dict[str, list[ToPick]] = {}
    for first_key in range(0, len(order_keys), _KEYS_ASKED):
        keys = order_keys[first_key : first_key + _KEYS_ASKED]
        asked = select(TO_PICK).where(TO_PICK.c.order_key.in_(keys))
        for row in connection.execute(asked):
            found.setdefault(row.order_key, []).append(ToPick(**row._mapping))
    return found


def keep(connection: Connection, rows: Iterable[ToPick]) -> None:
    """In place of what there was of these orders and nodes."""
    put(connection, TO_PICK, [row._asdict() for row in rows], ["order_key", "node"])


def remove(connection: Connection, rows: Iterable[ToPick]) -> None:
    statement = delete(TO_PICK).where(TO_PICK.c.order_key == bindparam("key"), TO_PICK.c.node == bindparam("at"))
    execute_many(connection, statement, [{"key": row.order_key, "at": row.node} for row in rows])


def first(connection: Connection, node: str, carrier: str, due_before_ms: int, limit: int) -> list[ToPick]:
    """Those in no wave, the most urgent first; ``carrier`` "" and ``due_before_ms`` 0 = any."""
    query = select(TO_PICK).where(TO_PICK.c.node == node, TO_PICK.c.wave_id == "", TO_PICK.c.units > 0)
    if carrier:
        query = query.where(TO_PICK.c.carrier == carrier)
    if due_before_ms:
        query = query.where(TO_PICK.c.due_ms <= due_before_ms)
    rows = connection.execute(query.order_by(TO_PICK.c.due_ms, TO_PICK.c.order_key).limit(limit))
    return [ToPick(**row._mapping) for row in rows]


def waiting(connection: Connection, node: str, limit: int) -> list[Waiting]:
    """What is in no wave, by cut-off and carrier."""
    query = (
        select(TO_PICK.c.due_ms, TO_PICK.c.carrier, func.count(), func.sum(TO_PICK.c.units))
        .where(TO_PICK.c.node == node, TO_PICK.c.wave_id == "", TO_PICK.c.units > 0)
        .group_by(TO_PICK.c.due_ms, TO_PICK.c.carrier)
        .order_by(TO_PICK.c.due_ms, TO_PICK.c.carrier)
        .limit(limit)
    )
    return [
        Waiting(due_ms, carrier, orders, int(units)) for due_ms, carrier, orders, units in connection.execute(query)
    ]


def take(connection: Connection, wave_id: str, order_key: str, node: str) -> None:
    """Into a wave."""
    row = (TO_PICK.c.order_key == order_key, TO_PICK.c.node == node)
    connection.execute(update(TO_PICK).where(*row).values(wave_id=wave_id))


def give_back(connection: Connection, wave_id: str, order_key: str, node: str, told_version: int) -> None:
    """Out of a wave, as soon as the order's newest change that was read is no older than ``told_version``."""
    row = (TO_PICK.c.order_key == order_key, TO_PICK.c.node == node, TO_PICK.c.wave_id == wave_id)
    is_told = TO_PICK.c.version >= told_version
    connection.execute(delete(TO_PICK).where(*row, is_told, TO_PICK.c.units == GONE))
    connection.execute(update(TO_PICK).where(*row, is_told).values(wave_id=""))
