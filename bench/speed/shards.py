"""Does an order cost the same however many shards there are?

1, 2, 4 and 8 shards with the ledger in one process on real logs, the same orders, batches as large as a gateway makes
them: every batch is split over all shards. Figures are processor time of the whole process, all threads, so they say
what more shards cost, not what more cores gain.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from bench.harness import report as _harness
from bench.harness.answers import WrongAnswers
from bench.harness.local import NOW_MS, LocalHome, config_for
from bench.harness.pieces import make_pieces
from bench.harness.streaming import Piece
from bench.harness.workload import Workload
from bench.speed.pipeline import wire_batches

SHARDS = (1, 2, 4, 8)
WARM_UP_PART = 5
COST_MAX = 1.25  # of the largest number of shards to one shard; above it the cost is not called flat


def run(orders: int, counts: Sequence[int] = SHARDS) -> dict[str, Any]:
    workload, conditions = Workload(), _harness.conditions()
    pieces = make_pieces(workload, "arrow", orders, 0)
    cost_us, decided = {}, set()
    for count in counts:
        cost_us[str(count)], allocated = _measure(workload, pieces, orders, count)
        decided.add(allocated)
    if len(decided) != 1:
        raise WrongAnswers(f"Orders allocated differ with the number of shards: {sorted(decided)}.")
    bare = cost_us[str(counts[0])]
    relative = {count: round(us / bare, 3) for count, us in cost_us.items()}
    return {
        "bench": "shards arrow everyday",
        "orders": orders,
        "processor_us_per_order": cost_us,
        "cost_to_one_shard": relative,
        "is_flat": max(relative.values()) <= COST_MAX,
        "new_orders": decided.pop(),
        "conditions": conditions,
    }


def _measure(workload: Workload, pieces: list[Piece], orders: int, count: int) -> tuple[float, int]:
    """Processor µs an order over all but the first batches; orders that were new."""
    with LocalHome(workload, orders, config_for(orders, count)) as home:
        done = counted = new = 0
        used_s = time.process_time()
        for wire in wire_batches("arrow", home.config.limits, pieces):
            duplicate = home.router.submit(wire, NOW_MS).ack.column("duplicate")
            new += wire.count - int(duplicate.to_numpy().sum())
            if done < orders // WARM_UP_PART:
                counted, used_s = 0, time.process_time()
            else:
                counted += wire.count
            done += wire.count
        return round((time.process_time() - used_s) * 1e6 / counted, 3), new
