"""What must hold at every moment, checked while a schedule runs; the first violation ends it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.trials.simulation.layout import BY_BATCH, RECORD
from bench.trials.simulation.log import Store
from bench.trials.simulation.plan import EventSent, Movement, OrderRow
from bench.trials.simulation.scheduler import Scheduler
from kernels.reasons import ID_CONFLICT
from router.arrow.arrays import from_message, numbers
from router.ledger.engine import LedgerEngine
from router.log.columns import ACK, Status
from router.log.records import INPUT, OUTCOME_PART
from router.log.steps import Step
from router.queries.source import Indexed

CONFLICT = 1 << ID_CONFLICT


@dataclass(frozen=True)
class OrderAnswer:
    """What a client was told about one order."""

    order: OrderRow
    shard: int
    fingerprint: int
    ack: dict[str, Any]


@dataclass(frozen=True)
class EventAnswer:
    """What a client was told about one event."""

    event: EventSent
    request: int
    fingerprint: int
    ack: dict[str, Any]  # of EVENT_ACK


class Watch:
    """``note`` writes a line of the trace: who, what, details."""

    def __init__(
        self,
        scheduler: Scheduler,
        shard_stores: Sequence[Store],
        ledger_store: Store,
        note: Callable[[str, str, str], None],
    ) -> None:
        self._scheduler = scheduler
        self._shard_stores = shard_stores
        self._ledger_store = ledger_store
        self._note = note
        self.violations: list[str] = []
        self.arrivals: Counter[int] = Counter()  # by request, how often a gateway began to serve it
        self.told_orders: list[OrderAnswer] = []
        self.told_events: list[EventAnswer] = []
        self.told_movements: list[tuple[Movement, int]] = []
        self.promised: set[str] = set()  # ids of orders that somebody was told were accepted
        self.acted: dict[str, list[dict[str, Any]]] = defaultdict(list)  # by order, what a follower of the stream did
        self._versions: dict[str, int] = {}  # newest that a reader saw

    def violation(self, sentence: str) -> None:
        self.violations.append(f"at {self._scheduler.now_ms} ms: {sentence}")

    # --- owners ----------------------------------------------------------------------------------

    def acknowledges(self, shard: int, message: Any) -> None:
        """Called when an answer leaves a shard: if every disk lost its power now, what was promised must be left.

        That is the input and the ledger's decision; the outcome follows from both.
        """
        answers = from_message(message, ACK)
        own = self._shard_stores[shard].survivors()
        decided = self._ledger_store.survivors()
        for sequence in sorted(set(numbers(answers, "sequence").tolist())):
            if (RECORD, sequence, INPUT) not in own:
                self.violation(f"shard {shard} acknowledges sequence {sequence}, which a power cut would lose")
            if (BY_BATCH, shard, sequence) not in decided:
                self.violation(f"shard {shard} acknowledges sequence {sequence}, whose decision a power cut would lose")

    def shows(self, shard: int, sequence: int) -> None:
        """Called when an answer leaves a shard: what readers see up to this sequence, and so what was answered, would
        be left if every disk lost its power now."""
        if sequence and (RECORD, sequence, OUTCOME_PART) not in self._shard_stores[shard].survivors():
            self.violation(f"shard {shard} shows sequence {sequence}, which a power cut would lose")

    def ledger_is_balanced(self, engine: LedgerEngine) -> None:
        broken = engine.conservation()
        if broken:
            self.violation(f"cells {broken} break received = available + held + allocated + shipped")

    # --- clients and readers ---------------------------------------------------------------------

    def told_order(self, answer: OrderAnswer) -> None:
        self.told_orders.append(answer)
        if accepted(answer):  # a rejected one may be out of sight while it is judged anew
            self.promised.add(f"o-{answer.order.number}")
        ack = answer.ack
        self._note("client", "told", f"{answer.order.number} {ack['status']} {ack['sequence']}.{ack['row']}")

    def saw(self, order_id: str, found: Indexed | None, step: Step | None) -> None:
        """A read that began after the order was acknowledged."""
        if found is None or step is None:
            self.violation(f"{order_id} was acknowledged and a reader does not find it")
            return
        version = found[2]
        if step.given["order_id"] != order_id:
            self.violation(f"the index leads from {order_id} to {step.given['order_id']}")
        if version < self._versions.get(order_id, 0):
            self.violation(f"{order_id} went back from version {self._versions[order_id]} to {version}")
        self._versions[order_id] = version

    def acted_on(self, rows: list[dict[str, Any]]) -> None:
        """The follower of the stream does its work: nothing left out, nothing that a power cut could take back."""
        for told in rows:
            # A cursor also says how far the reader was in other shards, so a repeat has another one.
            row = {name: value for name, value in told.items() if name != "cursor"}
            done = self.acted[row["order_id"]]
            newest = done[-1]["version"] if done else 0
            if row["version"] == newest + 1:
                done.append(row)
            elif row["version"] > newest + 1:
                self.violation(f"the stream went from version {newest} of {row['order_id']} to {row['version']}")
            elif row != done[row["version"] - 1]:
                self.violation(f"the stream told version {row['version']} of {row['order_id']} in two ways")


def accepted(answer: OrderAnswer) -> bool:
    return bool(answer.ack["status"] != Status.REJECTED)
