"""Names of the actors of a data folder, inside its Ray namespace."""

from __future__ import annotations

SHARD = "shard"  # what each of them is; they are numbered
LEDGER = "ledger"
TABLES = "tables"
DESK = "desk"


def shard_name(number: int) -> str:
    return f"{SHARD}-{number:03d}"


def engine_names(shards: int) -> list[str]:
    """The ledger first: shards depend on it."""
    return [LEDGER, *(shard_name(number) for number in range(shards))]


def host_of(name: str, shards: int) -> str:
    """The actor that an engine lives in: with one shard the ledger shares its process, and its calls cost nothing."""
    return shard_name(0) if name == LEDGER and shards == 1 else name
