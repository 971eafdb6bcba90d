"""Showing: the order index, which is what readers see, takes what a durable batch did to its orders."""

from __future__ import annotations

import numpy as np

from router.life.books import Judged, last_applied
from router.log.reference import references
from router.shard.engine import ShardEngine


def show_judged(engine: ShardEngine, sequence: int, judged: Judged) -> None:
    """State, version and newest record of every order that a batch changed."""
    last = last_applied(judged)
    verdicts = judged.verdicts[last]
    engine.index.set_state(verdicts["row"], verdicts["after"], verdicts["version"].astype(np.uint32))
    engine.index.set_reference(verdicts["row"], references(sequence, len(judged.verdicts))[last])
