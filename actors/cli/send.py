"""``order-router send``: stream a file of orders to a router and report what became of every row."""

from __future__ import annotations

import argparse
import asyncio
import collections
import pathlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from actors.cli.output import Progress, UsageError, add_json_flag, add_server_flags, print_result, read_key

if TYPE_CHECKING:
    from actors.client.order_stream import OrderStream
    from actors.client.sources import Block
    from actors.client.wire import Answer
    from adapters.channels.csv.report import CsvReport

EXAMPLES_MAX = 3
WINDOW_ORDERS = 65_536


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "send",
        help="stream a file of orders to a router",
        description="Streams a file of orders (plain, .gz or .zst) and prints what became of each. A broken "
        "connection is resumed with what was not answered. Exit code 1 when an order stays unanswered or unsent.",
    )
    add_server_flags(parser)
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--format", choices=("ndjson", "arrow", "csv"), help="default: by the file's name")
    parser.add_argument("--mapping", metavar="FILE", help="with --format csv: which column is which field")
    parser.add_argument(
        "--window", type=int, default=WINDOW_ORDERS, metavar="ORDERS", help="orders under way (default %(default)s)"
    )
    add_json_flag(parser)
    return parser


@dataclass
class Tally:
    """Counts of answers; the first few rejections of each reason are kept with their detail."""

    by_status: collections.Counter[str] = field(default_factory=collections.Counter)
    duplicates: int = 0
    repeated: int = 0  # duplicates of orders that this run itself had to send again
    rejected: collections.Counter[str] = field(default_factory=collections.Counter)
    examples: dict[str, list[dict[str, object]]] = field(default_factory=dict)

    def add(self, row: int, resent: bool, answer: Answer) -> None:
        self.by_status[answer.status] += 1
        if answer.duplicate and resent:
            self.repeated += 1
        elif answer.duplicate:
            self.duplicates += 1
        if answer.status != "rejected":
            return
        for reason in answer.reasons[:1] or ["no_reason"]:
            self.rejected[reason] += 1
            kept = self.examples.setdefault(reason, [])
            if len(kept) < EXAMPLES_MAX:
                kept.append({"row": row, "order_id": answer.order_id, "detail": answer.detail})


def run(arguments: argparse.Namespace) -> int:
    from actors.client.order_stream import OrderStream
    from router.errors import Retryable

    if arguments.window < 1:
        raise UsageError("--window needs at least 1 order.")
    blocks, make_wire, csv_report = _source(arguments)
    tally, progress, started_s = Tally(), Progress(), time.monotonic()

    def on_answer(row: int, resent: bool, answer: Answer) -> None:
        tally.add(row, resent, answer)
        progress.show(f"{tally.by_status.total():,} orders answered")

    async def send() -> tuple[OrderStream, str]:
        stream = OrderStream(
            url=arguments.url,
            key=read_key(arguments.key),
            blocks=blocks,
            make_wire=make_wire,
            on_answer=on_answer,
            window_orders=arguments.window,
            on_pause=progress.say,
        )
        try:
            await stream.run()
        except Retryable as fault:
            return stream, str(fault)
        return stream, ""

    stream, fault = asyncio.run(send())
    assert fault or csv_report is None or csv_report.orders == stream.sent, "an order of the file was not sent"
    progress.done()
    summary = _summary(stream, tally, csv_report, time.monotonic() - started_s, fault)
    print_result(arguments.json, summary, _as_text(summary))
    return 1 if fault or stream.unanswered else 0


def _source(arguments: argparse.Namespace) -> tuple[Iterator[Block], Callable[..., Any], CsvReport | None]:
    from actors.client import sources
    from actors.client.wire import ArrowWire, NdjsonWire
    from adapters.channels.csv.load_mapping import load_mapping
    from adapters.channels.csv.translate import CsvTranslator

    with sources.open_bytes(arguments.file):
        pass  # a file that cannot be read is said before anything is sent
    form = arguments.format or _form_of(pathlib.PurePath(arguments.file))
    if (form == "csv") != bool(arguments.mapping):
        raise UsageError("--format csv and --mapping FILE go together.")
    if form == "arrow":
        return sources.arrow_blocks(arguments.file), ArrowWire, None
    if form == "ndjson":
        return sources.ndjson_blocks(arguments.file), NdjsonWire, None
    with open(arguments.mapping, "rb") as file:
        mapping = load_mapping(file.read())
    translator = CsvTranslator(mapping)
    return sources.csv_blocks(arguments.file, mapping.file.encoding, translator), NdjsonWire, translator.report


def _form_of(file: pathlib.PurePath) -> str:
    """``orders.arrow``, ``orders.arrows.zst`` and the like are Arrow, ``.csv`` is CSV, all else is JSON lines."""
    if {".arrow", ".arrows"} & set(file.suffixes):
        return "arrow"
    return "csv" if ".csv" in file.suffixes else "ndjson"


def _summary(
    stream: OrderStream, tally: Tally, csv_report: CsvReport | None, elapsed_s: float, fault: str
) -> dict[str, object]:
    answered = tally.by_status.total()
    summary: dict[str, object] = {
        "sent": stream.sent,
        "answered": answered,
        "unanswered": stream.unanswered,
        "by_status": dict(tally.by_status),
        "duplicates": tally.duplicates,
        "repeated_after_reconnect": tally.repeated,
        "rejected_by_reason": dict(tally.rejected),
        "rejected_examples": tally.examples,
        "reconnects": stream.reconnects,
        "elapsed_s": round(elapsed_s, 3),
        "orders_per_s": round(answered / elapsed_s) if elapsed_s else 0,
    }
    if csv_report is not None:
        summary["csv"] = _csv_summary(csv_report)
    if fault:
        summary["fault"] = fault
        summary["all_sent"] = stream.is_all_sent
    return summary


def _csv_summary(report: CsvReport) -> dict[str, object]:
    return {
        "rows": report.rows,
        "order_lines": report.order_lines,
        "orders": report.orders,
        "orders_without_lines": report.orders_without_lines,
        "rows_not_orders": {
            reason: {"rows": left.rows, "examples": left.examples} for reason, left in report.not_orders.items()
        },
        "first_row_won": report.first_row_won,
    }


def _as_text(summary: dict[str, Any]) -> str:
    lines = [
        f"sent {summary['sent']:,} orders, {summary['answered']:,} answered in {summary['elapsed_s']} s "
        f"({summary['orders_per_s']:,} orders/s), {summary['reconnects']} reconnects"
    ]
    lines += [f"  {status:<22}{count:>12,}" for status, count in sorted(summary["by_status"].items())]
    if summary["duplicates"]:
        lines.append(f"  known already         {summary['duplicates']:>12,}")
    for reason, count in sorted(summary["rejected_by_reason"].items()):
        lines.append(f"rejected, {reason}: {count:,}")
        lines += [
            f"  row {e['row']}, order {e['order_id']}: {e['detail']}" for e in summary["rejected_examples"][reason]
        ]
    if "csv" in summary:
        lines += _csv_text(summary["csv"])
    if summary["unanswered"]:
        lines.append(f"{summary['unanswered']:,} orders are unanswered; send the file again, nothing happens twice.")
    if "fault" in summary:
        lines.append(summary["fault"])
        if not summary["all_sent"]:
            lines.append("The rest of the file was not sent.")
    return "\n".join(lines)


def _csv_text(csv: dict[str, Any]) -> list[str]:
    lines = [
        f"{csv['rows']:,} rows read: {csv['order_lines']:,} are lines of {csv['orders']:,} orders, "
        f"{csv['rows'] - csv['order_lines']:,} are not"
    ]
    for reason, left in sorted(csv["rows_not_orders"].items()):
        row, what = left["examples"][0]
        lines.append(f"  {reason:<22}{left['rows']:>12,}   row {row}: {what}")
    if csv["orders_without_lines"]:
        lines.append(f"{csv['orders_without_lines']:,} order ids have no order line at all")
    lines += [
        f"{count:,} orders have rows that differ in {path}; the first won"
        for path, count in csv["first_row_won"].items()
    ]
    return lines
