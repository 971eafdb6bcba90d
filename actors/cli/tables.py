"""``order-router tables``: the versions of the reference tables of a data folder, and the way back from one."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import pathlib
from typing import TYPE_CHECKING, Any

from actors.cli.output import Progress, add_json_flag, print_result, rfc3339, whole_number

if TYPE_CHECKING:
    from actors.store.data_folder import DataFolder
    from actors.store.table_store import TableStore


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
        _list(data, arguments.json)
    else:
        _take_back(data, arguments.to, arguments.json)
    return 0


def _list(data: DataFolder, as_json: bool) -> None:
    from actors.store.table_store import TableStore

    store = TableStore(data.tables)
    found: list[dict[str, object]] = [
        {
            "version": number,
            "table": entry.table,
            "made_at": rfc3339(entry.now_ms),
            "bytes_a_process": _bytes_of(store, number),
        }
        for number, entry in enumerate(store.versions(), 1)
    ]
    text = "\n".join(
        f"{row['version']:>7}  {row['table']:<12}{row['made_at']}  "
        + ("missing or damaged" if row["bytes_a_process"] is None else f"{row['bytes_a_process']:>16,} bytes")
        for row in found
    )
    print_result(as_json, {"versions": found}, text or "No table was loaded yet.")


def _bytes_of(store: TableStore, version: int) -> int | None:
    """None where its file cannot be read: the others are listed all the same, for one of them it may become again."""
    from router.errors import Damaged

    try:
        return store.extent(version).bytes
    except Damaged:
        return None


def _take_back(data: DataFolder, to: int | None, as_json: bool) -> None:
    from actors.care.take_back import take_back
    from actors.store.data_folder import now_ms

    progress = Progress()
    with contextlib.closing(data.lock()):
        done = take_back(data, to, now_ms(), progress.show)
    progress.done()
    numbers = ", ".join(map(str, done.taken_back))
    text = f"Versions {numbers} are taken back: version {done.as_version} is what version {done.like} was."
    print_result(as_json, dataclasses.asdict(done), text)
