"""What the log tells of parcels that left: their tracking numbers, by which carriers tell of them; numbers that cannot
be right; and shipments of the desk that somebody else reported."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc
from sqlalchemy import Connection

from actors.store.desk import items, parcels, shipments
from actors.store.desk.parcels import Parcel
from router.arrow.arrays import numbers
from router.arrow.selection import select
from router.feed.changes import Changes
from router.life.event_types import OrderEvent
from router.log.columns import EventResult
from router.tracking.carriers import carriers_named
from router.tracking.numbers import fault, normalise
from router.work.item import WorkItem, kept_text
from router.work.own_item import own_item
from router.work.shipment import SHIPMENT_ID

_known = functools.lru_cache(maxsize=1_024)(lambda carrier: bool(carriers_named(carrier)))


class _Ship(NamedTuple):
    """A ``ship`` that an order took."""

    order_id: str
    channel: str
    seller: str
    order_version: int
    carrier: str
    tracking_number: str
    shipment_id: str
    shipped_ms: int
    order_key: str


_NAMES = ("tracking_number", "shipment_id")
_COLUMNS = ("order_id", "channel", "seller", "version", "carrier", "tracking_number", "shipment_id", "received_at_ms")


class Parcels:
    columns = ("hash_hi", "hash_lo", "event", "result", *_COLUMNS)

    def __init__(self, keeps: bool, answer_ms: int) -> None:
        """``keeps``: tracking numbers, for carriers that tell of parcels by them; ``answer_ms``: people have for an
        item."""
        self._keeps = keeps
        self._answer_ms = answer_ms

    def keep(self, connection: Connection, changes: Sequence[Changes]) -> None:
        """In the transaction of the reader."""
        ships = [ship for part in changes for ship in _ships(part)]
        items.add(connection, [item for ship in ships for item in self._mistyped(ship)])
        if self._keeps:
            parcels.add(connection, [_parcel(ship) for ship in ships if ship.tracking_number])
        for ship in ships:
            if SHIPMENT_ID.fullmatch(ship.shipment_id):
                _settle(connection, ship)

    def _mistyped(self, ship: _Ship) -> Iterator[WorkItem]:
        """A carrier's number with another check digit than the carrier's."""
        wrong = fault(ship.tracking_number, ship.carrier) if ship.tracking_number and _known(ship.carrier) else None
        if wrong is not None:
            cause, why = f"{ship.order_key}:{ship.order_version}", f"{ship.tracking_number}: {wrong.words}"
            yield own_item("tracking_check", ship, cause, why, ship.shipped_ms, self._answer_ms)


def _ships(changes: Changes) -> list[_Ship]:
    """Those that name a parcel."""
    batch = changes.batch
    is_ship = (numbers(batch, "event") == OrderEvent.SHIP) & (numbers(batch, "result") == EventResult.APPLIED)
    if not is_ship.any():
        return []
    rows = select(batch, np.flatnonzero(is_ship))
    is_named = pc.or_(*(pc.greater(pc.utf8_length(rows.column(name)), 0) for name in _NAMES))
    columns = rows.filter(is_named).select(Parcels.columns).to_pydict()
    keys = [f"{hi:016x}{lo:016x}" for hi, lo in zip(columns["hash_hi"], columns["hash_lo"], strict=True)]
    return [_Ship._make(each) for each in zip(*(columns[name] for name in _COLUMNS), keys, strict=True)]


def _parcel(ship: _Ship) -> Parcel:
    return Parcel(
        tracking_number=kept_text(normalise(ship.tracking_number)),
        order_key=ship.order_key,
        order_id=kept_text(ship.order_id),
        channel=kept_text(ship.channel),
        seller=kept_text(ship.seller),
        shipment_id=kept_text(ship.shipment_id),
        shipped_ms=ship.shipped_ms,
    )


def _settle(connection: Connection, ship: _Ship) -> None:
    """A shipment of the desk that a warehouse reported by itself has left, too."""
    shipment = shipments.find(connection, ship.shipment_id)
    if shipment is not None and shipment.order_key == ship.order_key and shipment.state == "labelled":
        left = shipment.now("shipped", ship.shipped_ms, shipped_version=ship.order_version)
        shipments.put(connection, left)
