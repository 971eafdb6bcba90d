"""What waits to be picked, waves, blocked bins."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def upgrade() -> None:
    _to_pick()
    _waves()
    op.create_table(
        "blocked_bins",
        *_texts("node", "bin", "reason", "blocked_by"),
        *_numbers("blocked_ms"),
        sa.PrimaryKeyConstraint("node", "bin", name="pk_blocked_bins"),
    )


def _to_pick() -> None:
    op.create_table(
        "to_pick",
        *_texts("order_key", "node"),
        *_numbers("newest", "version"),
        *_texts("carrier"),
        *_numbers("due_ms", "units"),
        *_texts("wave_id"),
        sa.PrimaryKeyConstraint("order_key", "node", name="pk_to_pick"),
    )
    columns = ["node", "wave_id", "due_ms", "order_key"]
    op.create_index("ix_to_pick_node_wave_id_due_ms_order_key", "to_pick", columns)


def _waves() -> None:
    op.create_table(
        "waves",
        *_texts("wave_id", "node", "state", "zone", "carrier"),
        *_numbers("due_before_ms"),
        *_texts("made_by"),
        *_numbers("made_ms", "ended_ms"),
        sa.PrimaryKeyConstraint("wave_id", name="pk_waves"),
    )
    op.create_index("ix_waves_node_wave_id", "waves", ["node", "wave_id"])
    op.create_table(
        "wave_orders",
        *_texts("wave_id", "order_key"),
        sa.Column("number", sa.Integer, nullable=False),
        *_texts("order_id", "channel", "seller"),
        *_numbers("due_ms"),
        *_texts("carrier", "service"),
        *_numbers("told_version"),
        sa.PrimaryKeyConstraint("wave_id", "order_key", name="pk_wave_orders"),
    )
    op.create_table(
        "wave_lines",
        *_texts("wave_id", "order_key"),
        sa.Column("line", sa.Integer, nullable=False),
        *_texts("line_id", "sku", "stops"),
        *_numbers("qty", "picked", "short", "dropped", "packed"),
        *_texts("why"),
        sa.PrimaryKeyConstraint("wave_id", "order_key", "line", name="pk_wave_lines"),
    )
