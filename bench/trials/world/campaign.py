"""``order-router bench world``: a month is lived and judged; the seed is all of it."""

from __future__ import annotations

import hashlib
import pathlib
import sys
import tempfile
from typing import Any

import msgspec

from bench.harness.report import conditions
from bench.trials.world.goods import SHARDS
from bench.trials.world.judge import looked_at, refund_faults
from bench.trials.world.month import live

FAULTS_TOLD = 20


def run(orders: int, seed: int, days: int, failing_percent: int, folder: str | None = None) -> dict[str, Any]:
    """``folder``: where the data folder is kept afterwards; else it is removed."""
    known = conditions()
    with tempfile.TemporaryDirectory(prefix="world-") as temporary:
        home = pathlib.Path(folder) if folder else pathlib.Path(temporary) / "data"
        month = live(home, orders, seed, days, failing_percent, _show)
        found = looked_at(month, pathlib.Path(temporary) / "rebuilt")
        faults = [*found.faults, *refund_faults(month)]
        month.house.close()
        verdict = month.house.verified()
    faults += [f"verify: {finding.where}: {finding.what}" for finding in verdict.findings]
    checked = {
        "states": dict(sorted(found.states.items())),
        "money_minor": dict(sorted(found.money.items())),
        "work_by_kind": dict(sorted(month.staff.seen.items())),
        "left_in_queues": dict(sorted(found.queued.items())),
        "came_about": dict(sorted(month.town.met.items())),
    }
    return {
        "bench": "world",
        "orders": orders,
        "seed": seed,
        "days": days,
        "failing_percent": failing_percent,
        "shards": SHARDS,
        "simulated_days": round((month.town.agenda.now_ms - month.town.agenda.begin_ms) / 86_400_000, 1),
        "seconds": round(month.seconds, 1),
        "desk_deaths": month.house.deaths,
        "restarts": month.restarts,
        **checked,
        "state_hash": verdict.as_dict()["state_hash"],
        "conditions": known,
        "checksum": hashlib.blake2b(msgspec.json.encode(checked), digest_size=8).hexdigest(),
        "violations": faults[:FAULTS_TOLD]
        + ([f"and {len(faults) - FAULTS_TOLD} more"] if len(faults) > FAULTS_TOLD else []),
    }


def _show(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
