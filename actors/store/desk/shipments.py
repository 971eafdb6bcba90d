"""Shipments and the labels that carriers made for them, in the desk's database."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from actors.store.desk.database import insert_new
from actors.store.desk.schema import LABELS, SHIPMENTS
from router.work.shipment import LabelForm, Shipment

LABELS_KEPT_MS = 180 * 86_400_000  # a label is printed again within days; half a year is enough for claims


class KeptLabel(NamedTuple):
    shipment_id: str
    form: LabelForm
    content: bytes
    made_ms: int


def add(connection: Connection, shipment: Shipment) -> None:
    connection.execute(insert(SHIPMENTS).values(**msgspec.structs.asdict(shipment)))


def put(connection: Connection, shipment: Shipment) -> None:
    is_it = SHIPMENTS.c.shipment_id == shipment.shipment_id
    connection.execute(update(SHIPMENTS).where(is_it).values(**msgspec.structs.asdict(shipment)))


def find(connection: Connection, shipment_id: str) -> Shipment | None:
    row = connection.execute(select(SHIPMENTS).where(SHIPMENTS.c.shipment_id == shipment_id)).one_or_none()
    return None if row is None else Shipment(**row._mapping)


def of_order(connection: Connection, order_key: str) -> list[Shipment]:
    """In the order in which they were asked for."""
    is_of = SHIPMENTS.c.order_key == order_key
    rows = connection.execute(select(SHIPMENTS).where(is_of).order_by(SHIPMENTS.c.shipment_id))
    return [Shipment(**row._mapping) for row in rows]


def tracked(connection: Connection, tracking_number: str) -> list[Shipment]:
    """Those that have this number, whoever carries them."""
    rows = connection.execute(select(SHIPMENTS).where(SHIPMENTS.c.tracking_number == tracking_number))
    return [Shipment(**row._mapping) for row in rows]


def keep_label(connection: Connection, label: KeptLabel) -> None:
    insert_new(connection, LABELS, [label._asdict()], ["shipment_id"])


def label_of(connection: Connection, shipment_id: str) -> KeptLabel | None:
    row = connection.execute(select(LABELS).where(LABELS.c.shipment_id == shipment_id)).one_or_none()
    return None if row is None else KeptLabel(*row)


def label_forms(connection: Connection, shipment_ids: list[str]) -> dict[str, LabelForm]:
    """In which form each label is kept, without reading it."""
    query = select(LABELS.c.shipment_id, LABELS.c.form).where(LABELS.c.shipment_id.in_(shipment_ids))
    return {row.shipment_id: row.form for row in connection.execute(query)}


def forget_label(connection: Connection, shipment_id: str) -> None:
    connection.execute(delete(LABELS).where(LABELS.c.shipment_id == shipment_id))


def forget_labels(connection: Connection, now_ms: int) -> None:
    connection.execute(delete(LABELS).where(LABELS.c.made_ms < now_ms - LABELS_KEPT_MS))
