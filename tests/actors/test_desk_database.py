"""The desk's database, SQLite and PostgreSQL alike: every version of its schema, the same answers, faults in words."""

from __future__ import annotations

import pathlib
import random
import stat
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, select

from actors.store.desk import place
from actors.store.desk.database import Database
from actors.store.desk.file import schema_version
from actors.store.desk.migrate import migrate, version_of, versions
from actors.store.desk.schema import DESK, METADATA
from router.errors import Damaged, Misconfigured, Retryable
from tests.actors.test_desk import ALL, held, resolve
from tests.labs.desk_databases import KINDS, emptied, server, sqlite_url
from tests.labs.desk_lab import DeskLab
from tests.labs.feed_world import FeedWorld, any_story

# A row of every table as each version had it; the next version has to keep them.
ROWS: dict[str, dict[str, dict[str, Any]]] = {
    "0001": {
        "desk": {"one": 1, "folder": "f", "cursor": "0:3.0"},
        "work_items": {
            "work_id": "w", "kind": "held", "queue": "orders", "order_key": "k", "order_id": "o", "channel": "web",
            "seller": "", "about": "", "cause_version": 2,
            "reason": "r", "raised_ms": 1, "deadline_ms": 2, "state": "claimed",
            "owner": "ada", "snoozed_until_ms": 0, "resolved_ms": 0, "resolved_by": "", "resolution": "",
        },
        "due": {
            "place": 1 << 48, "kind": "unsent", "order_key": "k", "order_id": "o", "channel": "web", "seller": "",
            "version": 1, "due_ms": 5,
        },
        "outbox": {
            "number": 7, "event_id": "e", "work_id": "w", "order_key": "k", "event": "{}", "made_ms": 1,
            "status": "waiting", "answered_ms": 0, "answer": "",
        },
        "repeats": {"caller": "ada", "key": "k", "digest": "d", "answer": "{}", "made_ms": 1},
    }
}  # fmt: skip
ROWS["0002"] = ROWS["0001"] | {
    "calls": {"partner": "pay", "key": "k", "state": "due", "next_at_ms": 5, "call": "{}"},
    "breakers": {"partner": "pay", "breaker": "{}"},
    "refunds": {
        "refund_id": "r", "order_key": "k", "order_id": "o", "channel": "web", "seller": "", "order_version": 3,
        "currency": "EUR", "amount_minor": 500, "lines": "[]", "reason": "", "approval": "given", "asked_by": "ada",
        "asked_ms": 1,
    },
    "refund_parts": {
        "refund_id": "r", "number": 0, "payment_id": "p", "partner": "pay", "amount_minor": 500, "state": "sent",
        "detail": "", "changed_ms": 1,
    },
}  # fmt: skip
ROWS["0003"] = ROWS["0002"] | {"work_items": ROWS["0002"]["work_items"] | {"settled_ms": 3}}
ROWS["0004"] = ROWS["0003"] | {
    "pay_orders": {
        "order_key": "k",
        "failures": 2,
        "plan": "[]",
        "agreed_by": "",
        "agreed_ms": 0,
        "before_minor": 0,
        "shipped_ms": 0,
        "next_ms": 0,
    },
    "pay_requests": {
        "request_id": "r",
        "order_key": "k",
        "order_id": "o",
        "channel": "web",
        "seller": "",
        "order_version": 3,
        "currency": "EUR",
        "amount_minor": 500,
        "instalment": 0,
        "method": "link",
        "partner": "pay",
        "state": "open",
        "closing": 0,
        "payment_id": "p",
        "pay_url": "https://pay.example/p",
        "paid_minor": 0,
        "expires_ms": 9,
        "detail": "",
        "asked_by": "ada",
        "asked_ms": 1,
        "changed_ms": 1,
    },
    "reconciliations": {
        "run_id": "r",
        "partner": "pay",
        "day": "2026-11-30",
        "state": "done",
        "figures": "[]",
        "answer": "{}",
        "detail": "",
        "asked_by": "ada",
        "asked_ms": 1,
    },
}  # fmt: skip
ROWS["0005"] = ROWS["0004"] | {
    "shipments": {
        "shipment_id": "s", "order_key": "k", "order_id": "o", "channel": "web", "seller": "", "order_version": 3,
        "node": "N1", "lines": "[]", "carrier": "dhl", "service": "std", "partner": "dhl", "weight_g": 900,
        "price_minor": 490, "currency": "EUR", "arrives_day": 20_000, "promised_day": -1, "label_form": "zpl",
        "tracking_number": "T1", "label_id": "l1", "state": "labelled", "detail": "", "is_to_ship": True,
        "ship_events": 0, "shipped_version": 0, "asked_by": "ada", "asked_ms": 1, "changed_ms": 2,
    },
    "parcels": {
        "tracking_number": "T1", "order_key": "k", "order_id": "o", "channel": "web", "seller": "", "shipment_id": "s",
        "shipped_ms": 1,
    },
    "labels": {"shipment_id": "s", "form": "zpl", "content": b"^XA^XZ", "made_ms": 2},
}  # fmt: skip
ROWS["0006"] = ROWS["0005"] | {
    "to_pick": {
        "order_key": "k", "node": "N1", "newest": 1 << 48, "version": 1, "carrier": "DHL", "due_ms": 5, "units": 2,
        "wave_id": "v",
    },
    "waves": {
        "wave_id": "v", "node": "N1", "state": "open", "zone": "", "carrier": "", "due_before_ms": 0, "made_by": "ada",
        "made_ms": 1, "ended_ms": 0,
    },
    "wave_orders": {
        "wave_id": "v", "order_key": "k", "number": 1, "order_id": "o", "channel": "web", "seller": "", "due_ms": 5,
        "carrier": "DHL", "service": "standard", "told_version": 0,
    },
    "wave_lines": {
        "wave_id": "v", "order_key": "k", "line": 0, "line_id": "L1", "sku": "A", "stops": "[]", "qty": 2, "picked": 1,
        "short": 0, "dropped": 0, "packed": 0, "why": "",
    },
    "blocked_bins": {"node": "N1", "bin": "A-01", "reason": "empty", "blocked_by": "ada", "blocked_ms": 1},
}  # fmt: skip


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    with server() as url:
        yield url


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> str:
    """Of an empty database, as SQLAlchemy is given it."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "desk")
    return emptied(request.getfixturevalue("postgresql"))


def opened(tmp_path: pathlib.Path, url: str) -> Database:
    return Database(tmp_path / "desk", "" if url.startswith("sqlite") else url)


def as_version(url: str, version: str) -> None:
    """A database as a release of that version left it, with its rows."""
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        migrate(connection, version)
        found = sqlalchemy.MetaData()
        found.reflect(connection)
        for name, row in ROWS[version].items():
            connection.execute(found.tables[name].insert().values(**row))
    engine.dispose()


def rows(connection: Connection) -> dict[str, dict[str, Any]]:
    """The one row of every table; of those that a version did not have, nothing."""
    found = {name: connection.execute(select(table)).one_or_none() for name, table in METADATA.tables.items()}
    return {name: dict(row._mapping) for name, row in found.items() if row is not None}


def test_every_version_has_its_rows_here() -> None:
    assert list(ROWS) == versions()


@pytest.mark.parametrize("version", list(ROWS))
def test_every_landed_version_becomes_the_newest_and_keeps_what_was_in_it(
    tmp_path: pathlib.Path, url: str, version: str
) -> None:
    as_version(url, version)
    database = opened(tmp_path, url)
    with database.read() as connection:
        assert version_of(connection) == versions()[-1]
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        kept = rows(connection)
    for table, row in ROWS[version].items():
        assert row.items() <= kept[table].items(), table
    database.close()


def test_a_newer_version_and_another_folders_database_are_refused_in_words(tmp_path: pathlib.Path, url: str) -> None:
    database = opened(tmp_path, url)
    with database.write() as connection:
        place.claim(connection, "one")
        place.claim(connection, "one")
        with pytest.raises(Misconfigured, match="belongs to another data folder"):
            place.claim(connection, "two")
        connection.exec_driver_sql("update alembic_version set version_num = '9999'")
    database.close()
    with pytest.raises(Misconfigured, match="has version 9999, which a newer release made"):
        opened(tmp_path, url)


def test_a_transaction_is_kept_whole_or_not_at_all(tmp_path: pathlib.Path, url: str) -> None:
    database = opened(tmp_path, url)
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        place.claim(connection, "one")
        raise ZeroDivisionError
    with database.read() as connection:
        assert connection.execute(select(DESK)).all() == []
    database.close()


def test_writers_take_turns_and_readers_see_what_is_durable(tmp_path: pathlib.Path, url: str) -> None:
    database = opened(tmp_path, url)
    with database.write() as connection:
        place.claim(connection, "one")
        place.move_cursor(connection, "0")

    def count_up() -> None:
        for _ in range(20):
            with database.write() as connection:
                found = int(place.cursor_of(connection) or 0)
                place.move_cursor(connection, str(found + 1))
            with database.read() as connection:
                assert int(place.cursor_of(connection) or 0) > found

    threads = [threading.Thread(target=count_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as connection:
        assert place.cursor_of(connection) == "80"
    database.close()


@pytest.mark.parametrize("seed", [3, 4])
def test_both_databases_give_the_same_desk(tmp_path: pathlib.Path, postgresql: str, seed: int) -> None:
    rng, world = random.Random(seed), FeedWorld(shards=2)
    desks = [DeskLab(tmp_path / "sqlite", world, ALL), DeskLab(tmp_path, world, ALL, emptied(postgresql))]
    for _ in range(12):
        any_story(world, rng, 1)
        world.now_ms += 3_000
        for desk in desks:
            desk.read(50)
            desk.clock.tick(world.now_ms)
    held(desks[0], "nul\0", channel="web\0", seller="\0")
    item = held(desks[0], "held here")
    desks[1].read()
    for desk in desks:
        desk.act(item, "claim", key="k", digest="d")
        desk.act(item, "snooze", until_ms=world.now_ms + 5, now_ms=world.now_ms)
        desk.clock.tick(world.now_ms + 6)
        resolve(desk, item, type="note", text="called the customer")
        desk.sender.send()
    one, other = desks
    assert one.items() == other.items() and one.due() == other.due()
    assert [row["status"] for row in one.outbox() + other.outbox()] == ["applied", "applied"]
    for wanted in ({}, {"queue": "orders"}, {"states": ("resolved",)}, {"owner": "ada"}):
        pages = [[item["work_id"] for item in desk.page(20, **wanted)["items"]] for desk in desks]
        assert pages[0] == pages[1]
    for desk in desks:
        desk.database.close()


def test_a_database_that_is_away_may_come_back_and_a_wrong_url_may_not(tmp_path: pathlib.Path) -> None:
    with pytest.raises(Retryable, match="the desk's database does not answer now"):
        Database(tmp_path / "desk", "postgresql://nobody@127.0.0.1:1/none")
    for wrong in ("mysql://somebody@somewhere/else", "no url at all"):
        with pytest.raises(Misconfigured, match=r"\[desk\] url"):
            Database(tmp_path / "desk", wrong)


def test_a_database_that_could_not_be_opened_leaves_no_connection(
    tmp_path: pathlib.Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The desk tries again every two seconds: connections would add up."""
    made, begun = sqlalchemy.create_engine, list[Engine]()
    opened(tmp_path, url).close()
    as_newer(url)

    def kept(*given: Any, **named: Any) -> Engine:
        begun.append(made(*given, **named))
        return begun[-1]

    monkeypatch.setattr(sqlalchemy, "create_engine", kept)
    with pytest.raises(Misconfigured, match="has version 9999"):
        opened(tmp_path, url)
    [engine] = begun
    assert engine.pool.checkedin() == 0  # type: ignore[attr-defined]


def as_newer(url: str) -> None:
    """A database that a newer release has brought to its version."""
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '9999'")
    engine.dispose()


def test_the_file_is_its_owners_alone_and_says_its_version(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "desk"
    assert schema_version(folder) is None
    database = Database(folder, "")
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert schema_version(folder) == versions()[-1]
    database.close()
    (folder / "desk.sqlite").write_bytes(b"no database" * 500)
    with pytest.raises(Damaged, match="cannot be read"):
        schema_version(folder)
    with pytest.raises(Damaged, match=r"is damaged \(file is not a database\); `order-router doctor`"):
        Database(folder, "")
