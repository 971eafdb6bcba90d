"""Showing: the order index, which is what readers see, takes what a durable batch did to its orders."""

from __future__ import annotations

import numpy as np

from kernels.life import layout
from router.life.books import Judged
from router.log.reference import references
from router.shard.engine import ShardEngine


def show_judged(engine: ShardEngine, sequence: int, judged: Judged) -> None:
    """State, version and newest record of every order that a batch changed; the last event of an order counts."""
    applied = np.flatnonzero(judged.verdicts["result"] == layout.APPLIED)
    rows, states, versions = (
        np.ascontiguousarray(judged.verdicts[name][applied]) for name in ("row", "after", "version")
    )
    engine.index.put(rows, references(sequence, len(judged.verdicts))[applied], states, versions.view(np.uint32))
