"""Work items, what is due, the outbox, repeats of requests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _desk_and_work()
    _due()
    _outbox()
    _repeats()


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _times(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def _desk_and_work() -> None:
    op.create_table(
        "desk",
        sa.Column("one", sa.Integer, nullable=False),
        *_texts("folder"),
        sa.Column("cursor", sa.Text),
        sa.PrimaryKeyConstraint("one", name="pk_desk"),
    )
    op.create_table(
        "work_items",
        *_texts("work_id", "kind", "queue", "order_key", "order_id", "channel", "seller", "about"),
        *_times("cause_version"),
        *_texts("reason"),
        *_times("raised_ms", "deadline_ms"),
        *_texts("state", "owner"),
        *_times("snoozed_until_ms", "resolved_ms"),
        *_texts("resolved_by", "resolution"),
        sa.PrimaryKeyConstraint("work_id", name="pk_work_items"),
    )
    listed = ["state", "deadline_ms", "work_id"]
    for columns in (["order_key", "kind"], ["order_id"], listed, ["queue", *listed], ["owner", *listed]):
        op.create_index(f"ix_work_items_{'_'.join(columns)}", "work_items", columns)


def _due() -> None:
    op.create_table(
        "due",
        *_times("place"),
        *_texts("kind", "order_key", "order_id", "channel", "seller"),
        *_times("version", "due_ms"),
        sa.PrimaryKeyConstraint("place", "kind", name="pk_due"),
    )
    op.create_index("ix_due_due_ms", "due", ["due_ms"])


def _outbox() -> None:
    numbered = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "outbox",
        sa.Column("number", numbered, autoincrement=True, nullable=False),
        *_texts("event_id", "work_id", "order_key", "event"),
        *_times("made_ms"),
        *_texts("status"),
        *_times("answered_ms"),
        *_texts("answer"),
        sa.PrimaryKeyConstraint("number", name="pk_outbox"),
        sa.UniqueConstraint("event_id", name="uq_outbox_event_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_status_number", "outbox", ["status", "number"])
    op.create_index("ix_outbox_work_id", "outbox", ["work_id"])


def _repeats() -> None:
    op.create_table(
        "repeats",
        *_texts("caller", "key", "digest", "answer"),
        *_times("made_ms"),
        sa.PrimaryKeyConstraint("caller", "key", name="pk_repeats"),
    )
    op.create_index("ix_repeats_made_ms", "repeats", ["made_ms"])
