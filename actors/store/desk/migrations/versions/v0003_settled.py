"""When the cause of a work item ended, whoever resolved the item."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Of what was resolved before, nobody knows: 0, as of a cause that stands."""
    op.add_column("work_items", sa.Column("settled_ms", sa.BigInteger, nullable=False, server_default="0"))
