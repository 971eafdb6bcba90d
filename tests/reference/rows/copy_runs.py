"""Twin of kernels/rows/copy_runs.py."""

from __future__ import annotations


def copy_runs(first: list[int], count: list[int], values: list[int]) -> list[int]:
    return [value for start, size in zip(first, count, strict=True) for value in values[start : start + size]]


def copy_runs_8(first: list[int], count: list[int], values: list[int]) -> list[int]:
    return copy_runs(first, count, values)


def copy_runs_16(first: list[int], count: list[int], values: list[int]) -> list[int]:
    return copy_runs(first, count, values)


def copy_runs_32(first: list[int], count: list[int], values: list[int]) -> list[int]:
    return copy_runs(first, count, values)


def copy_runs_64(first: list[int], count: list[int], values: list[int]) -> list[int]:
    return copy_runs(first, count, values)


def copy_offsets(first: list[int], count: list[int], offsets: list[int]) -> tuple[list[int], list[int]]:
    lengths = [after - before for before, after in zip(offsets, offsets[1:], strict=False)]
    out, bounds = [0], []
    for start, size in zip(first, count, strict=True):
        bounds += [offsets[start], offsets[start + size]] if size else [0, 0]
        for length in lengths[start : start + size]:
            out.append(out[-1] + length)
    return out, bounds
