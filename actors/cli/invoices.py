"""``order-router invoices``: what invoices and credit notes say, and which an order has."""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from actors.cli.daily import add_scope_flags, given_query, router_of
from actors.cli.output import add_json_flag, add_server_flags, print_result

if TYPE_CHECKING:
    from actors.client.asking import Router


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "invoices",
        help="invoices and credit notes: show, list, pdf",
        description="Asks a running router for invoices and credit notes. They are made by what happens to orders, as "
        "the policy `invoices` says; amounts are minor units of the order's currency.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listed = actions.add_parser("list", help="all of an order")
    listed.add_argument("order_id", metavar="ORDER_ID")
    add_scope_flags(listed)
    show = actions.add_parser("show", help="one by its number")
    show.add_argument("number", metavar="NUMBER")
    page = actions.add_parser("pdf", help="one as a page, into a file")
    page.add_argument("number", metavar="NUMBER")
    page.add_argument("--out", metavar="FILE", help="default: NUMBER.pdf here")
    page.add_argument("--lang", choices=("en", "zh"), help="default: the buyer's language")
    for action in (listed, show, page):
        add_server_flags(action)
        add_json_flag(action)
    return parser


def run(arguments: argparse.Namespace) -> int:
    from actors.client.asking import path_of

    with router_of(arguments) as router:
        if arguments.action == "list":
            query = {"order_id": arguments.order_id, **given_query(arguments, ("channel", "seller"))}
            found = router.json("GET", path_of("invoices"), query)
            text = "\n".join(named(row) for row in found["invoices"]) or "Nothing was invoiced."
        elif arguments.action == "pdf":
            found, text = _written(router, arguments)
        else:
            found = router.json("GET", path_of("invoices", arguments.number))
            text = "\n".join(told(found))
    print_result(arguments.json, found, text)
    return 0


def _written(router: Router, arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from actors.client.asking import path_of

    query = {"lang": arguments.lang} if arguments.lang else {}
    content = b"".join(router.pieces("GET", f"{path_of('invoices', arguments.number)}.pdf", query))
    file = pathlib.Path(arguments.out or f"{arguments.number}.pdf")
    file.write_bytes(content)
    return {"file": str(file), "bytes": len(content)}, f"{file}: {len(content):,} bytes"


def named(row: dict[str, Any]) -> str:
    corrects = f", corrects {', '.join(row['corrects'])}" if row["corrects"] else ""
    return f"{row['number']}  {row['type'].replace('_', ' ')} of {row['issued_at']}: {row['total']:,}{corrects}"


def told(document: dict[str, Any]) -> Iterator[str]:
    """A document in lines for people."""
    yield f"{named(document)} {document['currency']}, order {document['order_id']}"
    for line in document["lines"]:
        less = f" - {line['discount']:,}" if line["discount"] else ""
        price = f"{line['qty']:,} x {line['unit_price']:,}{less}"
        yield f"  {line['line_id']}: {line['sku']} {price} = {line['total']:,} (tax {line['tax']:,})"
    for name in ("shipping", "refunded"):
        if document[name]:
            yield f"  {name}: {document[name]:,}"
    for tax in document["taxes"]:
        rate = "as declared" if tax["percent"] is None else f"{tax['percent']:g} %"
        yield f"  {tax['name'] or 'tax'} {rate} on {tax['net']:,}: {tax['amount']:,}"
    if document["due_date"]:
        yield f"  paid {document['paid']:,}, due {document['due']:,} on {document['due_date']}"
