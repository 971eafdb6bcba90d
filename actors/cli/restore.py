"""``order-router restore``: a data folder from a backup, verified."""

from __future__ import annotations

import argparse
import pathlib
from typing import Any

from actors.cli.first_start import compile_kernels
from actors.cli.output import Progress, add_json_flag, print_result


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "restore",
        help="make a data folder of a backup, and verify it",
        description="Compares every file with the checksum it was backed up with, copies them to a new folder and runs "
        "`verify` on it. Exit code 0 = the folder is whole, start `serve` on it; 1 = it is not.",
    )
    parser.add_argument("backup", type=pathlib.Path, metavar="BACKUP", help="folder made by `order-router backup`")
    parser.add_argument("--to", type=pathlib.Path, required=True, metavar="DIR", help="a new or empty folder")
    add_json_flag(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    compile_kernels()
    from actors.care.backup import restore
    from actors.cli import verify
    from actors.store.data_folder import DataFolder

    progress = Progress()
    summary = restore(arguments.backup, arguments.to, progress.show)
    verdict = verify.verdict_of(DataFolder(arguments.to), progress)
    progress.done()
    text = (
        f"{verify.as_text(verdict)}\nrestored to {arguments.to}, {summary.bytes:,} bytes; "
        f"followers of the status stream go on from cursor {summary.cursor}"
    )
    print_result(arguments.json, {**verdict, "cursor": summary.cursor, "bytes": summary.bytes}, text)
    return 0 if verdict["ok"] else 1
