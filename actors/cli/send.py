"""``order-router send``: stream a file of orders to a router and report what became of every row."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from actors.cli.intake import (
    ARROW,
    ROWS,
    add_source_flags,
    form_of,
    open_rejects,
    open_rows,
    rows_summary,
    rows_text,
    verdict,
)
from actors.cli.output import Progress, UsageError, add_json_flag, add_server_flags, print_result, read_key

if TYPE_CHECKING:
    from actors.client.order_stream import OrderStream
    from actors.client.rejects import RejectsWriter
    from actors.client.sources import Block
    from actors.client.tally import Tally
    from actors.client.wire import Answer
    from adapters.channels.csv.report import CsvReport

WINDOW_ORDERS = 65_536


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "send",
        help="stream files of orders to a router",
        description="Streams files of orders (plain, .gz or .zst) and prints what became of each. A broken connection "
        "is resumed with what was not answered. Exit code 1 when an order stays unanswered or unsent, when all orders "
        "were refused, or more than --max-refused.",
    )
    add_server_flags(parser, key_required=False)
    add_source_flags(parser)
    parser.add_argument("--dry-run", action="store_true", help="read everything and send nothing; needs no router")
    parser.add_argument(
        "--window", type=int, default=WINDOW_ORDERS, metavar="ORDERS", help="orders under way (default %(default)s)"
    )
    parser.add_argument(
        "--no-payments",
        action="store_true",
        help="of an order that is sent again and is paid by now, report no payment: it stays a conflict",
    )
    add_json_flag(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    if arguments.window < 1:
        raise UsageError("--window needs at least 1 order.")
    if arguments.dry_run:
        return dry_run(arguments)
    if not arguments.key:
        raise UsageError("--key is needed, unless --dry-run sends nothing.")
    form = form_of(arguments)
    if form == ROWS:
        with open_rows(arguments) as source:
            why_not = _why_no_payments(arguments, source.tells_payments)
            return _send(arguments, form, source.blocks(), source.writer, source.report, why_not)
    with open_rejects(arguments, form) as writer:
        return _send(arguments, form, blocks_of(arguments, form), writer, None, _why_no_payments(arguments))


def _why_no_payments(arguments: argparse.Namespace, has_own: bool = False) -> str:
    """Why payments that came since are not reported, "" where they are. Under two event ids they would count twice."""
    if arguments.no_payments:
        return "payments are not reported in this run"
    return "the mapping makes events of payments: write them with --events, and send those" if has_own else ""


def _send(
    arguments: argparse.Namespace,
    form: str,
    blocks: Iterator[Block],
    writer: RejectsWriter | None,
    csv_report: CsvReport | None,
    why_no_payments: str,
) -> int:
    from actors.client.conflicts import Conflicts
    from actors.client.order_stream import OrderStream
    from actors.client.tally import Tally
    from actors.client.wire import ArrowWire, NdjsonWire
    from router.errors import Retryable

    progress, key, started_s = Progress(), read_key(arguments.key), time.monotonic()
    tally = Tally(writer)
    conflicts = Conflicts(arguments.url, key, why_no_payments, tally.settled)
    tally.on_conflict = conflicts.put

    def on_answer(block: Block, at: int, answer: Answer) -> None:
        tally.answered(block, at, answer)
        progress.show(f"{tally.by_status.total():,} orders answered")

    async def send() -> tuple[OrderStream, str]:
        stream = OrderStream(
            url=arguments.url,
            key=key,
            blocks=conflicts.between(blocks),
            make_wire=ArrowWire if form == ARROW else NdjsonWire,
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
    conflicts.finish()
    tally.count_settled()
    progress.done()
    summary = _summary(stream, tally, csv_report, time.monotonic() - started_s, fault)
    if conflicts.fault:
        summary["conflicts_fault"] = conflicts.fault
    return concluded(arguments, summary, bool(fault or stream.unanswered or conflicts.fault))


def concluded(arguments: argparse.Namespace, summary: dict[str, Any], is_failed: bool) -> int:
    """Print the summary with its verdict; the exit code."""
    said = verdict(arguments, summary["refused"], summary["orders"])
    if said:
        summary["verdict"] = said
    print_result(arguments.json, summary, _as_text(summary))
    return 1 if is_failed or said else 0


def blocks_of(arguments: argparse.Namespace, form: str) -> Iterator[Block]:
    from actors.client import sources

    read = sources.arrow_blocks if form == ARROW else sources.ndjson_blocks
    return itertools.chain.from_iterable(map(read, arguments.files))


def dry_run(arguments: argparse.Namespace) -> int:
    """Everything that needs no router: rows become orders, lines are read, what is refused is written down."""
    form = form_of(arguments)
    summary: dict[str, Any] = {"dry_run": True, "sent": 0}
    if form == ROWS:
        with open_rows(arguments) as source:
            for _ in source.orders():
                pass
        report = source.report
        summary |= {"orders": report.orders + report.refused, "refused": report.refused, "csv": rows_summary(report)}
        return concluded(arguments, summary, is_failed=False)
    with open_rejects(arguments, form) as writer:
        return concluded(arguments, summary | _read_only(blocks_of(arguments, form), writer), is_failed=False)


def _read_only(blocks: Iterator[Block], writer: RejectsWriter | None) -> dict[str, Any]:
    """Orders that are already in the router's form: whether each can be read. Arrow is checked by its own reader."""
    from actors.client.reasons import EXAMPLES_MAX
    from actors.client.wire import Answer
    from router.config import Limits
    from router.wire.careful import LineFault
    from router.wire.order_json import plain_line

    limits, orders, refused, examples = Limits(), 0, 0, list[dict[str, object]]()
    for block in blocks:
        orders += len(block.rows)
        for at, line in enumerate(block.orders if isinstance(block.orders, list) else []):
            try:
                plain_line(line, limits)
            except LineFault as fault:
                refused += 1
                if len(examples) < EXAMPLES_MAX:
                    examples.append({"row": block.rows[at], "detail": str(fault)})
                if writer is not None:
                    writer.refused(block, at, Answer("rejected", reasons=["malformed"], detail=str(fault)))
    return {"orders": orders, "refused": refused, "refused_examples": examples}


def _summary(
    stream: OrderStream, tally: Tally, csv_report: CsvReport | None, elapsed_s: float, fault: str
) -> dict[str, object]:
    answered = tally.by_status.total()
    of_channel = csv_report.refused if csv_report is not None else 0
    summary: dict[str, object] = {
        "orders": stream.sent + of_channel,
        "refused": tally.by_status["rejected"] + of_channel,
        "sent": stream.sent,
        "answered": answered,
        "unanswered": stream.unanswered,
        "by_status": dict(tally.by_status),
        "duplicates": tally.duplicates,
        "repeated_after_reconnect": tally.repeated,
        "rejected_by_reason": dict(tally.rejected.counts),
        "rejected_examples": tally.rejected.examples,
        "held_by_reason": dict(tally.held.counts),
        "held_examples": tally.held.examples,
        "payments_reported": dict(tally.payments),
        "changed_fields": dict(tally.changed),
        "reconnects": stream.reconnects,
        "elapsed_s": round(elapsed_s, 3),
        "orders_per_s": round(answered / elapsed_s) if elapsed_s else 0,
    }
    if csv_report is not None:
        summary["csv"] = rows_summary(csv_report)
    if fault:
        summary["fault"] = fault
        summary["all_sent"] = stream.is_all_sent
    return summary


def _as_text(summary: dict[str, Any]) -> str:
    if "dry_run" in summary:
        return "\n".join(_dry_text(summary))
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
    lines += _held_text(summary)
    lines += _said_again_text(summary)
    if "csv" in summary:
        lines += rows_text(summary["csv"])
    if summary["unanswered"]:
        lines.append(f"{summary['unanswered']:,} orders are unanswered; send the file again, nothing happens twice.")
    if "fault" in summary:
        lines.append(summary["fault"])
        if not summary["all_sent"]:
            lines.append("The rest of the file was not sent.")
    if "verdict" in summary:
        lines.append(summary["verdict"])
    return "\n".join(lines)


def _held_text(summary: dict[str, Any]) -> Iterator[str]:
    for reason, count in sorted(summary["held_by_reason"].items()):
        yield f"held, {reason}: {count:,}"
        for example in summary["held_examples"][reason]:
            same = f": the same basket as order {example['duplicate_of']}" if "duplicate_of" in example else ""
            yield f"  row {example['row']}, order {example['order_id']}{same}"


def _said_again_text(summary: dict[str, Any]) -> list[str]:
    """What orders say now that were sent before."""
    payments = [f"{count:,} {event}" for event, count in sorted(summary["payments_reported"].items())]
    changed = [f"{path} in {count:,}" for path, count in sorted(summary["changed_fields"].items())]
    lines = [f"reported of orders that were sent before: {', '.join(payments)}"] if payments else []
    lines += [f"changed since, and left as it was: {', '.join(changed)}"] if changed else []
    return lines + ([summary["conflicts_fault"]] if "conflicts_fault" in summary else [])


def _dry_text(summary: dict[str, Any]) -> list[str]:
    lines = [f"{summary['orders']:,} orders read, {summary['refused']:,} of them refused; nothing was sent"]
    lines += [f"  row {example['row']}: {example['detail']}" for example in summary.get("refused_examples", [])]
    lines += rows_text(summary["csv"]) if "csv" in summary else []
    return lines + ([summary["verdict"]] if "verdict" in summary else [])
