"""``order-router stock``: what could be promised now, and movements of stock: a file of them, or one by arguments."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

from actors.cli.daily import new_id, router_of, send_file
from actors.cli.output import add_json_flag, add_server_flags, print_result, whole_number

PATH = "/v1/stock"
KINDS = ("receipt", "count", "damage", "transfer", "dispatch", "arrive", "set_aside", "put_back", "scrap")


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "stock",
        help="show what could be promised, and move stock",
        description="Reads and changes the stock of a running router. A movement is known by its movement_id, so "
        "sending it again changes nothing. `order-router tables get stock` shows what lies everywhere.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = actions.add_parser("show", help="units of SKUs that an order could be promised now, by node")
    show.add_argument("skus", nargs="+", metavar="SKU")
    show.add_argument("--channel", help="to orders of this channel")
    show.add_argument("--country", help="to an address in this country, DE say")
    move = actions.add_parser("move", help="one movement by arguments")
    move.add_argument("kind", choices=KINDS)
    move.add_argument("sku", metavar="SKU")
    move.add_argument("node", metavar="NODE")
    move.add_argument("qty", metavar="QTY", type=whole_number(0))
    for name, said in (
        ("movement-id", "default: a new one, which is printed"),
        ("to-node", "where a transfer or dispatch goes"),
        ("state", "of set_aside, put_back, scrap: damaged, blocked, in_transit"),
        ("reason", "why; kept with the movement"),
        ("reference", "a number of yours; kept with it"),
    ):
        move.add_argument(f"--{name}", help=said)
    send = actions.add_parser("send", help="every movement of a file of JSON lines (- is standard input)")
    send.add_argument("file", metavar="FILE")
    for action in (show, move, send):
        add_server_flags(action)
        add_json_flag(action)
    return parser


def run(arguments: argparse.Namespace) -> int:
    if arguments.action == "show":
        return _show(arguments)
    if arguments.action == "move":
        return _move(arguments)
    results = send_file(arguments, PATH, "movements")
    print_result(arguments.json, results.document(), results.text("movements"))
    return 1 if results.refused else 0


def _show(arguments: argparse.Namespace) -> int:
    from actors.client.asking import JSON, Body

    asked: dict[str, Any] = {"skus": arguments.skus}
    if arguments.channel is not None:
        asked["channel"] = arguments.channel
    if arguments.country is not None:
        asked["ship_to"] = {"country": arguments.country}
    with router_of(arguments) as router:
        found = router.json("POST", "/v1/availability", body=Body(json.dumps(asked).encode(), JSON))
    print_result(arguments.json, found, "\n".join(_told(found)))
    return 1 if found["unknown"] else 0


def _told(found: dict[str, Any]) -> Iterator[str]:
    for item in found["items"]:
        nodes = ", ".join(f"{node} {units:,}" for node, units in item["nodes"].items())
        yield f"{item['sku']:<24}{item['available']:>12,}" + (f"   {nodes}" if nodes else "")
    for sku in found["unknown"]:
        yield f"{sku:<24}     unknown   no table names it; load the table skus first"


def _move(arguments: argparse.Namespace) -> int:
    from actors.client.asking import NDJSON, Body

    named = {name: getattr(arguments, name) for name in ("to_node", "state", "reason", "reference")}
    movement = {
        "movement_id": arguments.movement_id or new_id("cli"),
        **{name: getattr(arguments, name) for name in ("kind", "sku", "node", "qty")},
        **{name: value for name, value in named.items() if value is not None},
    }
    with router_of(arguments) as router:
        [result] = router.lines("POST", PATH, Body(json.dumps(movement).encode(), NDJSON))
    said = (
        f"{movement['kind']} of {movement['qty']:,} {movement['sku']} at {movement['node']} ({movement['movement_id']})"
    )
    why = f", {result['code']}: {result['detail']}" if result["status"] == "refused" else ""
    print_result(arguments.json, result, f"{said}: {result['status']}{why}")
    return 1 if result["status"] == "refused" else 0
