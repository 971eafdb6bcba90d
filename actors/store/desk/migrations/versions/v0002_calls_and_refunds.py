"""Calls to partners, their breakers, refunds and their parts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _calls()
    _refunds()


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def _calls() -> None:
    op.create_table(
        "calls",
        *_texts("partner", "key", "state"),
        *_numbers("next_at_ms"),
        *_texts("call"),
        sa.PrimaryKeyConstraint("partner", "key", name="pk_calls"),
    )
    op.create_index("ix_calls_partner_state_next_at_ms", "calls", ["partner", "state", "next_at_ms"])
    op.create_table("breakers", *_texts("partner", "breaker"), sa.PrimaryKeyConstraint("partner", name="pk_breakers"))


def _refunds() -> None:
    op.create_table(
        "refunds",
        *_texts("refund_id", "order_key", "order_id", "channel", "seller"),
        *_numbers("order_version"),
        *_texts("currency"),
        *_numbers("amount_minor"),
        *_texts("lines", "reason", "approval", "asked_by"),
        *_numbers("asked_ms"),
        sa.PrimaryKeyConstraint("refund_id", name="pk_refunds"),
    )
    op.create_index("ix_refunds_order_key", "refunds", ["order_key"])
    op.create_table(
        "refund_parts",
        *_texts("refund_id"),
        sa.Column("number", sa.Integer, nullable=False),
        *_texts("payment_id", "partner"),
        *_numbers("amount_minor"),
        *_texts("state", "detail"),
        *_numbers("changed_ms"),
        sa.PrimaryKeyConstraint("refund_id", "number", name="pk_refund_parts"),
    )
