"""The order index is a dict from id to row; its table is an addressing rule over a growing run of segments."""

from __future__ import annotations

from tests.reference.rows.fingerprint import MASK, absorb, scatter

Id = tuple[int, int]  # (hi, lo)


def insert_ids(ids: list[Id], index: dict[Id, int]) -> tuple[list[int], list[int]]:
    """(rows, fresh); an id not known takes the next row."""
    rows, fresh = [], []
    for known in ids:
        fresh.append(int(known not in index))
        rows.append(index.setdefault(known, len(index)))
    return rows, fresh


def find_ids(ids: list[Id], index: dict[Id, int]) -> list[int]:
    """The row of each id, -1 where it is not known."""
    return [index.get(known, -1) for known in ids]


def segment_of(hi: int, segments: int) -> int:
    """tag mod 2^k for the smallest 2^k >= segments, or mod 2^(k-1) where that segment does not exist yet."""
    power = 1
    while power < segments:
        power *= 2
    segment = (hi >> 32) % power
    return segment if segment < segments else (hi >> 32) % (power // 2)


def split_segment(segments: int, members: list[set[int]]) -> list[set[int]]:
    """Entries (tag << 32 | row + 1) of every segment after one more was appended."""
    assert len(members) == segments
    grown: list[set[int]] = [set() for _ in range(segments + 1)]
    for entries in members:
        for entry in entries:
            grown[segment_of(entry, segments + 1)].add(entry)
    return grown


def fold_rows(rows: list[tuple[int, int, int, int, int]]) -> int:
    """Sum of a mix of (hi, lo, reference, state, version), modulo 2^64."""
    total = 0
    for hi, lo, reference, state, version in rows:
        mixed = absorb(absorb(absorb(0, hi), lo), reference)
        total += scatter(absorb(mixed, state << 32 | version))
    return total & MASK


def put_rows(rows: list[int], given: list[tuple[int, int, int]], kept: list[tuple[int, int, int]]) -> None:
    """(reference, state, version) of each row, the last one where a row is named again."""
    for row, values in zip(rows, given, strict=True):
        kept[row] = values
