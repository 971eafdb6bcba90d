"""``order-router shipments``: make parcels of what is ready of an order, ship them, void them, see how far they are."""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
import time
from collections.abc import Iterator
from typing import Any

from actors.cli.daily import add_scope_flags, given_query, new_id, posted_once, router_of, units_of
from actors.cli.output import add_json_flag, add_server_flags, print_result, whole_number

WEIGHT_G_MAX = 1_000_000_000
WAIT_S, LOOK_EVERY_S = 20.0, 0.2
_UNDER_WAY = ("requested", "shipping", "voiding")  # what somebody else has to answer


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "shipments",
        help="parcels: new, list, show, ship, void, label",
        description="Asks a running router to make parcels of what is ready of an order: units, carrier, label. "
        "A label is no departure: `ship` reports that a parcel has left. Exit code 1 when it is refused.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    new = actions.add_parser("new", help="a parcel of an order; without --line of all that one node has ready")
    new.add_argument("order_id", metavar="ORDER_ID")
    new.add_argument("--line", action="append", default=[], metavar="LINE_ID=QTY", help="these units; several times")
    new.add_argument("--node", default="", help="from here; default: the first node that has them")
    new.add_argument("--carrier", default="", help="instead of one by --policy")
    new.add_argument("--service", default="", help="default: the one that the order asked for")
    new.add_argument("--policy", choices=("cheapest", "fastest", "in_time"), default="in_time", help="default: in_time")
    new.add_argument(
        "--weight-g", type=whole_number(1, WEIGHT_G_MAX), metavar="GRAMS", help="default: by the catalogue"
    )
    new.add_argument("--tracking-number", default="", help="of a label that there is already")
    new.add_argument("--form", choices=("pdf", "zpl"), default="pdf", help="of the label; default: pdf")
    new.add_argument("--ship", action="store_true", help="report it as shipped, too")
    new.add_argument("--idempotency-key", metavar="TEXT", help="the same parcel when it is asked for again")
    listed = actions.add_parser("list", help="all shipments that were asked for of an order")
    listed.add_argument("order_id", metavar="ORDER_ID")
    of_one = {
        "show": "how far a shipment is",
        "ship": "it has left: report it to the order",
        "void": "it is not to leave: void it, and its label",
    }
    ones = [actions.add_parser(name, help=text) for name, text in of_one.items()]
    for one in ones:
        one.add_argument("shipment_id", metavar="SHIPMENT_ID")
    label = actions.add_parser("label", help="labels of shipments as one document")
    label.add_argument("shipment_ids", metavar="SHIPMENT_ID", nargs="+", help="in the order of the pages")
    label.add_argument("--form", choices=("pdf", "zpl"), default="pdf", help="default: pdf")
    label.add_argument("--out", metavar="FILE", default="-", help="default: standard output")
    for action in (new, listed):
        add_scope_flags(action)
    for action in (new, listed, *ones):
        add_json_flag(action)
    for action in (new, listed, label, *ones):
        add_server_flags(action)
    return parser


def run(arguments: argparse.Namespace) -> int:
    if arguments.action == "list":
        found = _asked(arguments, "GET", "orders", arguments.order_id, "shipments")
        text = "\n".join(line for shipment in found["shipments"] for line in told(shipment)) or "No shipments."
        print_result(arguments.json, found, text)
        return 0
    if arguments.action == "label":
        return _print(arguments)
    if arguments.action == "new":
        shipment = _settled(arguments, _new(arguments))
    elif arguments.action == "show":
        shipment = _asked(arguments, "GET", "shipments", arguments.shipment_id)
    elif arguments.action == "ship":
        shipment = _settled(arguments, _asked(arguments, "POST", "shipments", arguments.shipment_id, "ship"))
    else:
        shipment = _settled(arguments, _asked(arguments, "DELETE", "shipments", arguments.shipment_id))
    print_result(arguments.json, shipment, "\n".join(told(shipment)))
    return 1 if shipment["status"] == "failed" and arguments.action == "new" else 0


def _asked(arguments: argparse.Namespace, method: str, *path: str) -> dict[str, Any]:
    from actors.client.asking import path_of

    with router_of(arguments) as router:
        found: dict[str, Any] = router.json(method, path_of(*path), _scope(arguments))
    return found


def _settled(arguments: argparse.Namespace, shipment: dict[str, Any]) -> dict[str, Any]:
    """As it is once carrier and order have answered; as it is by then, where they take longer than people wait."""
    until = time.monotonic() + WAIT_S
    while shipment["status"] in _UNDER_WAY and time.monotonic() < until:
        time.sleep(LOOK_EVERY_S)
        shipment = _asked(arguments, "GET", "shipments", shipment["shipment_id"])
    return shipment


def _new(arguments: argparse.Namespace) -> dict[str, Any]:
    from actors.client.asking import path_of

    path, key = path_of("orders", arguments.order_id, "shipments"), arguments.idempotency_key or new_id("cli")
    with router_of(arguments) as router:
        return posted_once(router, path, _scope(arguments), _said(arguments), key, "its label is bought once")


def _said(arguments: argparse.Namespace) -> dict[str, Any]:
    names = ("node", "carrier", "service", "policy", "weight_g", "tracking_number", "form", "ship")
    return {name: getattr(arguments, name) for name in names} | {"lines": [units_of(text) for text in arguments.line]}


def _print(arguments: argparse.Namespace) -> int:
    from actors.client.asking import JSON, Body

    said = {"shipments": arguments.shipment_ids, "form": arguments.form}
    with router_of(arguments) as router:
        content = b"".join(router.pieces("POST", "/v1/labels", None, Body(json.dumps(said).encode(), JSON)))
    if arguments.out == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
    else:
        pathlib.Path(arguments.out).write_bytes(content)
    return 0


def _scope(arguments: argparse.Namespace) -> dict[str, str]:
    return given_query(arguments, ("channel", "seller")) if arguments.action in ("new", "list") else {}


def told(shipment: dict[str, Any]) -> Iterator[str]:
    """A shipment in lines for people."""
    units = ", ".join(f"{line['line_id']}={line['qty']:,}" for line in shipment["lines"])
    where = f"{units} from {shipment['node']}"
    yield f"{shipment['shipment_id']}  order {shipment['order_id']}: {shipment['status']}; {where}"
    by = " ".join(filter(None, (shipment["carrier"], shipment["service"])))
    price = f", {shipment['price']:,} {shipment['currency']}" if shipment["price"] is not None else ""
    arrives = f", arrives {shipment['arrives']}" if shipment["arrives"] else ""
    promised = f" (promised {shipment['promise']})" if shipment["promise"] else ""
    yield f"  {by}, {shipment['weight_g']:,} g{price}{arrives}{promised}"
    if shipment["tracking_number"]:
        yield f"  tracking number {shipment['tracking_number']}"
    if shipment["label_url"]:
        yield f"  label {shipment['label_url']}"
    if shipment["detail"]:
        yield f"  {shipment['detail']}"
