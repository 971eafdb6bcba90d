"""``order-router payments``: ask the buyer of an order for money, and see how far it is."""

from __future__ import annotations

import argparse
import json
import pathlib
import re
import time
from collections.abc import Iterator
from typing import Any

from actors.cli.daily import add_scope_flags, given_query, new_id, router_of
from actors.cli.output import UsageError, add_json_flag, add_server_flags, print_result, whole_number

AMOUNT_MAX = (1 << 53) - 1
LOOK_EVERY_S = 0.25
_INSTALMENT = re.compile(r"(?P<percent>[1-9]\d?)(=(?P<days>\d{1,3}))?", re.ASCII)


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "payments",
        help="ask for money, compare figures: ask, list, show, reconcile",
        description="Asks the buyer of an order for money, by a link that a payment provider makes or by a bank "
        "transfer, and shows how far that is. Of an order one request can be paid at a time: a new one takes the "
        "place of what was open. Amounts are minor units of the order's currency. Exit code 1 when it is refused.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    ask = actions.add_parser("ask", help="ask for the next instalment, or all that is due")
    ask.add_argument("order_id", metavar="ORDER_ID")
    ask.add_argument("--method", choices=("link", "bank_transfer"), default="link", help="default: link")
    ask.add_argument("--amount", type=whole_number(1, AMOUNT_MAX), help="so much; default: all that is due")
    ask.add_argument(
        "--instalment", action="append", default=[], metavar="PERCENT[=DAYS]",
        help="agree on instalments: 50 is due now, 50=14 so many days after the shipping; several times, 100 in all",
    )  # fmt: skip
    ask.add_argument(
        "--idempotency-key", metavar="TEXT", help="the same request when it is asked for again; default: a new one"
    )
    listed = actions.add_parser("list", help="all that was asked for of an order, its instalments, and other ways")
    listed.add_argument("order_id", metavar="ORDER_ID")
    show = actions.add_parser("show", help="how far a request is")
    show.add_argument("payment_request_id", metavar="PAYMENT_REQUEST_ID")
    compare = actions.add_parser("reconcile", help="compare a partner's figures of a day with the books")
    compare.add_argument("partner", metavar="PARTNER")
    compare.add_argument("day", metavar="DAY", help="in UTC, 2026-11-30 say")
    compare.add_argument("--file", metavar="FILE", help="the figures, one JSON object a line; default: ask the partner")
    compare.add_argument("--wait", type=whole_number(1, 3_600), default=120, help="seconds; default: 120")
    for action in (ask, listed):
        add_scope_flags(action)
    for action in (ask, listed, show, compare):
        add_server_flags(action)
        add_json_flag(action)
    return parser


def run(arguments: argparse.Namespace) -> int:
    if arguments.action == "list":
        found = _asked(arguments, "orders", arguments.order_id, "payments")
        print_result(arguments.json, found, "\n".join(all_told(found)))
        return 0
    if arguments.action == "reconcile":
        run = _reconciled(arguments)
        print_result(arguments.json, run, "\n".join(run_told(run)))
        return 0 if run["status"] == "done" and not run["differing"] else 1
    request = _ask(arguments) if arguments.action == "ask" else _asked(arguments, "payments", _id(arguments))
    print_result(arguments.json, request, "\n".join(told(request)))
    return 0


def _id(arguments: argparse.Namespace) -> str:
    return str(arguments.payment_request_id)


def _asked(arguments: argparse.Namespace, *path: str) -> dict[str, Any]:
    from actors.client.asking import path_of

    scope = given_query(arguments, ("channel", "seller")) if arguments.action != "show" else {}
    with router_of(arguments) as router:
        found: dict[str, Any] = router.json("GET", path_of(*path), scope)
    return found


def _ask(arguments: argparse.Namespace) -> dict[str, Any]:
    """Whoever hears no answer is told the key under which it is the same request."""
    from actors.client.asking import JSON, Body, asked_once, path_of

    key = arguments.idempotency_key or new_id("cli")
    body = Body(json.dumps(_said(arguments)).encode(), JSON, key)
    scope = given_query(arguments, ("channel", "seller"))
    again = f"Ask again with --idempotency-key {key}, so that it is asked for once."
    with router_of(arguments) as router:
        return asked_once(router, path_of("orders", arguments.order_id, "payments"), scope, body, again)


def _reconciled(arguments: argparse.Namespace) -> dict[str, Any]:
    """The comparison, when it has ended."""
    from actors.client.asking import JSON, Body, asked_once, path_of
    from router.errors import Retryable

    said: dict[str, Any] = {"partner": arguments.partner, "day": arguments.day}
    if arguments.file:
        said["figures"] = _figures(arguments.file)
    key, ends_s = new_id("cli"), time.monotonic() + arguments.wait
    with router_of(arguments) as router:
        body = Body(json.dumps(said).encode(), JSON, key)
        run = asked_once(router, path_of("payments", "reconcile"), {}, body, "Compare the day again.")
        while run["status"] in ("asked", "fetched"):
            if time.monotonic() > ends_s:
                raise Retryable(f"{run['reconciliation_id']} is {run['status']} still; ask again later.", 1_000)
            time.sleep(LOOK_EVERY_S)
            run = router.json("GET", path_of("payments", "reconciliations", run["reconciliation_id"]))
    return run


def _figures(name: str) -> list[Any]:
    try:
        lines = pathlib.Path(name).read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines if line.strip()]
    except (OSError, UnicodeDecodeError) as fault:
        raise UsageError(f"--file {name!r} cannot be read: {fault}") from None
    except json.JSONDecodeError as fault:
        raise UsageError(f"--file {name!r}: write one JSON object a line ({fault}).") from None


def run_told(run: dict[str, Any]) -> Iterator[str]:
    """A comparison in lines for people."""
    yield f"{run['partner']}, {run['day']}: {run['status']}{': ' + run['detail'] if run['detail'] else ''}"
    for each in run["sums"]:
        sums = f"{each['here']:,} here, {each['there']:,} there, difference {each['difference']:,}"
        yield f"  {each['what']} {each['currency']}: {sums}"
    yield f"  {run['agreed']:,} payments are the same, {run['differing']:,} differ"
    for each in run["differences"]:
        order = f", order {each['order_id']}" if each["order_id"] else ""
        amounts = f"{each['here']:,} here, {each['there']:,} there"
        yield f"  {each['fault']}: payment {each['payment_id']}{order}, {each['what']}: {amounts}"


def _said(arguments: argparse.Namespace) -> dict[str, Any]:
    instalments = [_instalment(text) for text in arguments.instalment]
    return {"method": arguments.method, "amount": arguments.amount, "instalments": instalments}


def _instalment(text: str) -> dict[str, Any]:
    found = _INSTALMENT.fullmatch(text)
    if found is None:
        raise UsageError(f"--instalment {text!r}: write PERCENT, or PERCENT=DAYS after the shipping: 50, or 50=14.")
    if found["days"] is None:
        return {"percent": int(found["percent"])}
    return {"percent": int(found["percent"]), "falls_due": "after_shipping", "days": int(found["days"])}


def all_told(found: dict[str, Any]) -> Iterator[str]:
    """What is known of an order's money, in lines for people."""
    for request in found["payments"]:
        yield from told(request)
    if not found["payments"]:
        yield "Nothing was asked for."
    for each in (found["plan"] or {"instalments": []})["instalments"]:
        when = "now" if each["falls_due"] == "now" else f"{each['days']} days after the shipping"
        due = f" ({each['due_at']})" if each["due_at"] else ""
        yield f"instalment {each['number']}: {each['amount']:,}, {each['left']:,} of it left; due {when}{due}"
    for offer in found["offers"]:
        parts = f" as the first of {len(offer['instalments'])} instalments" if offer["instalments"] else ""
        yield f"can be paid: {offer['amount']:,} by {offer['method']}{parts}"


def told(request: dict[str, Any]) -> Iterator[str]:
    """A request in lines for people."""
    money = f"{request['amount']:,} {request['currency']}, {request['paid']:,} of it came"
    why = f" ({request['detail']})" if request["detail"] else ""
    yield f"{request['payment_request_id']}  order {request['order_id']}: {request['status']}; {money}{why}"
    yield f"  {request['method']}, by {request['requested_by']}, until {request['expires_at']}"
    if request["pay_url"]:
        yield f"  {request['pay_url']}"
    if request["reference"]:
        yield f"  reference {request['reference']}, to {request['transfer_to']}"
