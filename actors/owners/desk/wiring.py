"""The working parts of a desk, made together and in one place: at work, in tests and in a simulated month."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from actors.owners.desk.call_book import DeskBook
from actors.owners.desk.clock import DeskClock
from actors.owners.desk.effect import DeskEffect
from actors.owners.desk.following import Following
from actors.owners.desk.parcels import Parcels
from actors.owners.desk.partners import parcels_of, pay_terms, refund_terms, shipment_terms, told_events
from actors.owners.desk.paying import paying
from actors.owners.desk.payments import Payments
from actors.owners.desk.reconciling import Reconciling
from actors.owners.desk.refunds import Refunds, RefundTerms
from actors.owners.desk.sender import OutboxSender, Post
from actors.owners.desk.service import DeskService, FaultOf
from actors.owners.desk.shelves import Shelves
from actors.owners.desk.shipment_plan import ShipmentTerms
from actors.owners.desk.shipments import Shipments
from actors.owners.desk.standings import Standings
from actors.owners.desk.to_pick import PickReader
from actors.owners.desk.told_events import ToldEvents
from actors.owners.desk.waves import Waves, WaveTerms
from actors.store.data_folder import DataFolder, now_ms
from actors.store.desk.database import Database
from actors.store.table_store import TableStore
from router.config import Config
from router.feed.lag import LagSource
from router.feed.runs import FeedSource
from router.ids import U64, Scope
from router.log.records import Record
from router.queries.source import RecordSource
from router.warehouse.here import OrderBooks
from router.work.pay import PayTerms
from router.work.terms import terms_of
from router.work.told import Terms


class DeskSource(FeedSource, LagSource, Protocol):
    """The durable records of one shard."""

    def read(self, sequence: int, part: int) -> Record | None: ...


class Picking(NamedTuple):
    """Of nodes that are worked here. Each thread has books of its own."""

    terms: WaveTerms
    numbers_of: Callable[[list[str]], list[int]]  # of nodes, as far as there are any of them
    books: Callable[[], OrderBooks]


class DeskTerms(NamedTuple):
    """What the configuration says of each matter."""

    scope: Scope
    work: Terms
    refunds: RefundTerms
    payments: PayTerms
    shipments: ShipmentTerms
    parcels: Parcels
    picking: Picking
    told: ToldEvents


class Outside(NamedTuple):
    """What a desk is connected to."""

    sources: Sequence[DeskSource]
    standings: Standings
    hash_key: U64  # of the data folder
    post: Post  # events to shards
    fault_of: FaultOf
    clock_ms: Callable[[], int] = now_ms


def _nobody() -> None:
    """Nobody waits for news."""


def _untold(now_ms: int) -> None:
    """Nobody counts."""


class Bells(NamedTuple):
    """Who is woken: the outbox's sender, both it and the callers, the callers; and who counts after each look."""

    send: Callable[[], None] = _nobody
    go_on: Callable[[], None] = _nobody
    call: Callable[[], None] = _nobody
    tell: Callable[[int], None] = _untold


class Wired(NamedTuple):
    following: Following
    effect: DeskEffect
    clock: DeskClock
    service: DeskService
    sender: OutboxSender
    book: DeskBook
    refunds: Refunds
    payments: Payments
    reconciling: Reconciling
    shipments: Shipments
    waves: Waves
    told: ToldEvents


def desk_terms(data: DataFolder, config: Config, standings: Standings, sources: Sequence[RecordSource]) -> DeskTerms:
    return DeskTerms(
        scope=config.order_id_scope,
        work=terms_of(config, standings.says_cod, standings.due_minor),
        refunds=refund_terms(config),
        payments=pay_terms(config),
        shipments=shipment_terms(config),
        parcels=parcels_of(config),
        picking=_picking(data, config, sources),
        told=told_events(data, config),
    )


def _picking(data: DataFolder, config: Config, sources: Sequence[RecordSource]) -> Picking:
    shelves, nodes = Shelves(TableStore(data.tables)), config.warehouse.nodes
    return Picking(
        WaveTerms(config.order_id_scope, nodes, shelves.bins, shelves.cartons, shelves.unit_of),
        shelves.numbers_of,
        lambda: OrderBooks(data.key(), sources, shelves.version, shelves.naming),
    )


def wired(database: Database, terms: DeskTerms, outside: Outside, bells: Bells) -> Wired:
    """A life of the desk: nothing but what its database has."""
    scope, clock_ms = terms.scope, outside.clock_ms
    refunds = Refunds(database, terms.refunds, clock_ms)
    shipments = Shipments(database, terms.shipments, clock_ms)
    pay = paying(database, outside.standings, terms.payments, clock_ms)
    reconciling = Reconciling(database, outside.sources, outside.standings, terms.payments, outside.hash_key)
    waves = Waves(database, terms.picking.terms, terms.picking.books())
    picks = PickReader(terms.picking.terms.nodes, terms.picking.numbers_of, terms.picking.books())
    following = Following(refunds, pay.collecting, reconciling, shipments, waves, terms.told, clock_ms)
    return Wired(
        following=following,
        effect=DeskEffect(database, terms.work, scope, pay.news, terms.parcels, picks, bells.send, clock_ms),
        clock=DeskClock(
            database, terms.work, scope, outside.sources, terms.told, pay.clock, reconciling, bells.send, bells.tell
        ),
        service=DeskService(database, scope, outside.fault_of, following.decided, bells.go_on),
        sender=OutboxSender(database, outside.post, following, bells.call, clock_ms),
        book=DeskBook(database, following.ended, bells.send),
        refunds=refunds,
        payments=pay.payments,
        reconciling=reconciling,
        shipments=shipments,
        waves=waves,
        told=terms.told,
    )
