"""The desk's process as an object: opened beside everything else, waiting for what it lacks, drained at any moment."""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
import shutil
from collections.abc import Iterator

import msgspec
import pytest

from actors.gateway.core import ray_backend
from actors.gateway.core.backend import ShardUnavailable
from actors.owners import reader as frame
from actors.owners.desk_actor import Desk
from actors.store.data_folder import DataFolder
from actors.store.desk import place
from actors.store.desk.database import Database
from actors.store.desk.figures import told
from actors.store.desk.file import FILE
from actors.store.locks import owner_of
from router.config import Config, DeskConfig
from router.errors import Retryable
from router.work.listing import WorkFilter
from tests.labs.serve_fixture import until
from tests.labs.small_folder import CONFIG, ORDERS, make_folder

AWAY = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture
def data(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DataFolder]:
    monkeypatch.setattr(frame.os, "nice", lambda _: 0)  # the process of all tests stays as quick as it is
    made = make_folder(tmp_path / "data")[0]
    yield made
    shutil.rmtree(made.shared, ignore_errors=True)


def desk(data: DataFolder, **settings: str | int) -> Desk:
    config = msgspec.structs.replace(CONFIG, desk=DeskConfig(**settings))  # type: ignore[arg-type]
    return Desk(str(data.path), msgspec.json.encode(config))


def test_it_reads_what_the_log_has_answers_and_gives_its_folder_free(data: DataFolder) -> None:
    opened = desk(data, unsent_after_ms=1)
    until(lambda: opened.status().get("lag_rows") == 0, "it has read all")
    assert owner_of(data.desk) == os.getpid()
    until(lambda: json.loads(opened.work(WorkFilter(), 1_000))["items"] != [], "what lasted too long is work")
    items = json.loads(opened.work(WorkFilter(), 1_000))["items"]
    assert 0 < len({item["order_id"] for item in items}) <= ORDERS
    until(lambda: (found := told(data.desk_figures)) is not None and found.outbox == 0, "it has counted")
    opened.drain()
    assert owner_of(data.desk) is None
    again = desk(data)
    until(lambda: again.status().get("lag_rows") == 0, "it is open again")
    assert json.loads(again.work(WorkFilter(), 1_000))["items"] == items
    again.drain()


def test_while_its_database_is_away_it_says_so_and_tries_again(data: DataFolder) -> None:
    waiting = desk(data, url=AWAY)
    until(lambda: "does not answer now" in str(waiting.status().get("waits_for")), "it has tried")
    with pytest.raises(Retryable, match=r"the desk is closed: the desk's database does not answer now \(.*see that it"):
        waiting.work(WorkFilter(), 1)
    waiting.drain()
    assert owner_of(data.desk) is None


def test_a_gateway_passes_on_what_the_desk_says_and_of_other_owners_the_kind_alone() -> None:
    """What is wrong with a log may name a path; what the desk says is written for those who wait for it."""

    class Failing:
        async def wait(self, timeout_s: float) -> None:
            raise Retryable("why and what to do", 1_000)

    for answer, said in ((ray_backend._answer_of_desk, "^why and what to do$"), (ray_backend._answer, "Retryable")):
        with pytest.raises(ShardUnavailable, match=said):
            asyncio.run(answer(Failing))  # type: ignore[operator, arg-type]


def test_a_desk_that_is_ahead_of_its_logs_does_not_open(data: DataFolder, capfd: pytest.CaptureFixture[str]) -> None:
    database = Database(data.desk, "")
    shards = data.identity().shards
    with database.write() as connection:
        place.claim(connection, data.name)
        place.move_cursor(connection, ",".join(f"{number}:999999.0" for number in range(shards)))
    database.close()
    waiting = desk(data)
    until(lambda: "does not belong to these logs" in str(waiting.status().get("waits_for")), "it has tried")
    until(lambda: waiting._opener.is_alive(), "it tries again")
    waiting.drain()
    assert "what the log tells comes back" in capfd.readouterr().err


def test_a_file_that_is_no_database_is_told_in_words_and_its_process_lives(
    data: DataFolder, capfd: pytest.CaptureFixture[str]
) -> None:
    """A process that dies of it is started again at once, and for ever."""
    for spoil, words in ((_no_database, "file is not a database"), (_a_folder, "Is a directory")):
        spoil(data.desk / FILE)
        waiting = desk(data)
        until(lambda words=words, desk=waiting: words in str(desk.status().get("waits_for")), "it has tried")
        assert str(data.path) not in str(waiting.status()["waits_for"]), "it is told over HTTP"
        waiting.drain()
        assert f"the desk cannot be opened: {'[Errno' if spoil is _a_folder else 'the desk'}" in capfd.readouterr().err


def _no_database(file: pathlib.Path) -> None:
    file.parent.mkdir(mode=0o700)
    file.write_bytes(b"no database" * 500)


def _a_folder(file: pathlib.Path) -> None:
    file.unlink()
    file.mkdir()


def test_the_default_is_a_file_and_times_that_need_no_reports() -> None:
    """A router that is told of orders and of nothing else has no item for each of them."""
    found = Config().desk
    assert (found.url, found.unpaid_after_ms, found.unsent_after_ms) == ("", 0, 0)
    assert found.waiting_after_ms > 0 and found.undelivered_after_ms > 0
