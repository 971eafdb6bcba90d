"""Plans of orders by the kernels: with everything an order is judged by, or the units alone.

An amendment and a reservation are planned like one order: by the same masks, ship days, capacity and freight. Nothing
is judged, granted or remembered, and what there is of it is found whatever the policy does with short orders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from kernels import layout
from kernels.claim import claim as kernels
from kernels.claim.claim import ORDER, PLAN, QUOTE
from kernels.layout import Answers, Asked
from router.arrow.arrays import frozen
from router.ledger.batch import Claims, check_claims, nodes_named
from router.ledger.cells import Cells
from router.ledger.memory import Memory
from router.ledger.tables import NODE_BITS, LedgerTables
from router.ledger.workspace import Workspace
from router.log.columns import Admission, Status

I32 = npt.NDArray[np.int32]

__all__ = ["ORDER", "QUOTE", "Planner", "Request", "all_there"]


@dataclass(frozen=True)
class Request:
    """Units that are wanted together, of one order or of none yet."""

    lines: Sequence[tuple[int, int]]  # SKU, units
    channel_index: int  # -1 every channel that the tables do not name
    zone: int
    known_ms: int
    service: int = -1
    promise_by_ms: int = -1
    placed_at_ms: int = 0
    priority: int = 0
    only_node: int = -1
    without_nodes: Sequence[int] = ()
    line_nodes: Sequence[int] = ()  # that alone each line may come from, -1 any; nothing = all any

    def claims(self) -> Claims:
        """As if an order asked for them."""
        rows = np.zeros(1, layout.CLAIM)
        plain = ("channel_index", "zone", "known_ms", "service", "promise_by_ms", "placed_at_ms")
        for name in plain:
            rows[name] = getattr(self, name)
        rows["admission"] = Admission.PROCEED
        rows["line_last"] = len(self.lines)
        lines = np.array(self.lines, np.int32).reshape(-1, 2)
        nodes = nodes_named(np.array(self.line_nodes, np.int16))
        asked = Asked(frozen(rows), frozen(lines[:, 0]), frozen(lines[:, 1]), nodes, frozen(np.zeros(0, np.int16)))
        return Claims(
            asked,
            np.full(1, self.priority, np.int32),
            np.full(1, self.channel_index, np.int16),
            rows["zone"].copy(),
            lines_max=len(self.lines),
            candidates_max=0,
        )


class Planner:
    """The kernel that decides, with its scratch."""

    def __init__(self, cells: Cells, memory: Memory) -> None:
        self._cells = cells
        self._memory = memory
        self.workspace = Workspace()

    def run(self, mode: int, reference: int, claims: Claims, tables: LedgerTables) -> Answers:
        """Decide a batch; the answers stand in the workspace until the next one."""
        check_claims(claims, tables)
        self._memory.reserve(len(claims.rows), len(claims.asked.promotions), 0, self._cells.nodes)
        work = self.workspace
        work.fit(claims, tables)
        counted = self._memory.counted(tables.promotions.code, rotates=mode == ORDER)
        allocations = kernels.decide(
            mode, reference, claims.asked, tables.rows, tables.promotions, self._cells.units, counted, work.scratch,
            work.answers,
        )  # fmt: skip
        if mode == ORDER:
            self._memory.set_uses(tables.promotions.code, counted.uses)
        return work.answered(claims, allocations)

    def plan(self, request: Request, tables: LedgerTables) -> Answers:
        """Where what is wanted comes from, as much of it as there is; nothing is taken."""
        if request.channel_index < 0:
            request = replace(request, channel_index=tables.other_channel)
        return self.run(PLAN, 0, request.claims(), _restricted(tables, request))


def all_there(answers: Answers) -> bool:
    """Whether a request found everything."""
    return bool(answers.orders["status"][0] != Status.REJECTED and not answers.backordered.any())


def _restricted(tables: LedgerTables, request: Request) -> LedgerTables:
    """The tables with nodes masked as the request says, and what is there of a short order taken."""
    rows = tables.rows
    terms, channels = rows.terms.copy(), rows.channel_nodes.copy()
    terms["short_stock"] = layout.SHORT_PARTIAL
    mask = channels[request.channel_index]
    if request.only_node >= 0:
        mask &= _node_bit(request.only_node, len(mask))
    for node in request.without_nodes:
        mask &= ~_node_bit(node, len(mask))
    return replace(tables, rows=rows._replace(terms=frozen(terms), channel_nodes=frozen(channels)))


def _node_bit(node: int, words: int) -> npt.NDArray[np.int64]:
    bits = np.zeros(words, np.int64)
    if node // NODE_BITS < words:
        bits[node // NODE_BITS] = 1 << (node % NODE_BITS)
    return bits
