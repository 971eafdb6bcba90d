"""A desk over a small router's logs in this process: its database, reader, clock and outbox, step by step."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import select

from actors.owners.desk.clock import DeskClock
from actors.owners.desk.effect import DeskEffect
from actors.owners.desk.following import Following
from actors.owners.desk.refunds import Refunds, RefundTerms
from actors.owners.desk.sender import OutboxSender
from actors.owners.desk.service import DeskService
from actors.owners.desk.to_pick import PickReader
from actors.owners.desk.told_events import ToldEvents
from actors.owners.desk.waves import Waves, WaveTerms
from actors.store.desk import place
from actors.store.desk.database import Database
from actors.store.desk.outbox import Letter
from actors.store.desk.schema import DUE, OUTBOX, WORK
from router.bound import EVERYTHING
from router.feed.changes import ChangeReader
from router.feed.feed import Feed
from router.tables.compiled import Tables
from router.warehouse.bins import Bins
from router.warehouse.cartons import Carton
from router.warehouse.here import OrderBooks
from router.warehouse.packing import UnitOf
from router.work.acts import Act, ActName
from router.work.kinds import QUEUES
from router.work.listing import WorkFilter
from router.work.told import Terms
from tests.labs.feed_world import KEY, TABLES, FeedWorld

Row = dict[str, Any]
ANSWER_MS = 1_000
NEVER = Terms(lambda patience, channel: 0, lambda patience: False, lambda queue: ANSWER_MS)


def terms(**patience_ms: int) -> Terms:
    """Patience by its name; all others last for ever."""
    of = patience_ms.get
    return Terms(
        lambda patience, channel: of(patience, 0), lambda patience: patience in patience_ms, lambda _: ANSWER_MS
    )


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
        self.terms = told_by
        self.sent: list[Letter] = []
        self.refund_terms = RefundTerms("global", {"pay": "newest_first"}, ANSWER_MS, lambda role, currency: None)
        self.begin()

    def begin(self) -> None:
        """As after a start: nothing but what the database has."""
        books = [OrderBooks(KEY, self.world.sources, self._tables_of, self._naming) for _ in range(2)]
        self.picks = PickReader(self.nodes, self._numbers_of, books[0])
        self.waves = Waves(
            self.database,
            WaveTerms("global", self.nodes, lambda: self.bins, lambda: self.cartons, self.unit_of),
            books[1],
        )
        self.effect = DeskEffect(self.database, self.terms, "global", self.picks, lambda: None)
        self.told = ToldEvents("global", KEY, dict.fromkeys(QUEUES, ANSWER_MS))
        self.refunds = Refunds(self.database, self.refund_terms, self.told)
        following = Following(self.refunds, self.told, self.waves)
        self.clock = DeskClock(
            self.database, self.terms, "global", self.world.sources, self.told, lambda: None, lambda now: None
        )
        self.service = DeskService(self.database, "global", lambda events: "", following.decided, lambda: None)
        self.sender = OutboxSender(self.database, self.post, following, lambda: None)

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
