"""``python -m bench.trials.attack``: every kind of hostile input in turn, and a table; ends with 1 if a bound broke."""

from __future__ import annotations

import argparse
import pathlib
import sys
import time
from collections.abc import Iterator
from typing import Any

import msgspec

from actors.cli.first_start import compile_kernels
from bench.harness import report as _harness
from bench.harness.server import Server
from bench.trials.attack import arrow_bombs, crowds, event_bombs, json_bombs, long_orders, machine, table_bombs
from bench.trials.attack.attack import Attack
from bench.trials.attack.campaign import HEAD, Bounds, Campaign, Row, as_line, nothing

ATTACKS: tuple[Attack, ...] = (
    *arrow_bombs.ATTACKS,
    *json_bombs.ATTACKS,
    *long_orders.ATTACKS,
    *event_bombs.ATTACKS,
    *crowds.ATTACKS,
    *table_bombs.ATTACKS,
)
OF_MACHINE = "machine"
KINDS = tuple(dict.fromkeys([*(attack.kind for attack in ATTACKS), OF_MACHINE]))
# Rows of the attack that this campaign repeats, as they were numbered, for ``--only``.
ROWS = {
    "all": KINDS,
    "row1": ("arrow",),
    "row2": ("lines",),
    "row8": ("documents", "columns", "nesting"),
    "row9": ("tables", "growth"),
    "row10": ("crowds", OF_MACHINE),
}


def main(given: list[str] | None = None) -> int:
    arguments = _parser().parse_args(given)
    bounds = Bounds(extra_mib_max=arguments.memory_mib, p99_ms_max=arguments.p99_ms)
    compile_kernels()
    began_s, conditions = time.monotonic(), _harness.conditions()
    wanted = {kind for named in arguments.only or ["all"] for kind in ROWS.get(named, (named,))}
    rows, left_out = [], list[str]()
    attacks = [attack for attack in ATTACKS if attack.kind in wanted and arguments.name in attack.name]
    if attacks:
        rows += _on_one_router(attacks, bounds, arguments.shards)
    if OF_MACHINE in wanted:
        rows += _on_routers_of_their_own(bounds, left_out)
    result = {"conditions": conditions, "elapsed_s": round(time.monotonic() - began_s, 1), "left_out": left_out}
    if arguments.json:
        rows_of = msgspec.to_builtins({**result, "bounds": bounds, "rows": rows})
        arguments.json.write_bytes(msgspec.json.format(msgspec.json.encode(rows_of)))
    print(as_text(rows, result))
    return 1 if any(row.breaches for row in rows) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.trials.attack", description=__doc__)
    parser.add_argument("--only", choices=[*KINDS, *ROWS], action="append", help="a kind alone; may be repeated")
    parser.add_argument("--name", default="", help="attacks whose name has this in it, and no others")
    parser.add_argument("--shards", type=int, default=2)
    parser.add_argument("--memory-mib", type=float, default=Bounds().extra_mib_max, help="bound of more memory")
    parser.add_argument("--p99-ms", type=float, default=Bounds().p99_ms_max, help="bound of a neighbour's waiting")
    parser.add_argument("--json", type=pathlib.Path, help="write all figures here as well")
    return parser


def _on_one_router(attacks: list[Attack], bounds: Bounds, shards: int) -> list[Row]:
    with Server(shards) as server:
        with Campaign(server, bounds) as campaign:
            rows = list(campaign.run([nothing(), *attacks]))
        server.stop()
        if not server.verify()["ok"]:
            rows[-1].breaches.append("`order-router verify` found the folder damaged afterwards")
    return rows


def _on_routers_of_their_own(bounds: Bounds, left_out: list[str]) -> Iterator[Row]:
    for name, (missing, world) in machine.WORLDS.items():
        if reason := missing():
            left_out.append(f"{name}: {reason}")
            continue
        with world() as (server, attack), Campaign(server, bounds) as campaign:
            yield from campaign.run([attack])


def as_text(rows: list[Row], result: dict[str, Any]) -> str:
    broken, said = sum(len(row.breaches) for row in rows), result["conditions"]
    return "\n".join(
        [
            HEAD,
            *map(as_line, rows),
            *(f"left out: {reason}" for reason in result["left_out"]),
            f"{broken} bounds broken" if broken else "every bound held",
            f"{result['elapsed_s']} s, {said['cpu']}, {said['cores']} cores, {said['memory_gib']} GiB, Linux "
            f"{said['kernel']}, commit {said['commit']}, load before {said['load_before']}",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
