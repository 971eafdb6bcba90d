"""``order-router check``: is a mapping right, and what would become of the rows of a file? Needs no router."""

from __future__ import annotations

import argparse
import itertools
from typing import Any

from actors.cli.intake import ROWS, add_source_flags, form_of, open_rows, rows_summary, rows_text, verdict
from actors.cli.output import UsageError, add_json_flag, print_result

EXAMPLES = """examples:
  order-router check --mapping shop.toml                       the mapping alone, all its faults at once
  order-router check --mapping shop.toml march.csv             and what every row of a file would become
  order-router check --mapping shop.toml --show 3 march.csv    with the first three orders as JSON
"""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "check",
        help="check a mapping, and files with it, without a router",
        description="Says all faults of a mapping at once, which fields every order would lack, and what becomes of\n"
        "every row of the files. Exit code 1 when the mapping is wrong or an order would be refused (or more than\n"
        "--max-refused).",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_source_flags(parser, files="*")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="print the first N orders as JSON lines")
    add_json_flag(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    from actors.client.row_source import read_mapping
    from adapters.channels.csv.mapping_faults import fields_never_filled

    if not arguments.mapping:
        raise UsageError("--mapping FILE is needed.")
    missing = fields_never_filled(read_mapping(arguments.mapping))
    result: dict[str, Any] = {"mapping": "right", "fields_never_filled": missing}
    lines = [f"{arguments.mapping}: the mapping can be read"]
    if missing:
        lines.append(
            f"No order would have {', '.join(missing)}; a router refuses orders without: add columns or constants."
        )
    shown, failed = list[str](), bool(missing)
    if arguments.files:
        report, shown = _read(arguments)
        said = verdict(arguments, report.refused, report.orders + report.refused)
        failed = failed or bool(said) or (arguments.max_refused is None and report.refused > 0)
        result["csv"] = rows_summary(report)
        lines += rows_text(result["csv"]) + ([said] if said else [])
    for order in shown:
        print(order)
    print_result(arguments.json, result, "\n".join(lines))
    return int(failed)


def _read(arguments: argparse.Namespace) -> tuple[Any, list[str]]:
    if form_of(arguments) != ROWS:
        raise UsageError("check is for files with a mapping; send --dry-run reads orders in any form.")
    with open_rows(arguments) as source:
        orders = source.orders()
        shown = [order.body.decode() for order in itertools.islice(orders, max(arguments.show, 0))]
        for _ in orders:
            pass
        return source.report, shown
