"""``order-router orders``: one order as it stands, the newest ones, or those that match."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from actors.cli.daily import add_scope_flags, given_query, router_of
from actors.cli.output import add_json_flag, add_server_flags, print_result, whole_number

LIMIT_USUAL = 20
PAGE_MAX = 1_000
FILTERS = ("channel", "status", "state", "customer", "sku", "from", "to")
_HELP = {
    "channel": "of this channel",
    "status": "as acknowledged: allocated, partially_allocated, backordered, held or rejected",
    "state": "as they are now: allocated, held, shipped, delivered, … ",
    "customer": "of this customer id",
    "sku": "with a line of this SKU",
    "from": "placed at this time or later (RFC 3339, or a date)",
    "to": "placed before this time",
}


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "orders",
        help="show, list and search orders",
        description="Reads orders from a running router. Amounts are minor units of the order's currency.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = actions.add_parser("show", help="one order as it stands: lines, units, money, shipments, holds")
    show.add_argument("order_id", metavar="ORDER_ID")
    add_scope_flags(show)
    listed = actions.add_parser("list", help="the newest orders")
    search = actions.add_parser("search", help="the newest orders that match all that is given")
    for name in FILTERS:
        search.add_argument(f"--{name}", help=_HELP[name])
    for action in (listed, search):
        action.add_argument(
            "--limit", type=whole_number(1, 1_000_000), default=LIMIT_USUAL, help="orders at most (default %(default)s)"
        )
    for action in (show, listed, search):
        add_server_flags(action)
        add_json_flag(action)
    return parser


def run(arguments: argparse.Namespace) -> int:
    if arguments.action == "show":
        _show(arguments)
        return 0
    query = given_query(arguments, FILTERS) if arguments.action == "search" else {}
    orders = list(_found(arguments, query))
    text = "\n".join(map(_line, orders)) or "No order matches."
    print_result(arguments.json, {"orders": orders}, text)
    return 0


def _found(arguments: argparse.Namespace, query: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Up to the limit, over as many pages as it takes: a page of a search may be short, or empty, before the end."""
    left, cursor = arguments.limit, ""
    with router_of(arguments) as router:
        while left:
            more = {"limit": str(min(left, PAGE_MAX))} | ({"cursor": cursor} if cursor else {})
            page = router.json("GET", "/v1/orders", query | more)
            yield from page["orders"]
            left -= len(page["orders"])
            cursor = page["cursor"] or ""
            if not cursor:
                return


def _line(order: dict[str, Any]) -> str:
    money = f"{order['total']:,} {order['currency'] or ''}"
    return (
        f"{order['order_id']:<24} {order['channel']:<12} {order['state']:<20} {order['payment_state']:<18} "
        f"{money:>18}  {order['placed_at'] or ''}"
    ).rstrip()


def _show(arguments: argparse.Namespace) -> None:
    from actors.client.asking import path_of

    with router_of(arguments) as router:
        order = router.json("GET", path_of("orders", arguments.order_id), given_query(arguments, ("channel", "seller")))
    print_result(arguments.json, order, "\n".join(told(order)))


def told(order: dict[str, Any]) -> Iterator[str]:
    """An order as ``GET /v1/orders/{id}`` shows it, in lines for people."""
    money, currency = order["money"], order["currency"] or ""
    yield (
        f"{order['order_id']}: {order['state']}, {order['payment_state']}; channel {order['channel']}"
        + (f", seller {order['seller']}" if order["seller"] else "")
        + f", placed {order['placed_at']}, version {order['version']}"
    )
    for line in order["lines"]:
        units = ", ".join(f"{count:,} {stage}" for stage, count in line["units"].items() if count)
        nodes = ", ".join(f"{part['qty']:,} at {part['node']}" for part in line["allocations"])
        held = units or "no units"  # of an order that was refused
        yield f"  line {line['line_id']}: {line['sku']}: {held}" + (f" ({nodes})" if nodes else "")
    accounts = ", ".join(f"{name} {amount:,}" for name, amount in money.items() if amount or name in ("total", "due"))
    yield f"money: {accounts} {currency}".rstrip()
    for shipment in order["shipments"]:
        guess = f"{shipment['carrier_guess']}?" if shipment["carrier_guess"] else ""
        told = filter(None, (shipment["carrier"] or guess, shipment["tracking_number"], shipment["tracking_url"]))
        state = f"shipment {shipment['shipment_id']} from {shipment['node']}: {shipment['status']}"
        yield " ".join((state, *told))
    if order["holds"]:
        yield f"on hold: {', '.join(order['holds'])}"
    if order["reasons"]:
        yield f"reasons: {', '.join(order['reasons'])}"
    if order["duplicate_of"]:
        yield f"the same basket as order {order.get('duplicate_of_order_id') or order['duplicate_of']}"
    yield f"takes now: {', '.join(order['next_events']) or 'nothing'}"
