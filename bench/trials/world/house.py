"""The router and its desk on a data folder, in this process, at a time that is given."""

from __future__ import annotations

import asyncio
import json
import pathlib
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt
from sqlalchemy import func, select

from actors.care.verdict import Verdict
from actors.care.verify import Verifier
from actors.owners.desk.clock import DeskClock
from actors.owners.desk.effect import DeskEffect
from actors.owners.desk.sender import Answer
from actors.owners.desk.standings import Standings
from actors.owners.desk.wiring import Bells, Outside, Wired, desk_terms, wired
from actors.store.data_folder import DataFolder
from actors.store.desk import calls, due, items, place
from actors.store.desk.database import Database
from actors.store.desk.outbox import Letter
from actors.store.desk.schema import CALLS
from actors.store.lmdb_log import LmdbLog
from actors.store.table_store import TableStore
from adapters._registry import open_partner
from adapters._transport.caller import Caller, Wire
from adapters._transport.calls import CallState
from bench.trials.world.agenda import Agenda
from bench.trials.world.goods import PAY, Row
from router.config import Config
from router.errors import Retryable
from router.feed.changes import ChangeReader
from router.feed.feed import Feed
from router.ids import hash_text
from router.local import LocalRouter
from router.log.columns import STATUS_NAMES
from router.log.reference import in_shard
from router.ports import Log
from router.queries import ViewTerms, order_view
from router.queries.change_filter import ChangeFilter
from router.queries.change_lines import COLUMNS
from router.queries.change_stream import Follower
from router.queries.sight import Sight
from router.shard.partition import shard_of
from router.tables.rows import parse_rows
from router.tables.stock_rows import on_hand_movements, parse_movements
from router.wire.event_answer_json import encode_event_json
from router.wire.event_answers import refused_events
from router.wire.event_ndjson import decode_events
from router.wire.event_wire import EventTerms, Names
from router.wire.ndjson import decode_bodies
from router.work.partner_told import PASSING
from router.work.told import NEVER_MS

NDJSON = "application/x-ndjson"
ROWS_MAX, CALLS_MAX, ROUNDS_MAX = 1 << 14, 64, 400


class Died(Exception):
    """As if the desk's process had ended."""


class House:
    """``wire``: to the payment provider, which may raise Died."""

    def __init__(self, folder: pathlib.Path, config: Config, agenda: Agenda, wire: Wire) -> None:
        self._agenda = agenda
        self.config = config
        self._wire = wire
        self.data = DataFolder(folder)
        self.data.create(config)
        self.data.keep_config(config)
        self.key = self.data.key()
        self._tables = TableStore(self.data.tables)
        self._logs: dict[str, LmdbLog] = {}
        self.deaths = 0
        self._loop = asyncio.new_event_loop()
        self._open_router()
        self.database = Database(self.data.desk, "")
        with self.database.write() as connection:
            place.claim(connection, self.data.name)
        self.begin_desk()

    # --- the router ------------------------------------------------------------------------------

    def _open_router(self) -> None:
        self.router = LocalRouter(self.config, self.key, self._log_of, self._tables.load)
        self.tables = self._tables.load(self._tables.current())
        self.router.use_tables(self.tables)
        self.router.recover()
        self.sources = [self._logs[self.data.shard(number).name].reader() for number in range(self.config.shards)]
        self._views = ViewTerms(self.key, self._tables.load, lambda *_: self.tables, self.config)

    def _log_of(self, name: str, parts: int) -> Log:
        self._logs[name] = LmdbLog(self.data.path / name, self.config.log, parts)
        return self._logs[name]

    def restart(self) -> bool:
        """Replay everything from the logs; whether the same came out."""
        before = self.router.state_hashes()
        self._close_router()
        self._open_router()
        self.begin_desk()
        return self.router.state_hashes() == before

    def _close_router(self) -> None:
        for source in self.sources:
            source.close()
        for log in self._logs.values():
            log.close()

    def put(self, table: str, body: bytes) -> None:
        upload = parse_rows(table, body, NDJSON)
        self.tables = self._tables.load(self._tables.put(upload, self.now_ms))
        if table == "stock":
            moved = on_hand_movements(upload, self.tables, self.key, self.tables.version, self.now_ms)
            self.router.stock(moved, self.now_ms)
        self.router.use_tables(self.tables)

    @property
    def now_ms(self) -> int:
        return self._agenda.now_ms

    def orders(self, orders: Sequence[Row]) -> list[tuple[str, int]]:
        """Status and total of each, minor units."""
        wire = decode_bodies([msgspec.json.encode(order) for order in orders], self.config.limits)
        assert not wire.refused, wire.refused
        ack = self.router.submit(wire, self.now_ms).ack
        status, totals = ack.column("status").to_pylist(), ack.column("total_minor").to_pylist()
        return [(STATUS_NAMES[number], total) for number, total in zip(status, totals, strict=True)]

    def events(self, events: Sequence[Row]) -> list[Row]:
        """An answer each."""
        names = Names(self.tables.nodes.ids, self.tables.currencies)
        terms = EventTerms(self.key, "global", self.config.limits, lambda again: names, lambda: self.now_ms)
        wire = decode_events(b"\n".join(msgspec.json.encode(event) for event in events), terms)
        answers = bytes(
            encode_event_json(wire, ack := self.router.submit_events(wire, self.now_ms), refused_events(wire, ack))
        )
        return [json.loads(line) for line in answers.splitlines()]

    def stock(self, movements: Sequence[Row]) -> None:
        parsed = parse_movements(b"\n".join(msgspec.json.encode(row) for row in movements), self.tables, self.key)
        assert not parsed.refused, parsed.refused
        self.router.stock(parsed.batch, self.now_ms)

    def view(self, order_id: str) -> Row:
        """As ``GET /v1/orders/{id}``."""
        shard, row = self._row(*hash_text(self.key, order_id))
        assert row is not None, order_id
        index = self.router.shards[shard].engine.index
        found = int(index.reference(row)[0]), int(index.state(row)[0]), int(index.version(row)[0])
        view = order_view(shard, found, self.sources[shard], self._views)
        assert view is not None, order_id
        return view

    def _row(self, hi: int, lo: int) -> tuple[int, npt.NDArray[np.int64] | None]:
        """Shard of an order, and its row in the shard's index; None where nobody knows it."""
        hashes = np.array([hi], np.uint64), np.array([lo], np.uint64)
        shard = int(shard_of(hashes[1], len(self.router.shards))[0])
        row = self.router.shards[shard].engine.index.find(*hashes)
        return shard, None if row[0] < 0 else row

    def _newest(self, order_key: str) -> int | None:
        shard, row = self._row(int(order_key[:16], 16), int(order_key[16:], 16))
        if row is None:
            return None
        return in_shard(shard, int(self.router.shards[shard].engine.index.reference(row)[0]))

    def order_key(self, order_id: str) -> str:
        hi, lo = hash_text(self.key, order_id)
        return f"{hi:016x}{lo:016x}"

    def follower(self, cursor: str | None = None) -> Follower:
        """Of every change behind a cursor, as ``GET /v1/stream``."""
        return Follower(ChangeReader(self.sources, COLUMNS), self.sources, cursor, ChangeFilter(), Sight(internal=True))

    # --- the desk --------------------------------------------------------------------------------

    def begin_desk(self) -> None:
        """A new life of it: nothing but what its database has."""
        self._standings = Standings(self.sources, self.key, self._newest, self._tables.load)
        made = self._wired(self.database)
        self.told, self.refunds, self.service = made.told, made.refunds, made.service
        self._effect, self._clock, self._sender, self._book = made.effect, made.clock, made.sender, made.book
        self._feed = Feed(ChangeReader(self.sources, self._effect.columns), self._effect.cursor())
        self.partners = {
            name: open_partner(name, given, lambda _: "secret") for name, given in self.config.partners.items()
        }
        self._caller = Caller(self.partners[PAY], self._wire, self._book, lambda: self.now_ms, lambda: 0.5)

    def second_desk(self, database: Database) -> tuple[DeskEffect, DeskClock]:
        """What reads the log into an empty database."""
        made = self._wired(database)
        return made.effect, made.clock

    def _wired(self, database: Database) -> Wired:
        outside = Outside(self.sources, self._standings, self.key, self._post, lambda events: "", lambda: self.now_ms)
        return wired(database, desk_terms(self.data, self.config, self._standings, self.sources), outside, Bells())

    def _post(self, letters: Sequence[Letter]) -> list[Answer]:
        return [*self.events([msgspec.json.decode(letter.event) for letter in letters])]

    def hooks(self, deliveries: Sequence[tuple[str, bytes]]) -> None:
        """Partners' webhooks, as a gateway takes those that come together: what no order takes is the desk's."""
        told = [event for partner, body in deliveries for event in self.partners[partner].events(body)]
        if told:
            answers = self.events([msgspec.to_builtins(event) for event in told])
            homeless = [event for event, answer in zip(told, answers, strict=True) if answer.get("reason") in PASSING]
            if homeless:
                with self.database.write() as connection:
                    self.told.take(connection, homeless, self.now_ms)

    def turn(self) -> None:
        """Everything that the desk has to do now; where it dies in between, the next life goes on."""
        for _ in range(ROUNDS_MAX):
            try:
                if not self._step():
                    return
            except Died:
                self.deaths += 1
                self.begin_desk()
        raise AssertionError("the desk finds no end")

    def _step(self) -> bool:
        """Whether anything was done."""
        sent = self._send()
        called = self._loop.run_until_complete(self._call())
        read = self._read()
        return bool(sent or called or read or self._clock.tick(self.now_ms))

    def _send(self) -> int:
        try:
            return self._sender.send()
        except Retryable:
            return 0

    async def _call(self) -> int:
        found = await self._book.due(PAY, self.now_ms, CALLS_MAX)
        for call in found:
            await self._caller.step(call)
        return len(found)

    def _read(self) -> int:
        rows = 0
        while self._feed.has_news:
            before = self._feed.cursor
            changes = [part.changes for part in self._feed.turn(ROWS_MAX)]
            if self._feed.cursor != before:
                self._effect.apply(changes, self._feed.cursor)
            rows += sum(part.count for part in changes)
        return rows

    def calls_done(self, partner: str) -> int:
        with self.database.read() as connection:
            done = select(func.count()).where(CALLS.c.partner == partner, CALLS.c.state == CallState.DONE.value)
            return int(connection.execute(done).scalar() or 0)

    def awaits(self) -> bool:
        """Whether something comes by itself when its time has come: what was put off, put aside, or is called again."""
        with self.database.read() as connection:
            first_ms = due.next_ms(connection)
            lasting = first_ms is not None and first_ms < NEVER_MS
            called = calls.due(connection, PAY, NEVER_MS, 1)
            return lasting or items.any_awake(connection, NEVER_MS) or bool(called)

    # --- the end ---------------------------------------------------------------------------------

    def close(self) -> None:
        self._close_router()
        self.database.close()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def verified(self) -> Verdict:
        """As ``order-router verify``; of a house that is closed."""
        return Verifier(self.data, self.config, lambda _: None).run()
