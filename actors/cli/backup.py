"""``order-router backup``: a copy of a data folder, taken while a router may be running on it."""

from __future__ import annotations

import argparse
import pathlib
from typing import Any

from actors.cli.output import Progress, add_json_flag, print_result


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "backup",
        help="copy a data folder while a router runs on it",
        description="Copies logs, tables and keys as they were at one moment: everything acknowledged before the "
        "command began is in the copy, with the decision that was acknowledged. Reads the copy whole before it says "
        "so. The copy holds personal data and the admin key; `order-router restore` makes a data folder of it.",
    )
    parser.add_argument("data", type=pathlib.Path, metavar="DIR", help="data folder")
    parser.add_argument("--to", type=pathlib.Path, required=True, metavar="BACKUP", help="a new or empty folder")
    add_json_flag(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    import msgspec

    from actors.care.backup import backup
    from actors.store.data_folder import DataFolder

    progress = Progress()
    summary = backup(DataFolder(arguments.data), arguments.to, progress.show)
    progress.done()
    text = (
        f"{arguments.to}: shards up to record {', '.join(map(str, summary.shards))} ({summary.added} inputs added), "
        f"ledger up to record {summary.ledger}, tables {summary.tables}; {len(summary.files)} files, "
        f"{summary.bytes:,} bytes in {summary.took_ms / 1000:.1f} s, read whole\n"
        f"cursor of the status stream behind it: {summary.cursor}"
    )
    print_result(arguments.json, msgspec.to_builtins(summary), text)
    return 0
