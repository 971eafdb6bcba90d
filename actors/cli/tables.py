"""``order-router tables``: the versions of the reference tables of a data folder, and the way back from one."""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import pathlib
from typing import Any

from actors.cli.output import Progress, add_json_flag, print_result, whole_number


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "tables",
        help="list versions of the reference tables, take the newest back",
        description="Works on the data folder. Examples: order-router tables list --data var/shop; "
        "order-router tables take-back --data var/shop",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listed = actions.add_parser("list", help="every version, what it replaced, and the memory it takes in a process")
    back = actions.add_parser(
        "take-back",
        help="let the newest version be what an earlier one was; while the router is stopped",
        description="For a folder that does not start because its newest version cannot be loaded. Makes a new version "
        "that is what an earlier one was. Refused where records were decided with a version between. Reads all logs.",
    )
    back.add_argument(
        "--to",
        type=whole_number(1),
        metavar="VERSION",
        help="what the newest version shall be again (default: the one before the last that was compiled)",
    )
    for action in (listed, back):
        action.add_argument("--data", required=True, type=pathlib.Path, metavar="DIR", help="data folder of the router")
        add_json_flag(action)
    return parser


def run(arguments: argparse.Namespace) -> int:
    from actors.store.data_folder import DataFolder

    data = DataFolder(arguments.data)
    data.identity()
    if arguments.action == "list":
        _list(arguments)
    else:
        _take_back(arguments)
    return 0


def _list(arguments: argparse.Namespace) -> None:
    from actors.store.data_folder import DataFolder
    from actors.store.table_store import TableStore

    store = TableStore(DataFolder(arguments.data).tables)
    found: list[dict[str, object]] = [
        {
            "version": number,
            "table": entry.table,
            "made_at": dt.datetime.fromtimestamp(entry.now_ms / 1000, dt.UTC).isoformat(timespec="seconds"),
            "bytes_a_process": store.extent(number).bytes,
        }
        for number, entry in enumerate(store.versions(), 1)
    ]
    text = "\n".join(
        f"{row['version']:>7}  {row['table']:<12}{row['made_at']}  {row['bytes_a_process']:>16,} bytes" for row in found
    )
    print_result(arguments.json, {"versions": found}, text or "No table was loaded yet.")


def _take_back(arguments: argparse.Namespace) -> None:
    from actors.care.take_back import take_back
    from actors.store.data_folder import DataFolder, now_ms

    data, progress = DataFolder(arguments.data), Progress()
    lock = data.lock()
    try:
        done = take_back(data, arguments.to, now_ms(), progress.show)
    finally:
        lock.close()
    progress.done()
    numbers = ", ".join(map(str, done.taken_back))
    text = f"Versions {numbers} are taken back: version {done.as_version} is what version {done.like} was."
    print_result(arguments.json, dataclasses.asdict(done), text)
