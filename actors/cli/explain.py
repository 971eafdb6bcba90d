"""``order-router explain``: why an order was decided as it was, in sentences."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

from actors.cli.daily import add_scope_flags, given_query, router_of
from actors.cli.output import add_json_flag, add_server_flags, print_result

MASKS = {
    "inactive": "it is out of the table nodes (load it again to use it)",
    "channel": "it does not ship for the channel",
    "zone": "it does not serve the place",
    "lane": "no rate leads there",
    "service": "no rate offers the service asked for",
    "goods": "it does not take such goods",
    "lines": "every line has to come from another one",
}
VERDICTS = {"proceed": "let through", "hold": "held for review", "reject": "rejected"}


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "explain",
        help="say why an order was decided as it was",
        description="Asks a router for the reasons behind an order's decision: admission, risk, promotions, the "
        "warehouses and parcels chosen, and what the next best plan would have cost. Amounts are minor units of the "
        "order's currency. Needs a key of role admin, ops, service or viewer.",
    )
    add_server_flags(parser)
    parser.add_argument("order_id", metavar="ORDER_ID")
    add_scope_flags(parser)
    add_json_flag(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    from actors.client.asking import path_of

    path = path_of("orders", arguments.order_id, "explain")
    with router_of(arguments) as router:
        explained = router.json("GET", path, given_query(arguments, ("channel", "seller")))
    print_result(arguments.json, explained, "\n".join(sentences(explained)))
    return 0


def sentences(explained: dict[str, Any]) -> Iterator[str]:
    """The explanation of ``GET /v1/orders/{id}/explain`` as lines for people."""
    status = explained["status"].replace("_", " ")
    yield (
        f"Order {explained['order_id']} is {status}; decided at {explained['decided_at']} with version "
        f"{explained['tables_version']} of the reference tables."
    )
    yield from _admission(explained["admission"], explained["risk"])
    yield from _promotions(explained["promotions"])
    for reason in explained["reasons"]:
        yield f"Because of {_reason(reason)}"
    if explained["duplicate_of"]:
        twin = explained.get("duplicate_of_order_id") or f"at {explained['duplicate_of']}"
        yield f"The order {twin} has the same customer and the same basket."
    yield from _plan(explained["plan"])
    yield from _nodes(explained.get("nodes", ()), explained["plan"]["cost"])


def _admission(admission: dict[str, Any], risk: dict[str, int]) -> Iterator[str]:
    where = f" at line {admission['line']}" if admission["line"] else ""
    scores = f"risk score {risk['final']}"
    if risk["final"] != risk["admitted"]:
        scores += f" ({risk['admitted']} before the ledger knew the customer and the channel)"
    yield f"Admission: {VERDICTS[admission['verdict']]}{where}, {scores}."
    for reason in admission["reasons"]:
        yield f"  {_reason(reason)}"


def _reason(reason: dict[str, str]) -> str:
    field = f" ({reason['field']})" if reason["field"] else ""
    return f"{reason['code']}{field}: {reason['detail']}"


def _promotions(promotions: dict[str, list[str]]) -> Iterator[str]:
    if not promotions["candidates"]:
        yield "Promotions: none fits this order."
    if promotions["granted"]:
        yield f"Promotions granted: {', '.join(promotions['granted'])}."
    if promotions["not_granted"]:
        yield f"Promotions that fit but were not granted (limit, stacking): {', '.join(promotions['not_granted'])}."


def _plan(plan: dict[str, Any]) -> Iterator[str]:
    wanted = [line for line in plan["units"] if line["qty"]]  # none on lines of an order that admission rejected
    for line in wanted:
        yield _line(line)
    for number, parcel in enumerate(plan["parcels"], 1):
        carrier = " ".join(filter(None, (parcel["carrier"], parcel["service"]))) or "a carrier that no rate names"
        pieces = f" in {parcel['pieces']:,} pieces" if parcel["pieces"] > 1 else ""
        yield (
            f"Parcel {number} leaves {parcel['node']} on {parcel['ship_date']} with {carrier}{pieces}, arrives by "
            f"{parcel['promise_date']} and costs {parcel['cost']:,}."
        )
    if plan["parcels"]:
        yield from _alternatives(plan)
    else:
        yield "Nothing was taken from stock."


def _nodes(nodes: Sequence[dict[str, Any]], cost_minor: int) -> Iterator[str]:
    """The nodes that gave nothing; those that gave something are in the parcels."""
    for node in nodes:
        if node["chosen"]:
            continue
        if node["removed_by"]:
            yield f"{node['node']} may not ship it: {', '.join(_masks(node))}."
        elif node["cost"] is None:
            yield f"{node['node']} has no rate for a parcel of all of it."
        else:
            short = "; it was short of units, had no room or came later" if node["cost"] < cost_minor else ""
            yield f"{node['node']} would have cost {node['cost']:,} for one parcel{short}."


def _masks(node: dict[str, Any]) -> Iterator[str]:
    since = node.get("inactive_since")
    when = f" since version {since['tables_version']} of the tables, {since['at']}" if since else ""
    for mask in node["removed_by"]:
        yield MASKS[mask] + (when if mask == "inactive" else "")


def _line(line: dict[str, Any]) -> str:
    taken = [
        f"{part['qty']:,} from {part['node']}" + (f" ({part['sku']})" if part["sku"] != line["sku"] else "")
        for part in line["taken"]
    ]
    if line["backordered"]:
        taken.append(f"{line['backordered']:,} on backorder")
    only = f" (from {line['node']} alone)" if line.get("node") else ""
    return f"{line['qty']:,} of {line['sku'] or 'an unknown SKU'}{only}: {', '.join(taken) or 'nothing taken'}."


def _alternatives(plan: dict[str, Any]) -> Iterator[str]:
    late = f"; asked for by {plan['promise_by']}" if plan["promise_by"] else ""
    yield f"All {plan['weight_g']:,} g of it arrive by {plan['promise_date']}{late}. The plan costs {plan['cost']:,}."
    if plan["runner_up_cost"] is None:
        yield "No other warehouses could have filled the order."
    else:
        difference = f"{abs(plan['margin']):,} {'more' if plan['margin'] >= 0 else 'less'}"
        yield f"The best plan with other warehouses would have cost {plan['runner_up_cost']:,}, {difference}."
