"""``order-router load``: put reference tables into a running router."""

from __future__ import annotations

import argparse
import asyncio
import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from actors.cli.output import Progress, UsageError, add_json_flag, add_server_flags, print_result, read_key
from router.tables.names import TABLES

if TYPE_CHECKING:
    import aiohttp

BODY_BYTES_MAX = 32 << 20  # half of what the router takes by default
TABLE_BYTES_MAX = 128 << 20  # twice as much: a table goes in one body, and a small .gz may unpack to anything
CSV, NDJSON = "text/csv", "application/x-ndjson"


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
    parser.add_argument("files", nargs="+", metavar="FILE", type=pathlib.Path)
    add_json_flag(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    from actors.client.reach import reach

    if arguments.table == "all":
        bodies = _of_folder(arguments.files)
    else:
        bodies = [(arguments.table, arguments.files)]
    query = "?replace=true" if arguments.replace else ""
    reach(arguments.url)
    results = asyncio.run(_put_all(arguments.url.rstrip("/"), read_key(arguments.key), bodies, query))
    failed = [result for result in results if "errors" in result]
    print_result(arguments.json, {"tables": results}, "\n".join(_as_text(result) for result in results))
    return 1 if failed else 0


def _of_folder(folders: list[pathlib.Path]) -> list[tuple[str, list[pathlib.Path]]]:
    if len(folders) != 1 or not folders[0].is_dir():
        raise UsageError("`load all` takes one folder that holds files such as skus.ndjson.")
    found = []
    for table in TABLES:
        files = sorted(path for path in folders[0].iterdir() if path.name.split(".")[0] == table)
        if files:
            found.append((table, files))
    if not found:
        raise UsageError(f"{folders[0]} holds no table; a table's file is called skus.ndjson, nodes.csv and so on.")
    return found


async def _put_all(
    url: str, key: str, bodies: list[tuple[str, list[pathlib.Path]]], query: str
) -> list[dict[str, Any]]:
    import aiohttp

    results, progress = [], Progress()
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=600)) as session:
        for table, files in bodies:
            merged: dict[str, Any] = {"table": table, "rows": 0}
            for media_type, body in _bodies(table, files):
                progress.show(f"loading {table}")
                answer = await _put(session, f"{url}/v1/tables/{table}{query}", media_type, body)
                merged |= {**answer, "rows": merged["rows"] + int(answer.get("rows", 0))}
            results.append(merged)
            if "errors" in merged:
                break  # later tables refer to this one
    progress.done()
    return results


def _bodies(table: str, files: list[pathlib.Path]) -> Iterator[tuple[str, bytes]]:
    """One request body per table, since a PUT replaces it; ``stock`` sets cells, so it may come in pieces."""
    kinds = {_media_type(path) for path in files}
    if len(kinds) > 1 or (kinds == {CSV} and len(files) > 1):
        raise UsageError(f"{table}: several files make one table only when all of them are JSON lines.")
    media_type, pieces, sent = kinds.pop(), list[bytes](), False
    for piece in _pieces(files, media_type):
        pieces.append(piece)
        size = sum(map(len, pieces))
        if table == "stock" and media_type != CSV and size >= BODY_BYTES_MAX:
            yield media_type, b"".join(pieces)
            pieces, sent = [], True
        elif size > TABLE_BYTES_MAX:
            raise UsageError(
                f"{table}: the files hold (unpacked) more than {TABLE_BYTES_MAX:,} bytes, and a router takes half of "
                "that at a time; make the table smaller, or send stock as JSON lines, which go in pieces."
            )
    if pieces or not sent:  # an empty file is an empty table, and has to be said like any other
        yield media_type, b"".join(pieces)


def _pieces(files: list[pathlib.Path], media_type: str) -> Iterator[bytes]:
    """What the files hold, JSON lines as whole lines."""
    from actors.client.sources import open_bytes

    for path in files:
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} is no regular file; write the table into one.")
        with open_bytes(str(path)) as file:
            while chunk := file.read(BODY_BYTES_MAX):
                if media_type == CSV:
                    yield chunk
                else:
                    yield (chunk + file.readline(BODY_BYTES_MAX)).removesuffix(b"\n") + b"\n"


def _media_type(path: pathlib.Path) -> str:
    return CSV if ".csv" in path.suffixes else NDJSON


async def _put(session: aiohttp.ClientSession, url: str, media_type: str, body: bytes) -> dict[str, Any]:
    """The router's answer; a refused table has ``errors``, every other fault is raised in words."""
    import aiohttp
    import msgspec

    from router.errors import Refused, Retryable

    try:
        async with session.put(url, data=body, headers={"Content-Type": media_type}) as response:
            status, raw = response.status, await response.read()
    except (aiohttp.ClientConnectionError, TimeoutError) as fault:
        raise Retryable(f"No router answers at {url} ({fault}); is `order-router serve` running?", 1000) from None
    try:
        answer: dict[str, Any] = msgspec.json.decode(raw, type=dict[str, Any])
    except msgspec.DecodeError:
        answer = {"detail": raw[:200].decode(errors="replace")}
    if status == 200 or "errors" in answer:
        return answer
    raise Refused(f"The router answered {status}: {answer.get('detail') or answer.get('title')}")


def _as_text(result: dict[str, Any]) -> str:
    from actors.client.asking import findings

    if "errors" not in result:
        taken = f"{result['table']}: {result['rows']:,} rows, version {result.get('version')}"
        return "\n".join([taken, *findings(result.get("warnings", []))])
    errors = result["errors"]
    lines = [f"{result['table']}: refused, nothing applied; {result.get('detail', '')}"]
    return "\n".join([*lines, *findings(errors)])
