"""Lines of an order that are called the same, by their names in a dictionary."""

from __future__ import annotations


def repeated_name(line_ids: list[str]) -> int | None:
    """Place of the first line with the line_id of an earlier one; else of the first that is called by the number of
    another without one; None where all have names of their own."""
    for place, name in enumerate(line_ids):
        if name and name in line_ids[:place]:
            return place
    by_number = {str(number) for number, name in enumerate(line_ids, 1) if not name}
    return next((place for place, name in enumerate(line_ids) if name in by_number), None)
