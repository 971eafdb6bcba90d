"""A desk over a small router's logs in this process: its database, reader, clock and outbox, step by step."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from sqlalchemy import select

from actors.owners.desk.parcels import Parcels
from actors.owners.desk.refunds import RefundTerms
from actors.owners.desk.shipment_plan import CarrierPartner, ShipmentTerms
from actors.owners.desk.standings import Standings
from actors.owners.desk.told_events import ToldEvents
from actors.owners.desk.waves import WaveTerms
from actors.owners.desk.wiring import Bells, DeskTerms, Outside, Picking, wired
from actors.store.desk import place
from actors.store.desk.database import Database
from actors.store.desk.outbox import Letter
from actors.store.desk.schema import DUE, OUTBOX, WORK
from router.bound import EVERYTHING
from router.feed.changes import ChangeReader
from router.feed.feed import Feed
from router.log.reference import in_shard
from router.shard.partition import shard_of
from router.tables.compiled import Tables
from router.warehouse.bins import Bins
from router.warehouse.cartons import Carton
from router.warehouse.here import OrderBooks
from router.warehouse.packing import UnitOf
from router.work.acts import Act, ActName
from router.work.kinds import QUEUES
from router.work.listing import WorkFilter
from router.work.pay import PayTerms
from router.work.told import Due, Terms
from tests.labs.feed_world import KEY, TABLES, FeedWorld

Row = dict[str, Any]
ANSWER_MS = 1_000


def _never(due: Due) -> bool:
    return False


def _nothing_due(place: int) -> int:
    return 0


NEVER = Terms(lambda patience, channel: 0, lambda patience: False, lambda queue: ANSWER_MS, _never, _nothing_due)


def terms(**patience_ms: int) -> Terms:
    """Patience by its name; all others last for ever."""
    of = patience_ms.get
    return Terms(
        lambda patience, channel: of(patience, 0),
        lambda patience: patience in patience_ms,
        lambda _: ANSWER_MS,
        _never,
        _nothing_due,
    )


def standings(world: FeedWorld) -> Standings:
    """Of the orders of a world."""

    def newest(order_key: str) -> int | None:
        hi, lo = (np.array([int(half, 16)], np.uint64) for half in (order_key[:16], order_key[16:]))
        shard = int(shard_of(lo, len(world.router.shards))[0])
        index = world.router.shards[shard].engine.index
        row = index.find(hi, lo)
        return None if row[0] < 0 else in_shard(shard, int(index.reference(row)[0]))

    return Standings(world.sources, KEY, newest, lambda version: TABLES)


class DeskLab:
    def __init__(
        self, folder: pathlib.Path, world: FeedWorld, told_by: Terms = NEVER, url: str = "", nodes: Sequence[str] = ()
    ) -> None:
        self.world = world
        self.nodes, self.bins = nodes, Bins(())
        self.cartons: list[Carton] = []
        self.unit_of: UnitOf = lambda sku: None
        self.database = Database(folder, url)
        with self.database.write() as connection:
            place.claim(connection, "lab")
        self.standings = standings(world)
        self.terms = dataclasses.replace(
            told_by,
            is_cod=lambda due: self.standings.says_cod(due.place),
            due_minor=self.standings.due_minor,
        )
        self.sent: list[Letter] = []
        self.shipment_terms = ShipmentTerms("global", {"post": CarrierPartner("post", {"std": "economy"})}, ANSWER_MS)
        self.refund_terms = RefundTerms("global", {"pay": "newest_first"}, ANSWER_MS, lambda role, currency: None)
        self.pay_terms = PayTerms(
            scope="global", partner="pay", transfer_to="Shop, DE00", link_lives_ms=86_400_000, pay_again=False,
            other_ways_after=2, instalments_from={}, instalment_days=14, instalment_within_ms=7 * 86_400_000,
            figures_of=frozenset({"pay"}),
            answer_ms=ANSWER_MS,
        )  # fmt: skip
        self.begin()

    def begin(self) -> None:
        """As after a start: nothing but what the database has."""
        terms = DeskTerms(
            scope="global", work=self.terms, refunds=self.refund_terms, payments=self.pay_terms,
            shipments=self.shipment_terms, parcels=Parcels(True, ANSWER_MS),
            picking=Picking(
                WaveTerms("global", self.nodes, lambda: self.bins, lambda: self.cartons, self.unit_of),
                self._numbers_of,
                lambda: OrderBooks(KEY, self.world.sources, self._tables_of, self._naming),
            ),
            told=ToldEvents("global", KEY, dict.fromkeys(QUEUES, ANSWER_MS)),
        )  # fmt: skip
        outside = Outside(
            self.world.sources, self.standings, KEY, self.post, lambda events: "", lambda: self.world.now_ms
        )
        made = wired(self.database, terms, outside, Bells())
        self.effect, self.clock, self.service, self.sender = made.effect, made.clock, made.service, made.sender
        self.refunds, self.payments, self.shipments = made.refunds, made.payments, made.shipments
        self.told, self.reconciling, self.following = made.told, made.reconciling, made.following
        self.waves = made.waves

    def _tables_of(self, version: int) -> Tables:
        return TABLES

    def _naming(self, sku: int, node: int) -> Tables:
        return TABLES

    def _numbers_of(self, nodes: list[str]) -> list[int]:
        return [TABLES.nodes.ids.index(node) for node in nodes]

    def post(self, letters: Sequence[Letter]) -> list[Row]:
        self.sent += letters
        return self.world.events(*(msgspec.json.decode(letter.event) for letter in letters))

    def read(self, rows_max: int = 1 << 16, turns: int = 1 << 30) -> None:
        """Up to so many turns of so many rows; as a reader's frame does it."""
        feed = Feed(ChangeReader(self.world.sources, self.effect.columns), self.effect.cursor())
        while feed.has_news and turns:
            turns -= 1
            before = feed.cursor
            changes = [part.changes for part in feed.turn(rows_max)]
            if feed.cursor != before:
                self.effect.apply(changes, feed.cursor)

    def items(self, **wanted: Any) -> list[Row]:
        """Rows of work items by kind and version, that have these values."""
        with self.database.read() as connection:
            rows = [dict(row._mapping) for row in connection.execute(select(WORK))]
        found = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
        return sorted(found, key=lambda row: (row["order_id"], row["kind"], row["cause_version"]))

    def due(self) -> list[Row]:
        with self.database.read() as connection:
            return [dict(row._mapping) for row in connection.execute(select(DUE).order_by(DUE.c.place, DUE.c.kind))]

    def outbox(self) -> list[Row]:
        with self.database.read() as connection:
            return [dict(row._mapping) for row in connection.execute(select(OUTBOX).order_by(OUTBOX.c.number))]

    def act(self, work_id: str, name: ActName, caller: str = "ada", **said: Any) -> Row:
        act = Act(work_id, name, caller, said.pop("bound", EVERYTHING), said.pop("now_ms", 1_000), **said)
        return dict(msgspec.json.decode(self.service.act(act)))

    def page(self, limit: int = 100, **wanted: Any) -> Row:
        return dict(msgspec.json.decode(self.service.work(WorkFilter(**wanted), limit)))
