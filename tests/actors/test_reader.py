"""The frame of readers: killed at any moment they repeat nothing and lose nothing; they are woken, lag, and drain."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from actors.owners import reader as frame
from actors.owners.reader import Reader
from actors.store.bell import Bell
from actors.store.data_folder import DataFolder
from actors.store.lmdb_log import LmdbLog
from actors.store.reader_places import told_places
from router.config import Config
from router.errors import Retryable
from router.feed.changes import Changes
from router.log.memory import MemoryLog
from router.ports import Log
from tests.labs import sqlite_reader
from tests.labs.feed_rows import rows_of
from tests.labs.feed_world import FeedWorld, any_story, order

SHARDS = 3


class Home:
    """A data folder whose shards write in this process."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.data = DataFolder(folder)
        self.data.create(Config(shards=SHARDS))
        self.file = folder / "seen.sqlite"
        self.world = FeedWorld(SHARDS, self._log_of)

    def _log_of(self, name: str, parts: int) -> Log:
        if parts == 1:
            return MemoryLog(parts)
        return LmdbLog(self.data.path / name, Config().log, parts, bell=Bell(self.data.bell))

    def reader(self, effect: Any) -> Reader:
        """One in this process, which has the logs open."""
        return Reader("kept", self.data, effect, [log.reader() for log in self.world.sources])

    def wanted(self) -> list[tuple[str, int, str, int, int]]:
        """Every change once: order, version, channel, shard and place."""
        return sorted(
            (row["order_id"], row["version"], row["channel"], shard, row["place"][0] << 16 | row["place"][1])
            for shard, source in enumerate(self.world.sources)
            for row in rows_of(source)
        )

    def seen(self) -> list[tuple[str, int, str, int, int]]:
        with sqlite3.connect(self.file) as database:
            return sorted(database.execute("select order_id, version, channel, shard, reference from seen"))

    def wait_until_seen(self, timeout_s: float = 60.0) -> None:
        deadline = time.monotonic() + timeout_s
        while len(self.seen()) < len(self.wanted()):
            assert time.monotonic() < deadline, f"{len(self.seen())} of {len(self.wanted())} changes were seen"
            time.sleep(0.02)

    def close(self) -> None:
        for log in self.world.sources:
            log.close()
        shutil.rmtree(self.data.shared, ignore_errors=True)


@pytest.fixture
def home(tmp_path: pathlib.Path) -> Iterator[Home]:
    made = Home(tmp_path)
    yield made
    made.close()


FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.labs.sqlite_reader"])


def started(home: Home, dies_at: int = 0) -> Any:
    process = FORKS.Process(target=sqlite_reader.run, args=(home.data.path, home.file, dies_at))
    process.start()
    return process


def test_a_reader_that_dies_at_any_step_of_its_effect_repeats_and_loses_nothing(home: Home) -> None:
    """Before, within and behind its transaction, life after life, while shards go on writing."""
    rng = random.Random(11)
    deaths = 0
    for life in range(24):
        any_story(home.world, rng, 3)
        process = started(home, dies_at=1 + life % 6)
        process.join(3)
        deaths += process.exitcode == -signal.SIGKILL
        process.kill()  # where it came to its end before that step
        process.join()
    assert deaths >= 12
    process = started(home)
    any_story(home.world, rng, 3)  # so that this process too has something to see before it is told to end
    home.wait_until_seen()
    process.terminate()
    process.join(30)
    assert process.exitcode == 0
    assert home.seen() == home.wanted()


def test_a_reader_that_is_killed_at_random_moments_repeats_and_loses_nothing(home: Home) -> None:
    rng = random.Random(12)
    for _ in range(12):
        process = started(home)
        until = time.monotonic() + rng.uniform(0.1, 0.9)
        while time.monotonic() < until:
            any_story(home.world, rng, 1)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    process = started(home)
    home.wait_until_seen()
    process.terminate()
    process.join(30)
    assert home.seen() == home.wanted() and len(home.seen()) > 100


class Kept:
    """An effect in memory."""

    columns = ("order_id", "version")

    def __init__(self, faults: int = 0) -> None:
        self.rows: list[dict[str, Any]] = []
        self.at: str | None = None
        self.turns = 0
        self.faults = faults
        self.closed = False

    def cursor(self) -> str | None:
        return self.at

    def apply(self, changes: Sequence[Changes], cursor: str) -> None:
        self.turns += 1
        if self.turns <= self.faults:
            raise Retryable("the partner is away", 10)
        self.rows += [row for part in changes for row in part.batch.to_pylist()]
        self.at = cursor

    def close(self) -> None:
        self.closed = True


@contextlib.contextmanager
def running(home: Home, effect: Kept) -> Iterator[Reader]:
    """A reader that is drained by the test, or behind it where that failed: its logs are closed then."""
    reader = home.reader(effect)
    reader.start()
    try:
        yield reader
    finally:
        if not effect.closed:
            reader.drain()


@pytest.fixture
def unniced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The process of all tests stays as quick as it is."""
    niced: list[int] = []
    monkeypatch.setattr(frame.os, "nice", niced.append)
    return niced


def test_a_reader_is_woken_says_where_it_is_and_drains(
    home: Home, unniced: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame, "SLOW_LOOK_S", 60.0)  # so that nothing but the bell can wake it in time
    effect = Kept()
    with running(home, effect) as reader:
        assert unniced == [frame.NICENESS]
        waited_s = []
        for number in range(8):
            time.sleep(0.05)
            began = time.monotonic()
            home.world.orders(order(f"o-{number}"))
            while reader.status()["rows"] <= number:
                assert time.monotonic() - began < 10
                time.sleep(0.001)
            waited_s.append(time.monotonic() - began)
        assert sorted(waited_s)[4] < 0.3, waited_s
        assert told_places(home.data.readers) == {"kept": effect.at}
        status = reader.status()
        assert (status["cursor"], status["rows"], status["lag_rows"], status["lag_ms"]) == (effect.at, 8, 0, 0)
        home.world.orders(order("last"))
        reader.drain()
    assert effect.rows[-1] == {"order_id": "last", "version": 1} and effect.closed


def test_what_cannot_be_done_now_comes_again_and_nothing_is_done_twice(home: Home, unniced: list[int]) -> None:
    home.world.orders(order("a"), order("b"))
    effect = Kept(faults=3)
    with running(home, effect):
        deadline = time.monotonic() + 10
        while len(effect.rows) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert sorted(row["order_id"] for row in effect.rows) == ["a", "b"] and effect.turns >= 4


def test_turns_are_few_while_many_single_orders_come(home: Home, unniced: list[int]) -> None:
    """What comes within the pace goes into one transaction."""
    effect = Kept()
    with running(home, effect):
        began = time.monotonic()
        for number in range(200):
            home.world.orders(order(f"o-{number}"))
        took_s = time.monotonic() - began
    assert len(effect.rows) == 200
    assert effect.turns <= took_s / frame.PACE_S + 20


def test_a_reader_that_drains_does_not_wait_for_a_backlog_without_end(
    home: Home, unniced: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(Kept):
        def apply(self, changes: Sequence[Changes], cursor: str) -> None:
            home.world.orders(order(f"more-{self.turns}"))
            super().apply(changes, cursor)

    monkeypatch.setattr(frame, "DRAIN_S", 0.5)
    effect = Slow()
    home.world.orders(order("first"))
    with running(home, effect):
        time.sleep(0.2)
        began = time.monotonic()
    assert time.monotonic() - began < 5 and effect.turns > 1
