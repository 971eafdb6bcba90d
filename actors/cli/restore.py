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
        description="Copies every file that the backup lists, compares it with the checksum it was backed up with, and "
        "runs `verify` on the copy. Exit code 0 = the folder is whole, start `serve` on it; 1 = it is not, and nothing "
        "is made.",
    )
    parser.add_argument("backup", type=pathlib.Path, metavar="BACKUP", help="folder made by `order-router backup`")
    parser.add_argument("--to", type=pathlib.Path, required=True, metavar="DIR", help="a new or empty folder")
    add_json_flag(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    compile_kernels()
    from actors.care.restore import restore
    from actors.cli import verify
    from actors.store.data_folder import DataFolder
    from router.errors import Damaged

    progress, verdicts = Progress(), list[dict[str, Any]]()

    def is_whole(folder: DataFolder) -> bool:
        verdicts.append(verify.verdict_of(folder, progress))
        return bool(verdicts[-1]["ok"])

    try:
        summary = restore(arguments.backup, arguments.to, progress.show, is_whole)
    except Damaged as fault:
        if not verdicts:
            raise
        progress.done()
        print_result(arguments.json, verdicts[-1], f"{verify.as_text(verdicts[-1])}\n{fault}")
        return 1
    progress.done()
    text = (
        f"{verify.as_text(verdicts[-1])}\nrestored to {arguments.to}, {summary.bytes:,} bytes; "
        f"followers of the status stream go on from cursor {summary.cursor}"
    )
    print_result(arguments.json, {**verdicts[-1], "cursor": summary.cursor, "bytes": summary.bytes}, text)
    return 0
