"""``order-router route``: decide a file of orders in this process, without Ray or a server."""

from __future__ import annotations

import argparse
import datetime
import pathlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from actors.cli.first_start import compile_kernels
from actors.cli.output import Progress, UsageError, print_result

if TYPE_CHECKING:
    from router.config import Limits
    from router.wire.batch import WireBatch

CHUNK_BYTES = 1 << 20


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "route",
        help="decide a file of orders offline",
        description="Reads orders (JSON lines or an Arrow stream), decides them with the tables of a folder "
        "(skus.ndjson, nodes.csv …) and writes one acknowledgement a line. With --data everything is kept in that data "
        "folder as `serve` would keep it; without, nothing is kept, and the same input with the same --at gives the "
        "same output byte for byte.",
    )
    parser.add_argument("orders", metavar="FILE", type=pathlib.Path)
    parser.add_argument("--tables", required=True, metavar="DIR", type=pathlib.Path)
    parser.add_argument(
        "--output",
        metavar="FILE",
        type=pathlib.Path,
        help="acknowledgements; default: standard output, and the summary on standard error",
    )
    parser.add_argument("--format", choices=("ndjson", "arrow"), help="default: arrow for .arrow and .arrows files")
    parser.add_argument("--config", type=pathlib.Path, metavar="FILE", help="JSON or TOML laid over the laptop preset")
    parser.add_argument("--data", metavar="DIR", type=pathlib.Path, help="keep everything in this data folder")
    parser.add_argument("--at", metavar="TIME", help="decide as if it were this time (RFC 3339); default: now")
    parser.add_argument(
        "--json",
        action="store_true",
        help="print the summary as one JSON object, on standard output or, without --output, as the last line of "
        "standard error",
    )
    return parser


def run(arguments: argparse.Namespace) -> int:
    from router.config import load_config

    if not arguments.tables.is_dir():
        raise UsageError(f"--tables {arguments.tables} is not a folder.")
    if not arguments.orders.is_file():
        raise UsageError(f"{arguments.orders} is not a file.")
    try:
        config = load_config(arguments.config.read_bytes() if arguments.config else b"{}")
    except (OSError, ValueError) as fault:
        raise UsageError(f"--config {arguments.config}: {fault}.") from None
    standing_ms = _clock_ms(arguments.at) if arguments.at else None
    compile_kernels()
    from actors.run.route import route
    from actors.store.data_folder import now_ms

    started_s = time.monotonic()
    output = arguments.output.open("wb") if arguments.output else sys.stdout.buffer
    try:
        batches = _batches(arguments.orders, _form(arguments), config.limits)
        summary = route(batches, arguments.tables, config, arguments.data, output.write, standing_ms or now_ms)
    finally:
        output.flush()
        if arguments.output:
            output.close()
    elapsed_s = time.monotonic() - started_s
    result = {
        "orders": summary.orders,
        "by_status": summary.by_status,
        "duplicates": summary.duplicates,
        "unreadable": summary.unreadable,
        "state_hash": summary.state_hash,
        "warnings": summary.warnings,
        "elapsed_s": round(elapsed_s, 3),
    }
    for warning in [] if arguments.json else summary.warnings:
        print(f"order-router: {warning}", file=sys.stderr)
    said = ", ".join(f"{count:,} {name}" for name, count in summary.by_status.items() if count)
    text = f"{summary.orders:,} orders in {elapsed_s:.1f} s: {said}; {summary.duplicates:,} duplicates"
    if summary.unreadable:
        text += f", {summary.unreadable:,} unreadable"
    print_result(arguments.json, result, text, file=sys.stdout if arguments.output else sys.stderr)
    return 0


def _clock_ms(text: str) -> Callable[[], int]:
    """A clock that stands still."""
    try:
        at = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--at {text}: write a time such as 2026-03-01T12:00:00Z.") from None
    if at.tzinfo is None:
        raise UsageError(f"--at {text}: say in which time zone, 2026-03-01T12:00:00Z say.")
    at_ms = (at - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)) // datetime.timedelta(milliseconds=1)
    return lambda: at_ms


def _form(arguments: argparse.Namespace) -> str:
    if arguments.format:
        return str(arguments.format)
    return "arrow" if arguments.orders.suffix in (".arrow", ".arrows") else "ndjson"


def _batches(path: pathlib.Path, form: str, limits: Limits) -> Iterator[WireBatch]:
    from router.wire.arrow_stream import ArrowStreamDecoder
    from router.wire.lines import LineSplitter
    from router.wire.ndjson import decode_block

    progress, read = Progress(), 0
    with path.open("rb") as file:
        splitter, decoder = LineSplitter(limits), ArrowStreamDecoder(limits)
        while chunk := file.read(CHUNK_BYTES):
            read += len(chunk)
            progress.show(f"{read >> 20} MiB read")
            if form == "arrow":
                yield from decoder.feed([chunk], pause=False)
            else:
                yield from (decode_block(block, limits) for block in splitter.feed(chunk))
    if form == "arrow":
        yield from decoder.finish()
    else:
        yield from (decode_block(block, limits) for block in splitter.finish())
    progress.done()
