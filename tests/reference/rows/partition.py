"""Slot, shard, and rows grouped by shard."""

from __future__ import annotations


def shards_of(lo: list[int], shards: int) -> list[int]:
    """4,096 slots, cut into ``shards`` runs."""
    return [(value % 4096) * shards // 4096 for value in lo]


def sort_by_shard(shard: list[int], shards: int) -> tuple[list[int], list[int]]:
    """(order, offsets): row numbers shard by shard, as they came."""
    order: list[int] = []
    offsets = [0]
    for number in range(shards):
        order += [row for row, owner in enumerate(shard) if owner == number]
        offsets.append(len(order))
    return order, offsets
