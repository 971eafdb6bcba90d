"""Refunds and their parts, in the desk's database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection, insert, select, update

from actors.store.desk.schema import REFUND_PARTS, REFUNDS
from router.work.refund import Refund, RefundPart

Whole = tuple[Refund, list[RefundPart]]


def add(connection: Connection, refund: Refund, parts: Iterable[RefundPart]) -> None:
    connection.execute(insert(REFUNDS).values(**msgspec.structs.asdict(refund)))
    for part in parts:
        connection.execute(insert(REFUND_PARTS).values(**msgspec.structs.asdict(part)))


def find(connection: Connection, refund_id: str) -> Whole | None:
    row = connection.execute(select(REFUNDS).where(REFUNDS.c.refund_id == refund_id)).one_or_none()
    return None if row is None else (Refund(**row._mapping), _parts(connection, [refund_id]))


def of_order(connection: Connection, order_key: str) -> dict[str, Whole]:
    """By refund, in the order in which they were asked for."""
    rows = connection.execute(select(REFUNDS).where(REFUNDS.c.order_key == order_key).order_by(REFUNDS.c.refund_id))
    found: dict[str, Whole] = {row.refund_id: (Refund(**row._mapping), []) for row in rows}
    for part in _parts(connection, list(found)):
        found[part.refund_id][1].append(part)
    return found


def put_part(connection: Connection, part: RefundPart) -> None:
    is_it = (REFUND_PARTS.c.refund_id == part.refund_id, REFUND_PARTS.c.number == part.number)
    connection.execute(update(REFUND_PARTS).where(*is_it).values(**msgspec.structs.asdict(part)))


def put(connection: Connection, refund: Refund) -> None:
    is_it = REFUNDS.c.refund_id == refund.refund_id
    connection.execute(update(REFUNDS).where(is_it).values(**msgspec.structs.asdict(refund)))


def orders_by_hand(connection: Connection) -> set[str]:
    """Keys of orders of which somebody pays money back by hand."""
    joined = REFUNDS.join(REFUND_PARTS, REFUNDS.c.refund_id == REFUND_PARTS.c.refund_id)
    query = select(REFUNDS.c.order_key).select_from(joined).where(REFUND_PARTS.c.state == "by_hand")
    return set(connection.execute(query).scalars())


def _parts(connection: Connection, refund_ids: Sequence[str]) -> list[RefundPart]:
    of = REFUND_PARTS.c.refund_id.in_(refund_ids)
    query = select(REFUND_PARTS).where(of).order_by(REFUND_PARTS.c.refund_id, REFUND_PARTS.c.number)
    return [RefundPart(**row._mapping) for row in connection.execute(query)]
