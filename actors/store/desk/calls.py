"""Calls to partners and their breakers, in the desk's database."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, select

from actors.store.desk.database import insert_new, put
from actors.store.desk.schema import BREAKERS, CALLS
from adapters._transport.breaker import Breaker
from adapters._transport.calls import FINAL, Call, CallState

_LIVE = tuple(state.value for state in CallState if state not in FINAL)


def begin(connection: Connection, call: Call) -> Call:
    """Keep a call that is new; the one that is kept under its key, whatever it is about."""
    insert_new(connection, CALLS, [_row(call)], ["partner", "key"])
    found = find(connection, call.partner, call.key)
    assert found is not None
    return found


def keep(connection: Connection, call: Call) -> None:
    put(connection, CALLS, [_row(call)], ["partner", "key"])


def find(connection: Connection, partner: str, key: str) -> Call | None:
    raw = connection.execute(select(CALLS.c.call).where(CALLS.c.partner == partner, CALLS.c.key == key)).scalar()
    return None if raw is None else msgspec.json.decode(raw, type=Call)


def of_keys(connection: Connection, partner: str, prefix: str) -> list[Call]:
    """Calls whose keys begin so."""
    is_one = (CALLS.c.partner == partner, CALLS.c.key.startswith(prefix, autoescape=True))
    return [
        msgspec.json.decode(raw, type=Call) for raw in connection.execute(select(CALLS.c.call).where(*is_one)).scalars()
    ]


def due(connection: Connection, partner: str, now_ms: int, most: int) -> list[Call]:
    """Calls that are not final and whose time has come, the longest overdue first."""
    is_due = (CALLS.c.partner == partner, CALLS.c.state.in_(_LIVE), CALLS.c.next_at_ms <= now_ms)
    query = select(CALLS.c.call).where(*is_due).order_by(CALLS.c.next_at_ms, CALLS.c.key).limit(most)
    return [msgspec.json.decode(raw, type=Call) for raw in connection.execute(query).scalars()]


def breaker(connection: Connection, partner: str) -> Breaker:
    raw = connection.execute(select(BREAKERS.c.breaker).where(BREAKERS.c.partner == partner)).scalar()
    return Breaker() if raw is None else msgspec.json.decode(raw, type=Breaker)


def keep_breaker(connection: Connection, partner: str, breaker: Breaker) -> None:
    put(connection, BREAKERS, [{"partner": partner, "breaker": _json(breaker)}], ["partner"])


def _row(call: Call) -> dict[str, Any]:
    return {
        "partner": call.partner,
        "key": call.key,
        "state": call.state.value,
        "next_at_ms": call.next_at_ms,
        "call": _json(call),
    }


def _json(value: msgspec.Struct) -> str:
    return msgspec.json.encode(value).decode()
