"""Amending: units planned anew in one question to the ledger, which releases and takes.

    short pick   the units are not there: blocked at the node until somebody counted, and sought elsewhere
    refuse       the node will not send them: free again, and sought elsewhere
    move         they are wanted from another node: all of them, or nothing happens

What cannot be had waits, in the order's old place in the queue. A node that refused a line gets no units of it again,
whatever happens, unless a move names it. A line that names the node it must come from is planned from there alone, but
for a move, by which staff decides otherwise. A bundle is planned anew as a whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from kernels.life import layout
from router.arrow.string_table import StringTable
from router.life.event_types import OrderEvent
from router.life.meant import Meant, Named, Refusing, units_meant
from router.life.open_book import OpenBook
from router.life.refused import nodes_that_refused
from router.life.rules import RULES
from router.life.states import CellAccount, Stage, account_of, stage_of
from router.log.columns import AMENDS, Amend
from router.log.steps import OrderHistory

_RELEASED_TO = {OrderEvent.SHORT_PICK: CellAccount.BLOCKED}  # others: on sale again
_SAME = ("zone", "service", "promise_by_ms", "placed_at_ms", "priority")  # of ADMITTED


@dataclass(frozen=True)
class Amendment:
    """One event between its question and the answer."""

    event: OrderEvent
    node: int  # where the units are not to come from, -1 none
    to_node: int  # where they are to come from, -1 any
    book: OpenBook
    meant: list[Meant]
    line_sku: list[int]  # by line of the order
    line_node: list[int]  # by line of the order: that alone it may come from, -1 any; of a move all may from any
    order: int  # shard << 48 | reference
    accepted_ms: int
    refused_by: list[int]  # nodes that refused any of the lines, in order; of a move none counts

    @property
    def stage(self) -> Stage:
        """Where what is taken lies afterwards."""
        return Stage.HELD if self.book.on_hold else Stage.ALLOCATED

    @property
    def parcel_days(self) -> dict[int, int]:
        """Ship days, by node, of the parcels in which units that stay there are to leave."""
        left: Counter[int] = Counter()
        days: dict[int, int] = {}
        for position in self.book.positions:
            if Stage.HELD <= stage_of(int(position["stage"])) <= Stage.PACKED:
                node, day = int(position["node"]), int(position["ship_day"])
                left[node] += int(position["qty"])
                days[node] = max(day, days.get(node, 0))
        for line in self.meant:
            for position, qty in line.taken:
                left[int(position["node"])] -= qty
        return {node: day for node, day in days.items() if day and left[node] > 0}


@dataclass(frozen=True)
class Known:
    """What the log knows of an order that is amended."""

    admitted: pa.RecordBatch  # its row of ADMITTED
    order: int  # shard << 48 | reference
    accepted_ms: int
    history: OrderHistory


def amendment_of(sent: layout.Sent, at: int, book: OpenBook, known: Known) -> Amendment | Refusing:
    """What an event asks for."""
    row = sent.events[at]
    event, to_node = OrderEvent(int(row["event"])), int(row["to_node"])
    lines = [
        (book.line_number(int(line["line_key"].view(np.uint64)), int(line["line"])), int(line["qty"]))
        for line in sent.lines[row["line_first"] : row["line_last"]]
    ]
    stages = frozenset(Stage(stage) for tier in RULES[event].tiers for stage in tier)
    is_there = (book.positions["node"] == to_node) & (event is OrderEvent.MOVE)
    meant = units_meant(replace(book, positions=book.positions[~is_there]), Named(lines, int(row["node"]), stages))
    if isinstance(meant, Refusing):
        return Refusing(layout.REPEATS) if meant.refusal == layout.TRANSITION and is_there.any() else meant
    sent_lines = known.admitted.column("lines")[0].as_py()
    skus = [line["sku"] for line in sent_lines]
    nodes = [-1 if event is OrderEvent.MOVE else line["node"] for line in sent_lines]
    node = -1 if event is OrderEvent.MOVE else _node_of(meant, int(row["node"]))
    if node < 0 and event is not OrderEvent.MOVE:
        return Refusing(layout.WHICH_NODE)
    refused: set[int] = set()
    if event is not OrderEvent.MOVE:
        refused = nodes_that_refused(known.history, {line.line for line in meant})
    if event is OrderEvent.REFUSE:
        refused.add(node)
    return Amendment(event, node, to_node, book, meant, skus, nodes, known.order, known.accepted_ms, sorted(refused))


def _node_of(meant: list[Meant], named: int) -> int:
    """The node that has not got the units; -1 where it could be several."""
    nodes = {int(position["node"]) for line in meant for position, _ in line.taken}
    return nodes.pop() if named < 0 and len(nodes) == 1 else named


def question_of(
    amendments: Sequence[Amendment], admitted: Sequence[pa.RecordBatch], channels: StringTable
) -> pa.RecordBatch:
    """AMENDS. ``channels`` are those of the tables the question is asked under: the number that ADMITTED has for a
    channel without one may have been given to another since."""
    rows = [
        {
            "order": asked.order,
            "mode": Amend.WHOLE if asked.event is OrderEvent.MOVE else Amend.WAIT,
            "account": account_of(asked.stage),
            "only_node": asked.to_node,
            "without_node": asked.node,
            "refused_by": asked.refused_by,
            "short_at": asked.node if asked.event is OrderEvent.SHORT_PICK else -1,
            "accepted_ms": asked.accepted_ms,
            "channel_index": int(channels.find(row.column("channel"))[0]),
            **{name: row.column(name)[0].as_py() for name in _SAME},
            "releases": _releases(asked),
            "sends_from": sorted(asked.parcel_days),
            "wanted": [
                {
                    "line": line.line,
                    "sku": asked.line_sku[line.line],
                    "qty": line.line_units,
                    "node": asked.line_node[line.line],
                }
                for line in asked.meant
            ],
        }
        for asked, row in zip(amendments, admitted, strict=True)
    ]
    return pa.RecordBatch.from_pylist(rows, schema=AMENDS)


def _releases(asked: Amendment) -> list[dict[str, int]]:
    days = _days_given_back(asked)
    rows = []
    for line in asked.meant:
        for position, qty in line.taken:
            node = int(position["node"])
            target = _RELEASED_TO.get(asked.event, CellAccount.AVAILABLE)
            if asked.node not in (-1, node):
                target = CellAccount.AVAILABLE  # of a bundle: what is there where it comes from
            row = {
                "from_account": account_of(int(position["stage"])), "to_account": target, "sku": int(position["sku"]),
                "node": node, "line": line.line, "qty": qty, "ship_day": days.pop(node, -1),
            }  # fmt: skip
            rows.append(row)
    return rows


def _days_given_back(asked: Amendment) -> dict[int, int]:
    """Days of parcels from nodes that send nothing of the order any more."""
    taken: dict[int, int] = {}
    days: dict[int, int] = {}
    for line in asked.meant:
        for position, qty in line.taken:
            node = int(position["node"])
            taken[node] = taken.get(node, 0) + qty
            if position["ship_day"]:
                days[node] = int(position["ship_day"])
    for position in asked.book.positions:
        if stage_of(int(position["stage"])) not in (Stage.CANCELLED, Stage.BACKORDERED):
            node = int(position["node"])
            taken[node] = taken.get(node, 0) - int(position["qty"])
    return {node: day for node, day in days.items() if taken[node] == 0}
