"""Requests for money, and what is known of their orders, in the desk's database."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, func, insert, or_, select, update

from actors.store.desk.database import put as put_rows
from actors.store.desk.schema import PAY_ORDERS, PAY_REQUESTS
from router.work.pay import LIVE, PayOrder, PayRequest


def add(connection: Connection, request: PayRequest) -> None:
    connection.execute(insert(PAY_REQUESTS).values(**msgspec.structs.asdict(request)))


def put(connection: Connection, request: PayRequest) -> None:
    is_it = PAY_REQUESTS.c.request_id == request.request_id
    connection.execute(update(PAY_REQUESTS).where(is_it).values(**msgspec.structs.asdict(request)))


def find(connection: Connection, request_id: str) -> PayRequest | None:
    row = connection.execute(select(PAY_REQUESTS).where(PAY_REQUESTS.c.request_id == request_id)).one_or_none()
    return None if row is None else PayRequest(**row._mapping)


def of_order(connection: Connection, order_key: str) -> list[PayRequest]:
    """In the order in which they were asked for."""
    asked = PAY_REQUESTS.c.asked_ms, PAY_REQUESTS.c.request_id
    rows = connection.execute(select(PAY_REQUESTS).where(PAY_REQUESTS.c.order_key == order_key).order_by(*asked))
    return [PayRequest(**row._mapping) for row in rows]


def expired(connection: Connection, until_ms: int, limit: int) -> list[PayRequest]:
    """Live ones whose time is over by then, but for those a partner has not answered yet."""
    is_over = PAY_REQUESTS.c.state.in_(("requested", "open")), PAY_REQUESTS.c.expires_ms <= until_ms
    rows = connection.execute(select(PAY_REQUESTS).where(*is_over).order_by(PAY_REQUESTS.c.expires_ms).limit(limit))
    return [PayRequest(**row._mapping) for row in rows]


def next_expiry_ms(connection: Connection) -> int | None:
    """When the first live one expires; None where there is none."""
    is_over = PAY_REQUESTS.c.state.in_(("requested", "open"))
    return connection.execute(select(func.min(PAY_REQUESTS.c.expires_ms)).where(is_over)).scalar()


def order(connection: Connection, order_key: str) -> PayOrder:
    """What is known of an order; nothing yet of most."""
    row = connection.execute(select(PAY_ORDERS).where(PAY_ORDERS.c.order_key == order_key)).one_or_none()
    return PayOrder(order_key=order_key) if row is None else PayOrder(**row._mapping)


def put_order(connection: Connection, known: PayOrder) -> None:
    put_rows(connection, PAY_ORDERS, [msgspec.structs.asdict(known)], ["order_key"])


def falling_due(connection: Connection, until_ms: int, limit: int) -> list[PayOrder]:
    """Orders of which the next instalment is to be asked for by then."""
    is_due = PAY_ORDERS.c.next_ms > 0, PAY_ORDERS.c.next_ms <= until_ms
    rows = connection.execute(select(PAY_ORDERS).where(*is_due).order_by(PAY_ORDERS.c.next_ms).limit(limit))
    return [PayOrder(**row._mapping) for row in rows]


def next_due_ms(connection: Connection) -> int | None:
    """When the first of these is; None where there is none."""
    return connection.execute(select(func.min(PAY_ORDERS.c.next_ms)).where(PAY_ORDERS.c.next_ms > 0)).scalar()


def followed(connection: Connection, since_ms: int) -> set[str]:
    """Keys of the orders of which something may still come: what is open, was asked for or agreed on since then."""
    may_come = or_(PAY_REQUESTS.c.state.in_(LIVE), PAY_REQUESTS.c.changed_ms >= since_ms)
    agreed = select(PAY_ORDERS.c.order_key).where(PAY_ORDERS.c.agreed_ms >= since_ms)
    return set(connection.execute(select(PAY_REQUESTS.c.order_key).where(may_come).union(agreed)).scalars())
