"""``order-router route``: decide a file of orders in this process, without Ray or a server."""

from __future__ import annotations

import argparse
import pathlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from actors.cli.first_start import compile_kernels
from actors.cli.intake import ARROW, ROWS, add_source_flags, form_of, open_rows, rows_summary, rows_text, verdict
from actors.cli.output import Progress, UsageError, print_result

if TYPE_CHECKING:
    from actors.client.rejects import Refusals
    from actors.client.sources import Block
    from actors.run.route import RouteSummary
    from adapters.channels.csv.report import CsvReport
    from router.arrow.arrays import Bytes
    from router.config import Config, Limits
    from router.wire.batch import WireBatch

CHUNK_BYTES = 1 << 20


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "route",
        help="decide a file of orders offline",
        description="Reads orders (JSON lines, Arrow, rows with a mapping), decides them with the tables of a "
        "folder (skus.ndjson, nodes.csv …) and writes one acknowledgement a line. With --data everything is kept in "
        "that data folder as `serve` would keep it; without, nothing is kept, and the same input with the same --at "
        "gives the same output byte for byte.",
    )
    add_source_flags(parser)
    parser.add_argument("--tables", required=True, metavar="DIR", type=pathlib.Path)
    parser.add_argument(
        "--output",
        metavar="FILE",
        type=pathlib.Path,
        help="acknowledgements; default: standard output, and the summary on standard error",
    )
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
    for path in arguments.files:
        if path != "-" and not pathlib.Path(path).is_file():
            raise UsageError(f"{path} is not a file.")
    form = form_of(arguments)
    if arguments.rejects and form != ROWS:
        raise UsageError("--rejects goes with --mapping; the answers of --output name what was rejected.")
    try:
        config = load_config(arguments.config.read_bytes() if arguments.config else b"{}")
    except (OSError, ValueError) as fault:
        raise UsageError(f"--config {arguments.config}: {fault}.") from None
    clock_ms = _clock_ms(arguments.at) if arguments.at else None
    compile_kernels()
    if form != ROWS:
        return _route(arguments, config, clock_ms, _batches(arguments.files, form, config.limits), None)
    from actors.client.rejects import Refusals

    with open_rows(arguments) as source:
        refusals = Refusals(source.writer)
        batches = _batches_of_rows(refusals.watch(source.blocks()), config.limits)
        return _route(arguments, config, clock_ms, batches, source.report, refusals)


def _route(
    arguments: argparse.Namespace,
    config: Config,
    clock_ms: Callable[[], int] | None,
    batches: Iterator[WireBatch],
    rows: CsvReport | None,
    refusals: Refusals | None = None,
) -> int:
    from actors.run.route import route
    from actors.store.data_folder import now_ms

    started_s = time.monotonic()
    output = arguments.output.open("wb") if arguments.output else sys.stdout.buffer
    write = output.write if refusals is None else _told(output.write, refusals)
    try:
        summary = route(batches, arguments.tables, config, arguments.data, write, clock_ms or now_ms)
    finally:
        output.flush()
        if arguments.output:
            output.close()
    return _concluded(arguments, summary, rows, time.monotonic() - started_s)


def _told(write: Callable[[Bytes], object], refusals: Refusals) -> Callable[[Bytes], object]:
    """Writes answers, and tells of each to whoever writes down the refused."""
    import msgspec

    from actors.client.wire import Answer

    decode = msgspec.json.Decoder(Answer).decode

    def both(answers: Bytes) -> None:
        write(answers)
        for line in bytes(answers).splitlines():
            refusals.answered(decode(line))

    return both


def _concluded(arguments: argparse.Namespace, summary: RouteSummary, rows: CsvReport | None, elapsed_s: float) -> int:
    of_channel = rows.refused if rows is not None else 0
    orders, refused = summary.orders + of_channel, summary.by_status["rejected"] + of_channel
    result: dict[str, Any] = {
        "orders": orders,
        "refused": refused,
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
    if rows is not None:
        result["csv"] = rows_summary(rows)
        text = "\n".join([*rows_text(result["csv"]), text])
    failed = verdict(arguments, refused, orders)
    if failed:
        result["verdict"] = failed
        text += f"\n{failed}"
    print_result(arguments.json, result, text, file=sys.stdout if arguments.output else sys.stderr)
    return 1 if failed else 0


def _clock_ms(text: str) -> Callable[[], int]:
    """A clock that stands still, at a time as orders write it."""
    from router.wire.careful import parse_time

    at_ms = parse_time(text)
    if at_ms is None:
        raise UsageError(f"--at {text}: write a time such as 2026-03-01T12:00:00Z, and with it in which time zone.")
    return lambda: at_ms


def _batches(paths: list[str], form: str, limits: Limits) -> Iterator[WireBatch]:
    """Several files of JSON lines are one after the other, as if they were one."""
    from actors.client.sources import open_bytes
    from router.wire.arrow_stream import ArrowStreamDecoder
    from router.wire.lines import LineSplitter
    from router.wire.ndjson import decode_block

    progress, read = Progress(), 0
    splitter, decoder = LineSplitter(limits), ArrowStreamDecoder(limits)
    for path in paths:
        with open_bytes(path) as file:
            while chunk := file.read(CHUNK_BYTES):
                read += len(chunk)
                progress.show(f"{read >> 20} MiB read")
                if form == ARROW:
                    yield from decoder.feed([chunk], pause=False)
                else:
                    yield from (decode_block(block, limits) for block in splitter.feed(chunk))
    if form == ARROW:
        yield from decoder.finish()
    else:
        yield from (decode_block(block, limits) for block in splitter.finish())
    progress.done()


def _batches_of_rows(blocks: Iterator[Block], limits: Limits) -> Iterator[WireBatch]:
    """Orders made of rows, as JSON lines; their line numbers are those of the orders, not of the rows."""
    from router.wire.lines import LineSplitter
    from router.wire.ndjson import decode_block

    splitter = LineSplitter(limits)
    for block in blocks:
        assert isinstance(block.orders, list)
        lines = b"".join(order + b"\n" for order in block.orders)
        yield from (decode_block(part, limits) for part in splitter.feed(lines))
    yield from (decode_block(part, limits) for part in splitter.finish())
