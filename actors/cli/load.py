"""``order-router load``: put reference tables into a running router."""

from __future__ import annotations

import argparse
import pathlib
from typing import TYPE_CHECKING, Any

from actors.cli.daily import router_of
from actors.cli.output import Progress, UsageError, add_json_flag, add_server_flags, print_result
from actors.cli.table_files import put_table, told
from router.tables.names import TABLES

if TYPE_CHECKING:
    from actors.client.asking import Router


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "load",
        help="put reference tables into a router",
        description="Replaces a table by the rows of the files (JSON lines, or CSV with a header row; plain, .gz or "
        ".zst), by an empty one when they hold none; of stock only the cells named are set. `load all FOLDER` loads "
        "every table that the folder has a file of, skus.ndjson or nodes.csv say. Nothing of a table is applied when "
        "one row is bad.",
    )
    add_server_flags(parser)
    parser.add_argument("--replace", action="store_true", help="also where rows go that have stock or open orders")
    parser.add_argument("table", choices=("all", *TABLES))
    parser.add_argument("files", nargs="+", metavar="FILE")
    add_json_flag(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    named = _of_folder(arguments.files) if arguments.table == "all" else [(arguments.table, arguments.files)]
    results, progress = list[dict[str, Any]](), Progress()
    with router_of(arguments) as router:
        for table, files in named:
            results.append(_put(router, table, files, arguments.replace, progress))
            if "errors" in results[-1]:
                break  # later tables refer to this one
    progress.done()
    print_result(arguments.json, {"tables": results}, "\n".join(map(_as_text, results)))
    return 1 if "errors" in results[-1] else 0


def _of_folder(folders: list[str]) -> list[tuple[str, list[str]]]:
    if len(folders) != 1 or not pathlib.Path(folders[0]).is_dir():
        raise UsageError("`load all` takes one folder that holds files such as skus.ndjson.")
    found = []
    for table in TABLES:
        files = sorted(path for path in pathlib.Path(folders[0]).iterdir() if path.name.split(".")[0] == table)
        if files:
            found.append((table, list(map(str, files))))
    if not found:
        raise UsageError(f"{folders[0]} holds no table; a table's file is called skus.ndjson, nodes.csv and so on.")
    return found


def _put(router: Router, table: str, files: list[str], replace: bool, progress: Progress) -> dict[str, Any]:
    """What the router said of all rows; with ``errors`` where it refused some, every other fault is raised."""
    from actors.client.asking import RequestRefused

    done: dict[str, Any] = {"table": table, "rows": 0}
    progress.show(f"loading {table}")
    try:
        for done in put_table(router, table, files, replace):
            progress.show(f"loading {table}: {done['rows']:,} rows")
    except RequestRefused as fault:
        if "errors" not in fault.problem:
            raise
        return done | fault.problem
    return done


def _as_text(result: dict[str, Any]) -> str:
    from actors.client.asking import findings

    if "errors" not in result:
        return told(result)
    refused = f"{result['table']}: refused, nothing applied; {result.get('detail', '')}"
    return "\n".join([refused, *findings(result["errors"])])
