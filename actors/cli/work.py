"""``order-router work``: what waits for a person, by deadline; and what is done with it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

from actors.cli.daily import given_query, router_of
from actors.cli.events import add_event_flags, event_fields
from actors.cli.output import UsageError, add_json_flag, add_server_flags, print_result, whole_number

FILTERS = ("queue", "kind", "state", "owner", "order_id")
LIMIT_USUAL, PAGE_MAX = 50, 1_000
_HELP = {
    "queue": "orders, payments, warehouse or carriers",
    "kind": "held, rejected, payment_failed, … (docs/desk.md has all)",
    "state": "open, claimed, snoozed or resolved; default: open and claimed",
    "owner": "whoever has it, by the name of a key",
    "order_id": "about this order",
}


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "work",
        help="what waits for a person: list, claim, assign, snooze, resolve",
        description="Reads and changes the work items of a running router. Each has a reason, a remedy, a deadline and "
        "the events that may settle it. Whose the key is, has what is claimed with it.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listed = actions.add_parser("list", help="items by deadline, the first to break it first")
    for name in FILTERS:
        listed.add_argument(f"--{name.replace('_', '-')}", help=_HELP[name])
    listed.add_argument(
        "--limit", type=whole_number(1, 1_000_000), default=LIMIT_USUAL, help="items at most (default %(default)s)"
    )
    acts = {name: actions.add_parser(name, help=said) for name, said in _ACTS.items()}
    for act in acts.values():
        act.add_argument("work_id", metavar="WORK_ID")
    acts["assign"].add_argument("owner", metavar="NAME", help='of a key; "" gives it back to all')
    acts["snooze"].add_argument("until", metavar="TIME", help="when it comes back (RFC 3339)")
    acts["resolve"].add_argument("--note", default="", help="what was done; kept with the item")
    acts["resolve"].add_argument("--event", metavar="TYPE", help="report this of the order: release, cancel, move …")
    acts["resolve"].add_argument(
        "--approve", action=argparse.BooleanOptionalAction, help="whether the money of a refund may go back"
    )
    add_event_flags(acts["resolve"])
    for action in (listed, *acts.values()):
        add_server_flags(action)
        add_json_flag(action)
    return parser


_ACTS = {
    "claim": "take an item",
    "assign": "give an item to somebody",
    "snooze": "put an item off",
    "resolve": "end an item, and report what was done about its order",
}


def run(arguments: argparse.Namespace) -> int:
    if arguments.action == "list":
        found = list(_found(arguments))
        text = "\n".join(line for item in found for line in told(item)) or "Nothing waits."
        print_result(arguments.json, {"items": found}, text)
        return 0
    item = _act(arguments)
    print_result(arguments.json, item, "\n".join(told(item)))
    return 0


def _found(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Up to the limit, over as many pages as it takes."""
    query, left, cursor = given_query(arguments, FILTERS), arguments.limit, ""
    with router_of(arguments) as router:
        while left:
            more = {"limit": str(min(left, PAGE_MAX))} | ({"cursor": cursor} if cursor else {})
            page = router.json("GET", "/v1/work", query | more)
            yield from page["items"]
            left -= len(page["items"])
            cursor = page["cursor"] or ""
            if not cursor:
                return


def _act(arguments: argparse.Namespace) -> dict[str, Any]:
    from actors.client.asking import JSON, Body, path_of

    said = _said(arguments)
    path = path_of("work", arguments.work_id, arguments.action)
    with router_of(arguments) as router:
        item: dict[str, Any] = router.json("POST", path, body=Body(json.dumps(said).encode(), JSON))
    return item


def _said(arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.action == "assign":
        return {"owner": arguments.owner}
    if arguments.action == "snooze":
        return {"until": arguments.until}
    if arguments.action == "claim":
        return {}
    fields = event_fields(arguments)
    if fields and not arguments.event:
        raise UsageError("--line and --field are of an event; name its type with --event.")
    events = [{"type": arguments.event, **fields}] if arguments.event else []
    return {"note": arguments.note, "events": events, "approve": arguments.approve}


def told(item: dict[str, Any]) -> Iterator[str]:
    """An item in lines for people."""
    late = " OVERDUE" if item["overdue"] else ""
    owner = f" by {item['owner']}" if item["owner"] else ""
    until = f" until {item['snoozed_until']}" if item["snoozed_until"] else ""
    what = f"{item['kind']} of order {item['order_id']}"
    yield f"{item['work_id']}  {item['deadline']}{late}  {what}: {item['state']}{owner}{until}"
    yield f"  {item['reason']}"
    if item["state"] == "resolved":
        yield f"  resolved: {item['resolution']}" + (f" ({item['resolved_by']})" if item["resolved_by"] else "")
    else:
        yield f"  {item['remedy']}"
        if item["acts"]:
            yield f"  may settle it: {', '.join(act['type'] for act in item['acts'])}"
    for event in item["events"]:
        why = f", {event['reason']}: {event['detail']}" if event["reason"] else ""
        yield f"  {event['type']} ({event['event_id']}): {event['status']}{why}"
