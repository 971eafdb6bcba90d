"""Reference tables as files, and putting them: what ``load`` and ``tables`` share."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from actors.cli.output import UsageError

if TYPE_CHECKING:
    from actors.client.asking import Body, Router

BODY_BYTES_MAX = 32 << 20  # half of what the router takes by default
TABLE_BYTES_MAX = 128 << 20  # twice as much: a table goes in one body, and a small .gz may unpack to anything


def put_table(router: Router, table: str, files: Sequence[str], replace: bool) -> Iterator[dict[str, Any]]:
    """What the router said after each body, the rows of all so far taken together; raises RequestRefused.

    One body a table, since a PUT replaces it; ``stock`` sets cells, so its JSON lines come in pieces.
    """
    done: dict[str, Any] = {"table": table, "rows": 0}
    for body in bodies_of(table, files, in_pieces=table == "stock"):
        answer = write_table(router, "PUT", table, body, replace)
        done |= answer | {"rows": done["rows"] + answer["rows"]}
        yield done


def write_table(router: Router, method: str, table: str, body: Body, replace: bool) -> dict[str, Any]:
    from actors.client.asking import path_of

    answer: dict[str, Any] = router.json(
        method, path_of("tables", table), {"replace": "true"} if replace else None, body
    )
    return answer


def bodies_of(table: str, files: Sequence[str], in_pieces: bool = False) -> Iterator[Body]:
    """What the files hold as one body, or as several of whole JSON lines; at least one, because an empty file is an
    empty table."""
    from actors.client.asking import CSV, Body

    kinds = set(map(_media_type, files))
    if len(kinds) > 1 or (kinds == {CSV} and len(files) > 1):
        raise UsageError(f"{table}: several files make one table only when all of them are JSON lines.")
    media_type, pieces, sent = kinds.pop(), list[bytes](), False
    for piece in _pieces(files, media_type):
        if not sent and not pieces and media_type != CSV:
            _refuse_unnamed_csv(table, files[0], piece)
        pieces.append(piece)
        size = sum(map(len, pieces))
        if in_pieces and media_type != CSV and size >= BODY_BYTES_MAX:
            yield Body(b"".join(pieces), media_type)
            pieces, sent = [], True
        elif size > TABLE_BYTES_MAX:
            raise UsageError(
                f"{table}: the files hold (unpacked) more than {TABLE_BYTES_MAX:,} bytes, and a router takes half of "
                "that at a time; make the table smaller, or send stock as JSON lines, which go in pieces."
            )
    if pieces or not sent:
        yield Body(b"".join(pieces), media_type)


def _refuse_unnamed_csv(table: str, path: str, start: bytes) -> None:
    """A header of CSV where JSON lines are expected: said once, not of every row."""
    from router.tables.row_types import ROW_TYPES

    first = start.lstrip(b"\xef\xbb\xbf").split(b"\n", 1)[0].decode(errors="replace")
    names = {name.strip(' "\r') for name in re.split("[,;\t]", first)}
    if not first.lstrip().startswith(("{", "[")) and names & {*ROW_TYPES[table].__struct_fields__}:
        raise UsageError(
            f"{table}: {path} looks like CSV, for its first line names columns ({first.strip()[:80]}); give it a name "
            "with .csv in it (rows.csv, rows.csv.gz). Files of other names, and standard input, are JSON lines."
        )


def _pieces(files: Sequence[str], media_type: str) -> Iterator[bytes]:
    """What the files hold, JSON lines as whole lines."""
    from actors.client.asking import CSV
    from actors.client.sources import STANDARD_INPUT, open_bytes

    for path in files:
        if path != STANDARD_INPUT and pathlib.Path(path).exists() and not pathlib.Path(path).is_file():
            raise UsageError(f"{path} is no regular file; write the table into one.")
        with open_bytes(path) as file:
            while chunk := file.read(BODY_BYTES_MAX):
                if media_type == CSV:
                    yield chunk
                else:
                    yield (chunk + file.readline(BODY_BYTES_MAX)).removesuffix(b"\n") + b"\n"


def _media_type(path: str) -> str:
    from actors.client.asking import CSV, NDJSON

    return CSV if ".csv" in pathlib.PurePath(path).suffixes else NDJSON


def told(done: dict[str, Any]) -> str:
    """A table that was written, for people: its rows, what a patch changed, what may not mean what it says."""
    from actors.client.asking import findings

    counts = ", ".join(f"{done[name]:,} {name}" for name in ("added", "changed", "removed") if name in done)
    text = f"{done['table']}: {done['rows']:,} rows, version {done['version']}" + (f" ({counts})" if counts else "")
    return "\n".join([text, *findings(done.get("warnings", ()))])
