"""The seams between processes: what an owner may be asked from outside, each as one protocol.

    asker ── stub (stubs.py): the same methods, each giving a call under way ──▶ Ray ──▶ actor: satisfies the protocol

Batches travel as Arrow IPC messages with the schemas of ``router/log/columns/``, as arrays of uint8, which Ray moves
through shared memory. A ``RouterError`` that an actor raises reaches the asker as it is; of anything else the asker
hears only that it got no answer (``calls.py``).
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from adapters._told import ToldEvent
from router.bound import Bound
from router.ports import Question
from router.shard.lanes import Message
from router.shard.order_lane import OrderBatch
from router.tables.withdrawn import Numbers, UnitsInUse
from router.warehouse.reports import BinAsked, WaveList, WaveReport
from router.warehouse.wave import WaveAsked
from router.wire.event_batch import EventBatch
from router.work.acts import Act
from router.work.listing import WorkFilter
from router.work.pay import PayAsked
from router.work.reconcile import ReconcileAsked
from router.work.refund import RefundAsked
from router.work.shipment import LabelToPrint, ShipmentAsked


class EngineStatus(NamedTuple):
    """An engine that answers, and how far it is."""

    sequence: int  # its newest record that counts
    epoch: int  # how often its log has had an owner
    log_bytes: int
    recovered_records: int  # replayed when it started
    recovery_ms: int
    pid: int


class TableReplaced(NamedTuple):
    """A reference table that was taken."""

    table: str
    version: int
    rows: int
    warnings: list[dict[str, Any]] = []  # of rows that may not mean what they say, router/tables/remarks.py


class TablePatched(NamedTuple):
    """Rows of a reference table that were changed; ``version`` is the one before where nothing was."""

    table: str
    version: int
    rows: int  # in all
    added: int
    changed: int
    removed: int
    warnings: list[dict[str, Any]] = []  # as of TableReplaced, of all rows of the table


class ShardCalls(Protocol):
    """An order shard, as gateways, tables and the supervisor ask it."""

    def submit(self, batch: OrderBatch) -> Message:
        """ACK rows of a batch, durable. One argument, so that Ray packs and stores one object and not five."""

    def submit_events(self, batch: EventBatch) -> Message:
        """EVENT_ACK rows of a batch, durable."""

    def quote(self, orders: Message, skus: Message, now_ms: int) -> Message:
        """QUOTE rows as if the orders (a message of WIRE, and one of WIRE_SKUS) were sent now."""

    def use_tables(self, version: int) -> None:
        """Judge every later batch with this version; batches under way keep theirs."""

    def status(self) -> EngineStatus:
        """Answered once it has recovered."""

    def drain(self) -> None:
        """Finish what is under way, keep the state in a checkpoint and give the folder free."""


class LedgerCalls(Protocol):
    """The ledger, as shards, tables and the supervisor ask it. Its methods bear its name, for one actor may be a shard
    and the ledger at once."""

    def ledger_decide(self, question: Question, claims: Message) -> Message:
        """DECISION of CLAIMS, durable."""

    def ledger_move(self, question: Question, moves: Message, given_back: Message, numbering: Message) -> Message:
        """Apply the MOVES and GIVEN_BACK of an event batch; NUMBERED of its NUMBERING, durable."""

    def ledger_amend(self, question: Question, amends: Message) -> Message:
        """AMENDED of AMENDS, durable."""

    def ledger_grants(self, shard: int, epoch: int, after: int, wait_ms: int) -> tuple[int, Message]:
        """The first durable record after ``after`` that granted something to a shard, and its GRANTS."""

    def ledger_quote(self, tables_version: int, claims: Message, now_ms: int) -> Message:
        """What would be decided now; takes nothing."""

    def ledger_stock(self, movements: Message, now_ms: int) -> Message:
        """STOCK_RESULTS of MOVEMENTS, durable; each is idempotent by its own id."""

    def ledger_pending(self, steps: Message, now_ms: int) -> Message:
        """PENDED of PENDING, durable."""

    def ledger_in_use(self, skus: Numbers, nodes: Numbers) -> UnitsInUse:
        """Units that lie and wait under SKUs, then under nodes, by their numbers."""

    def ledger_use_tables(self, version: int) -> None:
        """Know this version from now on; what claims say decides which one is used."""

    def ledger_status(self) -> EngineStatus:
        """Answered once it has recovered."""

    def ledger_drain(self) -> None:
        """Keep the state in a checkpoint and give the folder free; the caller has stopped the shards."""


class TablesCalls(Protocol):
    """The tables' process, as gateways and the supervisor ask it."""

    def ready(self) -> None:
        """Answered once all engines use the newest version."""

    def put(self, table: str, body: bytes, media_type: str, replace: bool, now_ms: int) -> TableReplaced:
        """Replace a table when all engines use it; raises TableRejected or Unsupported with nothing applied. Without
        ``replace`` also where rows would go that have units or open orders."""

    def patch(self, table: str, body: bytes, media_type: str, replace: bool, now_ms: int) -> TablePatched:
        """Change, add and remove single rows, all of them or nothing; faults as of ``put``."""

    def stock(self, body: bytes, now_ms: int) -> bytes:
        """Results of stock movements sent as NDJSON: a JSON array, one object a line."""


class DeskCalls(Protocol):
    """The desk, as gateways and the supervisor ask it. It answers Retryable while its database cannot be had."""

    def work(self, wanted: WorkFilter, limit: int) -> bytes:
        """A page of work items by deadline, as JSON."""

    def act(self, act: Act) -> bytes:
        """A work item after what somebody did with it, as JSON, durable; raises WorkRefused with nothing done."""

    def refund(self, asked: RefundAsked) -> bytes:
        """A new refund as JSON, durable; raises RefundRefused and WorkRefused with nothing done."""

    def refund_of(self, refund_id: str, bound: Bound) -> bytes:
        """A refund as JSON; raises WorkRefused."""

    def refunds(self, order_key: str) -> bytes:
        """All refunds of an order, as JSON."""

    def pay(self, asked: PayAsked) -> bytes:
        """A new request for money as JSON, durable; raises PayRefused and WorkRefused with nothing done."""

    def payment_of(self, request_id: str, bound: Bound) -> bytes:
        """A request for money as JSON; raises WorkRefused."""

    def payments(self, order_key: str) -> bytes:
        """All requests for money of an order, its plan, and in which ways it can be paid, as JSON."""

    def reconcile(self, asked: ReconcileAsked) -> bytes:
        """Compare a partner's figures of a day with the books: the run as JSON, durable; raises WorkRefused."""

    def reconciled(self, run_id: str) -> bytes:
        """A run as JSON; raises WorkRefused."""

    def shipment(self, asked: ShipmentAsked) -> bytes:
        """A new shipment as JSON, durable; raises ShipmentRefused and WorkRefused with nothing done."""

    def shipment_of(self, shipment_id: str, bound: Bound) -> bytes:
        """A shipment as JSON; raises WorkRefused."""

    def shipments(self, order_key: str) -> bytes:
        """All shipments of an order, as JSON."""

    def labels(self, shipment_ids: tuple[str, ...], bound: Bound) -> list[LabelToPrint]:
        """What is needed to print the labels of these; raises WorkRefused where one has none."""

    def ship_shipment(self, shipment_id: str, bound: Bound, now_ms: int) -> bytes:
        """A shipment that is reported to have left, as JSON, durable; raises WorkRefused with nothing done."""

    def void_shipment(self, shipment_id: str, bound: Bound, now_ms: int) -> bytes:
        """A shipment that is not to leave, as JSON, durable; raises WorkRefused with nothing done."""

    def make_wave(self, asked: WaveAsked) -> bytes:
        """A new wave as JSON, durable; raises WorkRefused with nothing done."""

    def report_wave(self, report: WaveReport) -> bytes:
        """A wave after what somebody reported of it, as JSON, durable; raises WorkRefused with nothing done."""

    def waves(self, wanted: WaveList) -> bytes:
        """What waits at a node by cut-off, and its waves, as JSON; raises WorkRefused."""

    def wave(self, wave_id: str) -> bytes:
        """A wave as JSON; raises WorkRefused."""

    def pick_list(self, wave_id: str) -> bytes:
        """What is left to pick of a wave along the walk, as JSON; raises WorkRefused."""

    def packing(self, wave_id: str, tote: int) -> bytes:
        """An order of a wave with the cartons proposed for it, as JSON; raises WorkRefused."""

    def bin(self, asked: BinAsked) -> bytes:
        """The blocked bins of a node as JSON, after one more or one less, durable; raises WorkRefused."""

    def blocked_bins(self, node: str) -> bytes:
        """The blocked bins of a node, as JSON; raises WorkRefused."""

    def take_told(self, events: tuple[ToldEvent, ...]) -> None:
        """Take over what a partner told and no order took; durable, and tried again."""

    def status(self) -> dict[str, Any]:
        """How far its reader of the feed is; or, as ``waits_for``, why it is not open yet."""

    def drain(self) -> None:
        """Take what the shards wrote last, and give the folder free."""
