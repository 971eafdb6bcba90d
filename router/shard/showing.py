"""Showing: the order index, which is what readers see, takes what a durable batch did to its orders."""

from __future__ import annotations

import numpy as np

from kernels.life import layout
from router.life.books import Judged
from router.log.reference import references, sequence_of
from router.shard.engine import ShardEngine


def show_judged(engine: ShardEngine, sequence: int, judged: Judged) -> None:
    """State, version and newest record of every order that a batch changed; the last event of an order counts."""
    applied = np.flatnonzero(judged.verdicts["result"] == layout.APPLIED)
    rows, states, versions = (
        np.ascontiguousarray(judged.verdicts[name][applied]) for name in ("row", "after", "version")
    )
    engine.index.put(rows, references(sequence, len(judged.verdicts))[applied], states, versions.view(np.uint32))


def newest_before(judged: Judged, sequence: int) -> int:
    """The newest record before a batch, which has this sequence, of any order that it names; 0 none."""
    previous = judged.verdicts["previous"]
    sequences = sequence_of(previous[previous >= 0])
    return int(sequences[sequences < sequence].max(initial=0))
