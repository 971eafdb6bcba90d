"""``order-router refunds``: give money of an order back, and see how far it is."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from actors.cli.daily import add_scope_flags, given_query, new_id, posted_once, router_of, units_of
from actors.cli.output import add_json_flag, add_server_flags, print_result, whole_number

AMOUNT_MAX = (1 << 53) - 1


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "refunds",
        help="give money back: ask, list, show",
        description="Asks a running router to give money of an order back the way it came, and shows how far that is. "
        "Amounts are minor units of the order's currency. What a role may not give back alone is approved with "
        "`order-router work resolve --approve`. Exit code 1 when it is refused.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    ask = actions.add_parser("ask", help="ask for a refund; without --line and --amount for all that can go back")
    ask.add_argument("order_id", metavar="ORDER_ID")
    ask.add_argument("--reason", required=True, help="why; told to the partner, too")
    ask.add_argument(
        "--line", action="append", default=[], metavar="LINE_ID=QTY", help="what these units carried; several times"
    )
    ask.add_argument(
        "--amount", type=whole_number(1, AMOUNT_MAX), help="so much; with --line no more than they carried"
    )
    ask.add_argument(
        "--idempotency-key", metavar="TEXT", help="the same refund when it is asked for again; default: a new one"
    )
    listed = actions.add_parser("list", help="all refunds of an order")
    listed.add_argument("order_id", metavar="ORDER_ID")
    show = actions.add_parser("show", help="how far a refund is, payment by payment")
    show.add_argument("refund_id", metavar="REFUND_ID")
    for action in (ask, listed):
        add_scope_flags(action)
    for action in (ask, listed, show):
        add_server_flags(action)
        add_json_flag(action)
    return parser


def run(arguments: argparse.Namespace) -> int:
    if arguments.action == "list":
        found = _asked(arguments, "orders", arguments.order_id, "refunds")
        text = "\n".join(line for refund in found["refunds"] for line in told(refund)) or "Nothing was asked back."
        print_result(arguments.json, found, text)
        return 0
    refund = _ask(arguments) if arguments.action == "ask" else _asked(arguments, "refunds", arguments.refund_id)
    print_result(arguments.json, refund, "\n".join(told(refund)))
    return 0


def _asked(arguments: argparse.Namespace, *path: str) -> dict[str, Any]:
    from actors.client.asking import path_of

    with router_of(arguments) as router:
        found: dict[str, Any] = router.json("GET", path_of(*path), _scope(arguments))
    return found


def _ask(arguments: argparse.Namespace) -> dict[str, Any]:
    from actors.client.asking import path_of

    path, key = path_of("orders", arguments.order_id, "refunds"), arguments.idempotency_key or new_id("cli")
    with router_of(arguments) as router:
        return posted_once(router, path, _scope(arguments), _said(arguments), key, "it goes back once")


def _said(arguments: argparse.Namespace) -> dict[str, Any]:
    lines = [units_of(text) for text in arguments.line]
    return {"reason": arguments.reason, "lines": lines, "amount": arguments.amount}


def _scope(arguments: argparse.Namespace) -> dict[str, str]:
    return given_query(arguments, ("channel", "seller")) if arguments.action != "show" else {}


def told(refund: dict[str, Any]) -> Iterator[str]:
    """A refund in lines for people."""
    money = f"{refund['amount']:,} {refund['currency']}, {refund['refunded']:,} of it went back"
    yield f"{refund['refund_id']}  order {refund['order_id']}: {refund['status']}; {money}"
    yield f"  {refund['reason']} ({refund['requested_by']}, {refund['requested_at']})"
    for line in refund["lines"]:
        yield f"  line {line['line_id']}: {line['qty']:,}"
    for part in refund["parts"]:
        how = f"by {part['partner']}" if part["partner"] else "by hand"
        why = f": {part['detail']}" if part["detail"] else ""
        yield f"  payment {part['payment_id'] or 'without a name'}, {how}: {part['amount']:,} {part['status']}{why}"
