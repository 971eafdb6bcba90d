"""``order-router events``: tell a router what happened to orders: a file of events, or one by arguments."""

from __future__ import annotations

import argparse
import json
from typing import Any

from actors.cli.daily import add_scope_flags, new_id, router_of, send_file
from actors.cli.output import UsageError, add_json_flag, add_server_flags, print_result

PATH = "/v1/events"
_NUMBERS = ("amount", "cartons")
_FLAGS = ("public",)


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "events",
        help="tell what happened to orders: paid, picked, shipped, returned …",
        description="Sends events to a running router. An event is known by its order and event_id, so sending it "
        "again changes nothing. Exit code 1 when one is refused.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    send = actions.add_parser(
        "send", help="every event of a file of JSON lines (plain, .gz, .zst; - is standard input)"
    )
    send.add_argument("file", metavar="FILE")
    add = actions.add_parser("add", help="one event by arguments")
    add.add_argument("order_id", metavar="ORDER_ID")
    add.add_argument(
        "type", metavar="TYPE", help="ship, deliver, payment_captured, cancel, note … (docs/http.md has all)"
    )
    add.add_argument("--event-id", help="default: a new one, which is printed")
    add.add_argument("--at", help="when it happened (RFC 3339); default: now")
    add.add_argument("--source", help="who says so")
    add_event_flags(add)
    add_scope_flags(add)
    for action in (send, add):
        add_server_flags(action)
        add_json_flag(action)
    return parser


def add_event_flags(parser: argparse.ArgumentParser) -> None:
    """Of the fields that depend on the event's type."""
    parser.add_argument(
        "--line", action="append", default=[], metavar="LINE_ID[=QTY]", help="units of this line only; several times"
    )
    parser.add_argument(
        "--field",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any further field of the type, carrier=dhl say",
    )


def run(arguments: argparse.Namespace) -> int:
    if arguments.action == "add":
        return send_one(arguments, event_of(arguments))
    results = send_file(arguments, PATH, "events")
    print_result(arguments.json, results.document(), results.text("events"))
    return 1 if results.refused else 0


def event_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """The event that the arguments say."""
    named = {name: getattr(arguments, name) for name in ("at", "source", "channel", "seller")}
    return {
        "event_id": arguments.event_id or new_id("cli"),
        "order_id": arguments.order_id,
        "type": arguments.type,
        **{name: value for name, value in named.items() if value is not None},
        **event_fields(arguments),
    }


def event_fields(arguments: argparse.Namespace) -> dict[str, Any]:
    """What --line and --field say."""
    lines = {"lines": [_event_line(text) for text in arguments.line]} if arguments.line else {}
    return dict(_field(text) for text in arguments.field) | lines


def _field(text: str) -> tuple[str, Any]:
    name, is_said, value = text.partition("=")
    if not is_said or not name:
        raise UsageError(f"--field {text!r}: write NAME=VALUE, carrier=dhl say.")
    if name in _NUMBERS:
        return name, _number(text, value)
    if name in _FLAGS:
        if value not in ("true", "false"):
            raise UsageError(f"--field {text!r}: {name} is true or false.")
        return name, value == "true"
    return name, value


def _event_line(text: str) -> dict[str, Any]:
    line_id, is_said, qty = text.rpartition("=")
    return {"line_id": line_id, "qty": _number(text, qty)} if is_said else {"line_id": text}


def _number(text: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise UsageError(f"{text!r}: {value!r} is no whole number.") from None


def send_one(arguments: argparse.Namespace, event: dict[str, Any]) -> int:
    """Send one event and say what became of it; 1 when it was refused."""
    from actors.client.asking import NDJSON, Body

    with router_of(arguments) as router:
        [result] = router.lines("POST", PATH, Body(json.dumps(event).encode(), NDJSON))
    print_result(arguments.json, result, sentence(event, result))
    return 1 if result["status"] == "refused" else 0


def sentence(event: dict[str, Any], result: dict[str, Any]) -> str:
    """What became of one event, for people."""
    said = f"{event['type']} of order {event['order_id']} ({event['event_id']}): {result['status']}"
    if result["status"] == "refused":
        return f"{said}, {result['reason']}: {result['detail']}"
    return f"{said}; the order is {result['state']}, {result['payment_state']}, version {result['version']}"
