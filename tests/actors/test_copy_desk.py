"""The desk in a backup: copied as one transaction left it, while it is written, and no further than the logs go."""

from __future__ import annotations

import pathlib
import threading
from collections.abc import Iterator

import msgspec
import pytest
from sqlalchemy import func, select

from actors.care import backup as backups
from actors.care.copy_desk import copy_desk
from actors.care.doctor.folder import check
from actors.care.restore import restore
from actors.store.data_folder import DataFolder
from actors.store.desk import items, place
from actors.store.desk.database import Database
from actors.store.desk.file import FILE, opened
from actors.store.desk.migrate import versions
from actors.store.desk.schema import WORK
from router.config import DeskConfig
from router.errors import Damaged
from router.work.item import WorkItem, work_id_of
from tests.labs.small_folder import CONFIG, make_folder

A_TRANSACTION = 7  # items


@pytest.fixture
def data(tmp_path: pathlib.Path) -> DataFolder:
    return make_folder(tmp_path / "data")[0]


@pytest.fixture
def database(data: DataFolder) -> Iterator[Database]:
    made = Database(data.desk, "")
    with made.write() as connection:
        place.claim(connection, data.name)
    yield made
    made.close()


def write(database: Database, number: int) -> None:
    """Some items and the cursor behind them."""
    found = [
        WorkItem(
            work_id=work_id_of("held", f"{number}-{each}", 1), kind="held", queue="orders", order_key="", order_id="o",
            channel="", seller="", cause_version=1, reason="r" * 500, raised_ms=1, deadline_ms=2,
        )
        for each in range(A_TRANSACTION)
    ]  # fmt: skip
    with database.write() as connection:
        items.add(connection, found)
        place.move_cursor(connection, str(number))


def test_a_desk_that_is_written_is_copied_between_two_transactions(
    data: DataFolder, database: Database, tmp_path: pathlib.Path
) -> None:
    over, written = threading.Event(), [0]

    def go_on() -> None:
        while not over.is_set():
            written[0] += 1
            write(database, written[0])

    thread = threading.Thread(target=go_on)
    thread.start()
    for number in range(5):
        target = DataFolder(tmp_path / f"copy-{number}")
        target.path.mkdir()
        copy_desk(data, target)
        assert [path.name for path in target.desk.iterdir()] == ["desk.sqlite"]
        copied = Database(target.desk, "")
        with copied.read() as connection:
            count = connection.execute(select(func.count()).select_from(WORK)).scalar()
            assert count == A_TRANSACTION * int(place.cursor_of(connection) or 0)
        copied.close()
    over.set()
    thread.join()
    assert written[0] > 5


def test_a_backup_takes_the_desk_first_and_a_restore_brings_it_back(
    data: DataFolder, database: Database, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    copy, owner = backups.copy_desk, backups._Copy._copy_owner
    monkeypatch.setattr(backups, "copy_desk", lambda *given: (steps.append("desk"), copy(*given)))
    monkeypatch.setattr(
        backups._Copy, "_copy_owner", lambda self, *given: (steps.append("log"), owner(self, *given))[1]
    )
    monkeypatch.setattr(backups, "apart", lambda work, show: work(show))
    write(database, 1)
    backups.backup(data, tmp_path / "kept", lambda _: None)
    assert steps[0] == "desk" and set(steps[1:]) == {"log"}
    restore(tmp_path / "kept", tmp_path / "new", lambda _: None, lambda _: True)
    restored = Database(tmp_path / "new" / "desk", "")
    with restored.write() as connection:
        place.claim(connection, DataFolder(tmp_path / "new").name)
        assert place.cursor_of(connection) == "1"
    restored.close()


def said_of(data: DataFolder) -> tuple[str, str, str]:
    """Level, finding and remedy of the desk."""
    [finding] = [each for each in check(data.path) if each.subject == "Desk"]
    return finding.level, finding.found, finding.remedy


def test_doctor_says_why_a_desk_is_closed_as_the_desk_does(data: DataFolder) -> None:
    database = Database(data.desk, "")
    with database.write() as connection:
        place.claim(connection, "another")
    database.close()
    level, found, remedy = said_of(data)
    assert (level, found[:59]) == ("fault", "closed: the desk's database belongs to another data folder;")
    assert "changes wait in the log" in remedy
    with opened(data.desk / FILE, "rw") as newer:
        newer.execute("update alembic_version set version_num = '9999'")
        newer.commit()
    level, found, _ = said_of(data)
    assert level == "fault" and "closed: the desk's database has version 9999" in found and "use that release" in found
    away = DeskConfig(url="postgresql://nobody@127.0.0.1:1/none")
    data.config_file.write_bytes(msgspec.json.encode(msgspec.structs.replace(CONFIG, desk=away)))
    level, found, _ = said_of(data)
    assert level == "fault" and "closed: the desk's database does not answer now" in found


def test_doctor_makes_nothing_of_a_desk_that_it_looks_at(data: DataFolder) -> None:
    """Nor does it bring one to the newest version, which would be the desk's own step."""
    assert said_of(data)[0] == "ok" and not data.desk.exists()
    Database(data.desk, "").close()
    with opened(data.desk / FILE, "rw") as older:
        older.execute("update alembic_version set version_num = '0001'")
        older.commit()
    assert [said_of(data)[:2] for _ in range(2)] == [("ok", "schema version 0001")] * 2


def test_doctor_names_the_version_and_what_to_do_with_a_damaged_desk(data: DataFolder, tmp_path: pathlib.Path) -> None:
    assert said_of(data) == ("ok", "none yet", "")
    Database(data.desk, "").close()
    assert said_of(data)[:2] == ("ok", f"schema version {versions()[-1]}")
    (data.desk / "desk.sqlite").write_bytes(b"\0" * 9_000)
    level, _, remedy = said_of(data)
    assert level == "fault" and "what the log tells comes back" in remedy
    target = DataFolder(tmp_path / "copy")
    target.path.mkdir()
    with pytest.raises(Damaged, match="the log has what it tells"):
        copy_desk(data, target)
