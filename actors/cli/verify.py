"""``order-router verify``: recompute a data folder."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from actors.cli.first_start import compile_kernels
from actors.cli.output import Progress, add_json_flag, print_result

if TYPE_CHECKING:
    from actors.store.data_folder import DataFolder


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "verify",
        help="recompute a data folder: checksums, gaps, conservation, state hash",
        description="Reads every record of a data folder that no router runs on, replays it, and says whether it is "
        "whole: checksums and chains, no gap in the sequences, what was received = the sum of its accounts for every "
        "SKU and node, the units of every order's books in these accounts, every outcome as the ledger decided it, "
        "and the state hash of checkpoint and tail equal to that of a fresh replay. Exit code 0 = clean, 1 = findings.",
    )
    parser.add_argument("--data", required=True, metavar="DIR")
    add_json_flag(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    compile_kernels()  # each log is read by a process of its own
    from actors.store.data_folder import DataFolder

    progress = Progress()
    verdict = verdict_of(DataFolder(arguments.data), progress)
    progress.done()
    print_result(arguments.json, verdict, as_text(verdict))
    return 0 if verdict["ok"] else 1


def verdict_of(data: DataFolder, progress: Progress) -> dict[str, Any]:
    from actors.care.verify import Verifier

    data.identity()
    config = data.kept_config()
    lock = data.lock()
    try:
        return Verifier(data, config, progress.show).run().as_dict()
    finally:
        lock.close()


def as_text(verdict: dict[str, Any]) -> str:
    lines = [
        f"shard {shard['shard']}: {shard['orders']:,} orders in {shard['batches']:,} batches, "
        f"{shard['decisions_compared']:,} decisions as the ledger made them, state hash {shard['state_hash']}"
        for shard in verdict["shards"]
    ]
    ledger = verdict["ledger"]
    if ledger:
        lines.append(
            f"ledger: {ledger['records']:,} records, {ledger['conservation_broken_cells']} cells out of balance, "
            f"state hash {ledger['state_hash']}"
        )
    lines += [f"WRONG {finding['where']}: {finding['what']}" for finding in verdict["findings"]]
    lines.append(
        f"{'clean' if verdict['ok'] else 'not clean'}: {verdict['orders']:,} orders, state hash {verdict['state_hash']}"
    )
    return "\n".join(lines)
