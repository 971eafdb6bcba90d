"""Why things that were sent were refused: how many for each reason, and the first few of them to show."""

from __future__ import annotations

import collections
from typing import Any

EXAMPLES_MAX = 3  # of a reason


class Reasons:
    def __init__(self) -> None:
        self.counts: collections.Counter[str] = collections.Counter()
        self.examples: dict[str, list[dict[str, Any]]] = {}

    def add(self, reason: str, example: dict[str, Any]) -> None:
        """One more; ``example`` is kept while there are few."""
        self.counts[reason] += 1
        kept = self.examples.setdefault(reason, [])
        if len(kept) < EXAMPLES_MAX:
            kept.append(example)
