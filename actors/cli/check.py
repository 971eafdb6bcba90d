"""``order-router check``: is a mapping right, and what would become of the rows of a file? Needs no router."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from actors.cli.intake import (
    ROWS,
    add_source_flags,
    form_of,
    open_rows,
    rows_summary,
    rows_text,
    verdict,
    warnings_text,
)
from actors.cli.output import UsageError, add_json_flag, print_result

if TYPE_CHECKING:
    from adapters.channels.csv.report import CsvReport


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "check",
        help="check a mapping, and files with it, without a router",
        description="Says all faults of a mapping at once, which fields every order would lack, and what becomes of "
        "every row of the files. Exit code 1 when the mapping is wrong or an order would be refused (or more than "
        "--max-refused).",
    )
    add_source_flags(parser, files="*")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="print the first N orders as JSON lines")
    add_json_flag(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    from actors.client.row_source import read_mapping
    from adapters.channels.csv.mapping_faults import fields_never_filled, warnings_of

    if not arguments.mapping:
        raise UsageError("--mapping FILE is needed.")
    mapping = read_mapping(arguments.mapping)
    never, warnings = fields_never_filled(mapping), warnings_of(mapping)
    result: dict[str, Any] = {"mapping": "right", "fields_never_filled": never, "warnings": warnings}
    lines = [f"{arguments.mapping}: the mapping can be read"]
    if never:
        said = "a router refuses such orders: add columns or constants."
        lines.append(f"No order would have {', '.join(never)}; {said}")
    failed = bool(never)
    if arguments.files:
        report, lacking = _read(arguments, never)
        refused = report.refused + sum(lacking.values())
        said = verdict(arguments, refused, report.orders + report.refused)
        failed = failed or bool(said) or (arguments.max_refused is None and refused > 0)
        result |= {"csv": rows_summary(report), "orders_lacking": lacking}
        lines += rows_text(result["csv"])
        lines += [f"{count:,} orders lack {path}; a router refuses them" for path, count in lacking.items()]
        lines += [said] if said else []
    else:
        lines += warnings_text(warnings)
    print_result(arguments.json, result, "\n".join(lines))
    return int(failed)


def _read(arguments: argparse.Namespace, never: list[str]) -> tuple[CsvReport, dict[str, int]]:
    """What becomes of the rows, and how many orders lack what a router needs, by the first field that is missing."""
    import msgspec

    from adapters.channels.csv.mapping_faults import NEEDED_BY_ROUTER

    if form_of(arguments) != ROWS:
        raise UsageError("check is for files with a mapping; send --dry-run reads orders in any form.")
    needed = [path for path in NEEDED_BY_ROUTER if path not in never]
    lacking: dict[str, int] = {}
    with open_rows(arguments) as source:
        for number, order in enumerate(source.orders()):
            if number < arguments.show:
                print(order.body.decode())
            document = msgspec.json.decode(order.body)
            path = next((path for path in needed if not _has(document, path)), None)
            if path is not None:
                lacking[path] = lacking.get(path, 0) + 1
        return source.report, lacking


def _has(document: dict[str, Any], path: str) -> bool:
    part, _, leaf = path.rpartition(".")
    return bool((document.get(part) or {} if part else document).get(leaf))
