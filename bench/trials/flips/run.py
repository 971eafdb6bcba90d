"""``order-router bench flips``: every bit of a small folder, many of a large one."""

from __future__ import annotations

import os
import pathlib
import random
import shutil
import tempfile
import time
from typing import Any

from bench.harness import report as _harness
from bench.trials.flips.files import flip_checkpoint, flip_identity, flip_tables
from bench.trials.flips.folders import large_folder, small_folder
from bench.trials.flips.logs import flip_large, flip_log, flip_records, flip_without_the_check

LARGE_ORDERS = 65_536
LARGE_SAMPLE = 64
ALONE_SAMPLE = 256
FOLDER_OF_FILES = "/dev/shm"  # files are written and mapped anew for every bit
TOLD = 10


def run(flips: int, seconds: float, seed: int, every: int = 1, orders: int = LARGE_ORDERS) -> dict[str, Any]:
    """``violations`` is empty when nothing was missed. Random bits end after ``flips`` or ``seconds``; of the small
    folder each ``every``-th bit is turned."""
    conditions, rng = _harness.conditions(), random.Random(seed)
    home = pathlib.Path(tempfile.mkdtemp(dir=FOLDER_OF_FILES if os.path.isdir(FOLDER_OF_FILES) else None))
    try:
        began_s = time.monotonic()
        small = small_folder(home / "small")
        tallies = {
            "shard_log": flip_log(small.shard(0), 2, rng, every),
            "ledger_log": flip_log(small.ledger, 1, rng, every),
            "checkpoint": flip_checkpoint(small.ledger, every),
            "tables": flip_tables(small, every),
            "identity": flip_identity(small, every),
        }
        every_bit_s = time.monotonic() - began_s
        alone = flip_without_the_check(small.shard(0), 2, rng, ALONE_SAMPLE)
        large = large_folder(home / "large", orders)
        began_s = time.monotonic()
        tallies["random_bits"] = flip_records(large.shard(0), flips, seconds, rng)
        random_s = time.monotonic() - began_s
        tallies["large_log"] = flip_large(large.shard(0), 2, rng, LARGE_SAMPLE)
    finally:
        shutil.rmtree(home)
    missed = [f"{name}: {what}" for name, tally in tallies.items() for what in tally.missed]
    return {
        "bench": "flips",
        **{name: tally.as_dict() for name, tally in tallies.items()},
        "every_bit_s": round(every_bit_s, 1),
        "random_bits_per_s": round(tallies["random_bits"].found / random_s),
        "lmdb_alone": alone,
        "seed": seed,
        "violation_count": len(missed),
        "violations": missed[:TOLD],
        "conditions": conditions,
    }
