"""``order-router release``: let orders go that are on hold."""

from __future__ import annotations

import argparse
import json
from typing import Any

from actors.cli.daily import Results, add_scope_flags, new_id, router_of
from actors.cli.events import PATH, sentence
from actors.cli.output import add_json_flag, add_server_flags, print_result


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "release",
        help="let orders go that are on hold",
        description="Takes holds off orders of a running router: all of them, or the one that --hold names. Needs a "
        "key of role admin, ops or service. Exit code 1 when one is refused.",
    )
    parser.add_argument("order_ids", nargs="+", metavar="ORDER_ID")
    parser.add_argument("--hold", help="only the hold of this name, review say")
    parser.add_argument("--note", help="why; kept with the order")
    parser.add_argument("--source", help="who says so")
    add_scope_flags(parser)
    add_server_flags(parser)
    add_json_flag(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    from actors.client.asking import NDJSON, Body

    named = {name: getattr(arguments, name) for name in ("hold", "note", "source", "channel", "seller")}
    given = {name: value for name, value in named.items() if value is not None}
    events: list[dict[str, Any]] = [
        {"event_id": new_id("release"), "order_id": order_id, "type": "release", **given}
        for order_id in arguments.order_ids
    ]
    body = b"".join(json.dumps(event).encode() + b"\n" for event in events)
    with router_of(arguments) as router:
        answers = router.lines("POST", PATH, Body(body, NDJSON))
    results = Results()
    for number, answer in enumerate(answers, 1):
        results.add(number, answer)
    text = "\n".join(sentence(event, answer) for event, answer in zip(events, answers, strict=True))
    print_result(arguments.json, results.document() | {"results": answers}, text)
    return 1 if results.refused else 0
