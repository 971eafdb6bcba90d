"""Parcels of orders by tracking number, in the desk's database: often a carrier knows nothing else of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, select

from actors.store.desk.database import insert_new
from actors.store.desk.schema import PARCELS

KEPT_MS = 400 * 86_400_000  # carriers give numbers anew after a year or more


class Parcel(NamedTuple):
    """A parcel that left, as a ``ship`` told it."""

    tracking_number: str  # as router/tracking/numbers.py writes it
    order_key: str
    order_id: str
    channel: str
    seller: str
    shipment_id: str  # "" where it was not named
    shipped_ms: int


def add(connection: Connection, parcels: Sequence[Parcel]) -> None:
    insert_new(connection, PARCELS, [parcel._asdict() for parcel in parcels], ["tracking_number", "order_key"])


def find(connection: Connection, tracking_number: str) -> list[Parcel]:
    """The newest first; of several orders where the number came again, or is two carriers'."""
    of_number = select(PARCELS).where(PARCELS.c.tracking_number == tracking_number)
    return [Parcel(*row) for row in connection.execute(of_number.order_by(PARCELS.c.shipped_ms.desc()))]


def forget(connection: Connection, now_ms: int) -> None:
    connection.execute(delete(PARCELS).where(PARCELS.c.shipped_ms < now_ms - KEPT_MS))
