"""``order-router waves``: what waits to be picked at a node, and what is picked together."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

from actors.cli.daily import given_query, new_id, router_of
from actors.cli.output import UsageError, add_json_flag, add_server_flags, print_result, whole_number

QTY_MAX = 1 << 31
_HELP = {
    "list": "what waits at a node by cut-off, and its waves",
    "make": "take orders that wait into a wave, the most urgent first",
    "show": "a wave, and how far each line of it is",
    "pick-list": "what is left to pick, bin by bin along the walk",
    "pick": "report what was picked",
    "short": "report what was not found; its bin is blocked",
    "packing": "the cartons proposed for an order, and its packing slip",
    "pack": "report that what was picked of an order is packed",
    "release": "end a wave; what is left of it waits again",
}


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "waves",
        help="pick orders together: list, make, show, pick-list, pick, short, packing, pack, release",
        description="Makes and works waves of a running router: orders that are picked together at a node that "
        "[warehouse] of the configuration names (docs/warehouse.md). Exit code 1 when something is refused.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    made = {name: actions.add_parser(name, help=said) for name, said in _HELP.items()}
    for name in ("list", "make"):
        made[name].add_argument("node", metavar="NODE")
    for name in ("show", "pick-list", "pick", "short", "packing", "pack", "release"):
        made[name].add_argument("wave_id", metavar="WAVE_ID")
    made["list"].add_argument("--state", help="open, done or released")
    _add_grouping(made["make"])
    for name in ("pick", "short"):
        made[name].add_argument("order_id", metavar="ORDER_ID")
        made[name].add_argument("--line", action="append", required=True, metavar="LINE_ID=QTY", help="several times")
    made["short"].add_argument("--reason", required=True, help="told to the order, and kept with the bin")
    made["short"].add_argument("--bin", help="where it was not; needed for a bundle that lies in several")
    for name in ("packing", "pack"):
        made[name].add_argument("tote", metavar="TOTE", type=whole_number(1, 2_000), help="number of the order in it")
    made["pack"].add_argument("--cartons", type=whole_number(1, 10_000), help="into how many")
    for name in ("make", "pick", "short", "pack", "release"):
        made[name].add_argument(
            "--idempotency-key", metavar="TEXT", help="the same when it is asked for again; default: a new one"
        )
    made["pick-list"].add_argument("--csv", action="store_true", help="for a spreadsheet")
    for action in made.values():
        add_server_flags(action)
        add_json_flag(action)
    return parser


def _add_grouping(make: argparse.ArgumentParser) -> None:
    make.add_argument("--zone", help="orders of which all units at the node lie in it")
    make.add_argument("--carrier", help="orders planned for it")
    make.add_argument("--due-before", metavar="TIME", help="orders whose cut-off is no later (RFC 3339)")
    for name in ("orders", "lines"):
        make.add_argument(f"--max-{name}", type=whole_number(1, 2_000), help=f"so many {name} at most")


def run(arguments: argparse.Namespace) -> int:
    found = _asked(arguments)
    if arguments.action == "pick-list" and not arguments.json:
        from router.warehouse.wave_views import pick_list_csv, pick_list_text

        print((pick_list_csv if arguments.csv else pick_list_text)(found), end="")
        return 0
    if arguments.action == "packing" and not arguments.json:
        from router.warehouse.packing import slip_text

        print(slip_text(found), end="")
        return 0
    told = _told_list(found) if arguments.action == "list" else told_wave(found)
    print_result(arguments.json, found, "\n".join(told))
    return 0


def _asked(arguments: argparse.Namespace) -> dict[str, Any]:
    from actors.client.asking import JSON, Body, path_of

    if arguments.action in ("list", "show", "pick-list", "packing"):
        path = ["waves"] if arguments.action == "list" else ["waves", arguments.wave_id]
        query = given_query(arguments, ("node", "state")) if arguments.action == "list" else {}
        path += {"pick-list": ["pick-list"], "packing": ["packing", str(getattr(arguments, "tote", ""))]}.get(
            arguments.action, []
        )
        method, body = "GET", None
    else:
        is_new = arguments.action == "make"
        path, query = ["waves"] if is_new else ["waves", arguments.wave_id, arguments.action], {}
        key = arguments.idempotency_key or new_id("cli")
        method, body = "POST", Body(json.dumps(_said(arguments)).encode(), JSON, key)
    with router_of(arguments) as router:
        found: dict[str, Any] = router.json(method, path_of(*path), query, body)
    return found


def _said(arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.action == "release":
        return {}
    if arguments.action == "pack":
        return {"tote": arguments.tote, "cartons": arguments.cartons}
    if arguments.action == "make":
        names = ("node", "zone", "carrier", "due_before", "max_orders", "max_lines")
        return {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    lines = [_line(arguments.order_id, text) for text in arguments.line]
    if arguments.action == "pick":
        return {"lines": lines}
    named = [line | ({"bin": arguments.bin} if arguments.bin else {}) for line in lines]
    return {"lines": named, "reason": arguments.reason}


def _line(order_id: str, text: str) -> dict[str, Any]:
    line_id, _, qty = text.rpartition("=")
    if not line_id or not qty.isdecimal() or not 1 <= int(qty) <= QTY_MAX:
        raise UsageError(f"--line {text!r}: write LINE_ID=QTY, 1=2 say.")
    return {"order_id": order_id, "line_id": line_id, "qty": int(qty)}


def _told_list(found: dict[str, Any]) -> Iterator[str]:
    for row in found["waiting"]:
        yield f"{row['due_at']}  {row['carrier'] or '-':<12} {row['orders']:>6,} orders {row['units']:>8,} units wait"
    for wave in found["waves"]:
        yield f"{wave['wave_id']}  {wave['state']:<8} {wave['made_at']} by {wave['made_by']}"
    if not found["waiting"] and not found["waves"]:
        yield "Nothing waits, and there are no waves."


def told_wave(wave: dict[str, Any]) -> Iterator[str]:
    """A wave in lines for people."""
    yield f"{wave['wave_id']}  {wave['node']}: {wave['state']}, {wave['left']:,} units to be picked"
    for order in wave["orders"]:
        yield f"  tote {order['tote']}  {order['order_id']}  {order['carrier'] or '-'}  by {order['due_at']}"
        for line in order["lines"]:
            counts = ", ".join(
                f"{line[name]:,} {name}" for name in ("left", "picked", "short", "dropped", "packed") if line[name]
            )
            why = f" ({line['why']})" if line["why"] else ""
            yield f"    {line['line_id']}  {line['sku']}: {counts}{why}"
