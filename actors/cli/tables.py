"""``order-router tables``: reference tables of a running router, row by row or whole; versions of a data folder."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import pathlib
import sys
from typing import TYPE_CHECKING, Any

from actors.cli.daily import given_query, router_of
from actors.cli.output import Progress, add_json_flag, add_server_flags, print_result, rfc3339, whole_number
from actors.cli.table_files import bodies_of, put_table, told, write_table
from router.tables.names import TABLES

if TYPE_CHECKING:
    from actors.store.data_folder import DataFolder
    from actors.store.table_store import TableStore


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "tables",
        help="get, put and patch reference tables; list versions, take the newest back",
        description="`get`, `put`, `patch` and `versions` ask a running router; `list` and `take-back` work on the "
        "data folder of one.",
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
    _add_asking(actions)
    return parser


def _add_asking(actions: Any) -> None:
    """The actions that ask a running router."""
    get = actions.add_parser("get", help="a table as it is, in a form that `put` takes; stock as it lies there now")
    put = actions.add_parser(
        "put", help="replace a table by the rows of a file, all of it or nothing; of stock set the cells that it names"
    )
    patch = actions.add_parser("patch", help="change, add and remove single rows by their key")
    versions = actions.add_parser("versions", help="every version, and what it replaced")
    for action in (get, put, patch):
        action.add_argument("table", choices=TABLES)
    get.add_argument("--csv", action="store_true", help="as CSV instead of JSON lines")
    get.add_argument("--version", type=whole_number(1), help="as it was put then")
    get.add_argument("--out", type=pathlib.Path, metavar="FILE", help="write it there instead of standard output")
    for action in (put, patch):
        action.add_argument(
            "file", metavar="FILE", help="JSON lines, or CSV where it is called so; - is standard input"
        )
        action.add_argument("--replace", action="store_true", help="also where rows go that have stock or open orders")
    for action in (get, put, patch, versions):
        add_server_flags(action)
        add_json_flag(action)


def run(arguments: argparse.Namespace) -> int:
    if arguments.action in ASKING:
        ASKING[arguments.action](arguments)
        return 0
    return _run_on_folder(arguments)


def _get(arguments: argparse.Namespace) -> None:
    from actors.client.asking import CSV, NDJSON, path_of

    query = given_query(arguments, ("version",))
    target = sys.stdout.buffer if arguments.out is None else arguments.out.open("wb")
    with router_of(arguments) as router:
        pieces = router.pieces(
            "GET", path_of("tables", arguments.table), query, accept=CSV if arguments.csv else NDJSON
        )
        rows = 0
        for piece in pieces:
            target.write(piece)
            rows += piece.count(b"\n")
        target.flush()
    if arguments.out is not None:
        target.close()
        rows -= arguments.csv  # its header
        written = {"table": arguments.table, "rows": rows, "file": str(arguments.out)}
        print_result(arguments.json, written, f"{arguments.table}: {rows:,} lines written to {arguments.out}")


def _put(arguments: argparse.Namespace) -> None:
    with router_of(arguments) as router:
        *_, done = put_table(router, arguments.table, [arguments.file], arguments.replace)
    print_result(arguments.json, done, told(done))


def _patch(arguments: argparse.Namespace) -> None:
    """In one body, whatever the table: all of it or nothing."""
    [body] = bodies_of(arguments.table, [arguments.file])
    with router_of(arguments) as router:
        done = write_table(router, "PATCH", arguments.table, body, arguments.replace)
    print_result(arguments.json, done, told(done))


def _versions(arguments: argparse.Namespace) -> None:
    with router_of(arguments) as router:
        found = router.json("GET", "/v1/tables")
    text = "\n".join(f"{each['version']:>7}  {each['table']:<12}{each['at']}" for each in found["versions"])
    print_result(arguments.json, found, text or "No table was loaded yet.")


ASKING = {"get": _get, "put": _put, "patch": _patch, "versions": _versions}


def _run_on_folder(arguments: argparse.Namespace) -> int:
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
