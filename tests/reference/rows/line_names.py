"""Lines of an order that are called the same, by their names in lists and sets."""

from __future__ import annotations


def repeated_names(orders: list[list[str]]) -> list[int | None]:
    """Of each order's line_ids the place of the first that an earlier line has; else of the first that is the number of
    another line without one; None where all lines have names of their own."""
    return [_repeated(line_ids) for line_ids in orders]


def _repeated(line_ids: list[str]) -> int | None:
    for place, name in enumerate(line_ids):
        if name and name in line_ids[:place]:
            return place
    by_number = {str(number) for number, name in enumerate(line_ids, 1) if not name}
    return next((place for place, name in enumerate(line_ids) if name in by_number), None)
