"""Names of the actors of a data folder, inside its Ray namespace."""

from __future__ import annotations

LEDGER = "ledger"
TABLES = "tables"


def shard_name(number: int) -> str:
    return f"shard-{number:03d}"


def engine_names(shards: int) -> list[str]:
    """The ledger first: shards depend on it."""
    return [LEDGER, *(shard_name(number) for number in range(shards))]
