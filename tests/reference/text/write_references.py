"""References to orders as texts."""

from __future__ import annotations


def write_references(shard: list[int], sequence: list[int], row: list[int]) -> list[str]:
    return [f"{s}:{q}:{r}" if s >= 0 else "" for s, q, r in zip(shard, sequence, row, strict=True)]
