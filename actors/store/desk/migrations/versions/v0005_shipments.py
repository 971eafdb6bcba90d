"""Shipments, the labels that carriers made for them, and parcels by tracking number."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    _shipments()
    _parcels()


def _shipments() -> None:
    op.create_table(
        "shipments",
        *_texts("shipment_id", "order_key", "order_id", "channel", "seller"),
        *_numbers("order_version"),
        *_texts("node", "lines", "carrier", "service", "partner"),
        *_numbers("weight_g", "price_minor"),
        *_texts("currency"),
        *_days("arrives_day", "promised_day"),
        *_texts("label_form", "tracking_number", "label_id", "state", "detail"),
        sa.Column("is_to_ship", sa.Boolean, nullable=False),
        sa.Column("ship_events", sa.Integer, nullable=False),
        *_numbers("shipped_version"),
        *_texts("asked_by"),
        *_numbers("asked_ms", "changed_ms"),
        sa.PrimaryKeyConstraint("shipment_id", name="pk_shipments"),
    )
    op.create_index("ix_shipments_order_key", "shipments", ["order_key"])
    op.create_index("ix_shipments_tracking_number", "shipments", ["tracking_number"])
    op.create_table(
        "labels",
        *_texts("shipment_id", "form"),
        sa.Column("content", sa.LargeBinary, nullable=False),
        *_numbers("made_ms"),
        sa.PrimaryKeyConstraint("shipment_id", name="pk_labels"),
    )
    op.create_index("ix_labels_made_ms", "labels", ["made_ms"])


def _parcels() -> None:
    op.create_table(
        "parcels",
        *_texts("tracking_number", "order_key", "order_id", "channel", "seller", "shipment_id"),
        *_numbers("shipped_ms"),
        sa.PrimaryKeyConstraint("tracking_number", "order_key", name="pk_parcels"),
    )
    op.create_index("ix_parcels_shipped_ms", "parcels", ["shipped_ms"])


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def _days(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer, nullable=False) for name in names]
