"""What ``send``, ``route`` and ``check`` share: files of orders, their mapping, what was refused, how bad that is."""

from __future__ import annotations

import argparse
import contextlib
import os
import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from actors.cli.output import UsageError

if TYPE_CHECKING:
    from actors.client.rejects import RejectsWriter
    from actors.client.row_source import RowSource
    from adapters.channels.csv.report import CsvReport

ROWS, ARROW, LINES = "csv", "arrow", "ndjson"
_SUFFIXES = {".arrow": ARROW, ".arrows": ARROW, ".ndjson": LINES, ".jsonl": LINES, ".json": LINES}
_SUFFIXES |= dict.fromkeys((".csv", ".tsv", ".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"), ROWS)


def add_source_flags(parser: argparse.ArgumentParser, files: str = "+") -> None:
    parser.add_argument("files", metavar="FILE", nargs=files, help="files of one form; - is standard input")
    parser.add_argument(
        "--format", choices=(LINES, ARROW, ROWS), help="default: by the file's name, csv with --mapping"
    )
    parser.add_argument("--mapping", metavar="FILE", help="for csv and workbooks: which column is which field")
    parser.add_argument(
        "--join",
        metavar="NAME=FILE",
        action="append",
        default=[],
        help="a further file that the mapping joins; default: its path there, beside the first FILE",
    )
    parser.add_argument(
        "--events", metavar="FILE", help="write the events that the mapping makes of rows, as JSON lines"
    )
    parser.add_argument(
        "--rejects",
        metavar="FILE",
        help="write every refused row and order with its reason, in the form of the input, to be mended and sent again",
    )
    parser.add_argument(
        "--max-refused",
        metavar="N[%]",
        type=_bound,
        help="exit with 1 when more orders than that are refused; without it, when all are",
    )


class _Bound(tuple[float, bool]):
    """Number, and whether it is per cent."""


def _bound(text: str) -> _Bound:
    number, is_percent = text.removesuffix("%"), text.endswith("%")
    with contextlib.suppress(ValueError):
        value = float(number) if is_percent else int(number)
        if 0 <= value < 1e18 and not (is_percent and value > 100):
            return _Bound((value, is_percent))
    raise argparse.ArgumentTypeError(f"takes a number of orders (10) or a share of them (2.5%), not {text!r}")


def form_of(arguments: argparse.Namespace) -> str:
    """The one form of all files: as said, by the mapping, or by the names."""
    unnamed = ROWS if arguments.mapping else LINES
    forms = {arguments.format or _by_name(name) or unnamed for name in arguments.files}
    if len(forms) > 1:
        raise UsageError(f"The files are of different forms ({', '.join(sorted(forms))}); name one form a run.")
    [form] = forms
    if (form == ROWS) != bool(arguments.mapping):
        raise UsageError("--format csv and --mapping FILE go together.")
    if form != ROWS and (arguments.join or arguments.events):
        raise UsageError("--join and --events go with --mapping FILE.")
    if form == ARROW and len(arguments.files) > 1:
        raise UsageError("One Arrow stream a run: its schema holds for the whole run.")
    return form


def _by_name(name: str) -> str | None:
    """``orders.arrows.zst`` is Arrow, ``.csv`` and ``.xlsx`` are rows; None where a name says nothing."""
    return next((_SUFFIXES[suffix] for suffix in pathlib.PurePath(name).suffixes if suffix in _SUFFIXES), None)


def refuse_same_file(arguments: argparse.Namespace) -> None:
    """What is read must not be written over."""
    for written in (arguments.rejects, arguments.events):
        for read in [*arguments.files, arguments.mapping]:
            there = written and read and os.path.exists(written) and os.path.exists(read)
            if there and os.path.samefile(written, read):
                raise UsageError(f"{written} is read in this run and cannot be written to; name another file.")


@contextlib.contextmanager
def open_rows(arguments: argparse.Namespace) -> Iterator[RowSource]:
    """The files with their mapping; rejects and events are written beside."""
    from actors.client.rejects import RowRejects
    from actors.client.row_source import RowSource, read_mapping

    refuse_same_file(arguments)
    mapping = read_mapping(arguments.mapping)
    with contextlib.ExitStack() as stack:
        rejects, events = None, None
        for path in arguments.files:
            _can_be_read(path)
        if arguments.rejects:
            form, bytes_as_they_came = mapping.file, "surrogateescape"
            text = stack.enter_context(
                open(arguments.rejects, "w", encoding=form.encoding, errors=bytes_as_they_came, newline="")
            )
            rejects = RowRejects(text, form)
        if arguments.events:
            events = stack.enter_context(open(arguments.events, "wb"))
        yield stack.enter_context(RowSource(arguments.files, mapping, joins_of(arguments), rejects, events))


def _can_be_read(path: str) -> None:
    if path != "-":
        with open(path, "rb"):
            pass  # a file that cannot be read is said before anything is sent


def joins_of(arguments: argparse.Namespace) -> dict[str, str]:
    named = {}
    for given in arguments.join:
        name, sign, path = given.partition("=")
        if not (name and sign and path):
            raise UsageError(f"--join {given}: write NAME=FILE, customers=customers.csv say.")
        named[name] = path
    return named


@contextlib.contextmanager
def open_rejects(arguments: argparse.Namespace, form: str) -> Iterator[RejectsWriter | None]:
    """Where refused orders of JSON lines or Arrow are written; a source of rows has its own."""
    from actors.client.rejects import ArrowRejects, JsonRejects

    refuse_same_file(arguments)
    for path in arguments.files:
        _can_be_read(path)
    if not arguments.rejects:
        yield None
        return
    with open(arguments.rejects, "wb") as file:
        writer = ArrowRejects(file) if form == ARROW else JsonRejects(file)
        yield writer
        writer.finish()


def verdict(arguments: argparse.Namespace, refused: int, orders: int) -> str:
    """Why the run has failed although it came to its end; empty where it has not. ``orders``: the refused ones too."""
    if refused and refused == orders:
        return f"All {orders:,} orders were refused."
    if arguments.max_refused is None:
        return ""
    bound, is_percent = arguments.max_refused
    if refused > (orders * bound / 100 if is_percent else bound):
        said = f"{bound:g}%" if is_percent else f"{bound:,}"
        return f"{refused:,} of {orders:,} orders were refused, more than --max-refused {said}."
    return ""


def rows_summary(report: CsvReport) -> dict[str, object]:
    return {
        "rows": report.rows,
        "order_lines": report.order_lines,
        "orders": report.orders,
        "orders_without_lines": report.orders_without_lines,
        "orders_refused": report.orders_refused,
        "rows_refused_without_order": report.rows_alone,
        "lines_split": report.lines_split,
        "events": report.events,
        "rows_not_orders": {
            reason: {"rows": left.rows, "examples": left.examples} for reason, left in report.not_orders.items()
        },
        "first_row_won": report.first_row_won,
        "first_row_examples": report.first_row_examples,
        "warnings": report.warnings,
        "joined": {
            name: {"rows": file.rows, "unused": file.unused, "examples": file.examples, "left_out": file.left_out}
            for name, file in report.joined.items()
        },
    }


def rows_text(rows: dict[str, Any]) -> list[str]:
    lines = [
        f"{rows['rows']:,} rows read: {rows['order_lines']:,} are lines of {rows['orders']:,} orders, "
        f"{rows['rows'] - rows['order_lines']:,} are not"
    ]
    for reason, left in sorted(rows["rows_not_orders"].items()):
        row, what = left["examples"][0]
        lines.append(f"  {reason:<22}{left['rows']:>12,}   row {row}: {what}")
    for reason, count in sorted(rows["orders_refused"].items()):
        lines.append(f"{count:,} orders refused by the channel: {reason}")
    if rows["rows_refused_without_order"]:
        lines.append(f"{rows['rows_refused_without_order']:,} faulty rows name no order")
    if rows["orders_without_lines"]:
        said = "orders have no line left: filters left out the whole order, or every row of it"
        lines.append(f"{rows['orders_without_lines']:,} {said}")
    if rows["lines_split"]:
        lines.append(f"{rows['lines_split']:,} order lines became two, because no unit price makes their total")
    for name, file in rows["joined"].items():
        unused = f", {file['unused']:,} asked for by no order ({'; '.join(file['examples'])})" if file["unused"] else ""
        lines.append(f"{file['rows']:,} rows of {name}{unused}")
    if rows["events"]:
        lines.append(f"{rows['events']:,} events")
    lines += warnings_text(rows["warnings"])
    return lines + [
        f"{count:,} orders have rows that differ in {path} (order {rows['first_row_examples'][path]}); "
        "the first that says something won"
        for path, count in rows["first_row_won"].items()
    ]


def warnings_text(warnings: list[str]) -> list[str]:
    return [f"warning: the mapping's {said}" for said in warnings]
