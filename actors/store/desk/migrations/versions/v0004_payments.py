"""Requests for money, what is known of the orders they are about, and partners' figures beside the books."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "pay_orders",
        _text("order_key"),
        sa.Column("failures", sa.Integer, nullable=False),
        *map(_text, ("plan", "agreed_by")),
        *map(_number, ("agreed_ms", "before_minor", "shipped_ms", "next_ms")),
        sa.PrimaryKeyConstraint("order_key", name="pk_pay_orders"),
    )
    op.create_index("ix_pay_orders_next_ms", "pay_orders", ["next_ms"])
    op.create_table(
        "pay_requests",
        *map(_text, ("request_id", "order_key", "order_id", "channel", "seller")),
        _number("order_version"),
        _text("currency"),
        _number("amount_minor"),
        sa.Column("instalment", sa.Integer, nullable=False),
        *map(_text, ("method", "partner", "state")),
        sa.Column("closing", sa.Integer, nullable=False),
        *map(_text, ("payment_id", "pay_url")),
        *map(_number, ("paid_minor", "expires_ms")),
        *map(_text, ("detail", "asked_by")),
        *map(_number, ("asked_ms", "changed_ms")),
        sa.PrimaryKeyConstraint("request_id", name="pk_pay_requests"),
    )
    op.create_index("ix_pay_requests_order_key", "pay_requests", ["order_key"])
    op.create_index("ix_pay_requests_payment_id", "pay_requests", ["payment_id"])
    op.create_index("ix_pay_requests_state_expires_ms", "pay_requests", ["state", "expires_ms"])
    op.create_table(
        "reconciliations",
        *map(_text, ("run_id", "partner", "day", "state", "figures", "answer", "detail", "asked_by")),
        _number("asked_ms"),
        sa.PrimaryKeyConstraint("run_id", name="pk_reconciliations"),
    )
    op.create_index("ix_reconciliations_state", "reconciliations", ["state"])


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)
