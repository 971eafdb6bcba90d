"""A backup of a folder that is being written restores to a folder that is whole and has forgotten nothing."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import threading
import types
from collections.abc import Iterator
from typing import Any

import pytest

from actors.care import backup as backups
from actors.cli.main import main
from actors.run.route import _home, route
from actors.store.data_folder import DataFolder
from actors.store.log_store import log_key
from actors.store.table_store import TableStore
from router.config import Config
from router.local import LocalRouter
from router.wire.ndjson import decode_bodies
from tests.actors.test_verify import edit
from tests.labs.serve_fixture import Router, Row, chunk, lines_of, ndjson, rows_of, running_router, until
from tests.labs.serve_fixture import order as served_order
from tests.labs.small_folder import BATCHES, CONFIG, ORDERS, make_folder, order
from tests.labs.telling import event_terms, tell

Capture = pytest.CaptureFixture[str]
LATER = [order(number) for number in range(ORDERS, ORDERS + 30)]
CANCELLED = range(ORDERS - 5, ORDERS + 5)  # some of them decided only during the backup
STREAMED = 2_000
PIECE, WINDOW = 100, 2_000
PAUSE_S = 0.02  # between two pieces: at most 5,000 orders a second, for as long as the backup takes


@pytest.fixture
def data(tmp_path: pathlib.Path) -> DataFolder:
    return make_folder(tmp_path / "data")[0]


def decide(data: DataFolder, rows: list[Row], config: Config = CONFIG, tables: pathlib.Path | None = None) -> list[Row]:
    """Send orders through the engines of a folder; its answers."""
    answers: list[bytes] = []
    none = data.path.with_name("no-tables")
    none.mkdir(exist_ok=True)
    batches = (
        decode_bodies([json.dumps(row).encode() for row in rows[first : first + 10]], config.limits)
        for first in range(0, len(rows), 10)
    )
    route(batches, tables or none, config, data.path, answers.append)
    return rows_of(b"".join(answers))


def cancel(data: DataFolder, numbers: range) -> dict[str, Row]:
    """Cancel orders; the answer to each event."""
    key, log_of, close = _home(data.path, CONFIG)
    try:
        store = TableStore(data.tables)
        local, tables = LocalRouter(CONFIG, key, log_of, store.load), store.load(store.current())
        local.use_tables(tables)
        local.recover()
        events = [{"event_id": f"e-{n}", "order_id": f"o-{n}", "type": "cancel"} for n in numbers]
        return {answer["event_id"]: answer for answer in tell(local, event_terms(tables, key, 0), events)}
    finally:
        close()


def command(capture: Capture, *arguments: object) -> tuple[int, Row]:
    code = main([*map(str, arguments), "--json"])
    said = capture.readouterr()
    assert "Traceback" not in said.err
    return code, json.loads(said.out) if said.out else {"said": said.err}


def restored(capture: Capture, source: pathlib.Path) -> tuple[DataFolder, Row]:
    target = source.with_name(source.name + "-restored")
    code, verdict = command(capture, "restore", source, "--to", target)
    assert code == (0 if verdict["ok"] else 1)
    return DataFolder(target), verdict


def test_a_restored_folder_is_the_one_that_was_backed_up(
    data: DataFolder, tmp_path: pathlib.Path, capsys: Capture
) -> None:
    (data.path / "admin.key").write_text("secret")
    (data.path / "admin.key").chmod(0o600)
    before = command(capsys, "verify", "--data", data.path)[1]
    code, summary = command(capsys, "backup", data.path, "--to", tmp_path / "copy")
    assert (code, summary["shards"], summary["added"]) == (0, [BATCHES, BATCHES], 0)
    assert summary["cursor"] == f"0:{BATCHES + 1}.0,1:{BATCHES + 1}.0"
    folder, verdict = restored(capsys, tmp_path / "copy")
    assert verdict["ok"] and verdict["state_hash"] == before["state_hash"]
    assert (folder.path / "admin.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o700
    again = decide(folder, [order(number) for number in range(ORDERS)])
    assert all(answer["duplicate"] for answer in again)


@pytest.fixture
def written_meanwhile(data: DataFolder, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """Orders are decided, and new tables made, behind the copies of the shards and before that of the ledger."""
    answers = data.path.with_name("answers")
    copy_owner = backups._Copy._copy_owner
    tables = data.path.with_name("data-tables")

    def copy(self: Any, owner: pathlib.Path, target: pathlib.Path) -> None:
        if owner.name == "ledger":
            decided = decide(data, LATER, tables=tables)
            answers.write_text(json.dumps([decided, cancel(data, CANCELLED)]))
        copy_owner(self, owner, target)

    monkeypatch.setattr(backups._Copy, "_copy_owner", copy)
    return answers


def test_what_is_decided_during_the_backup_is_in_it_with_the_decision_that_was_answered(
    data: DataFolder, written_meanwhile: pathlib.Path, tmp_path: pathlib.Path, capsys: Capture
) -> None:
    code, summary = command(capsys, "backup", data.path, "--to", tmp_path / "copy")
    assert code == 0 and summary["added"] > 0
    folder, verdict = restored(capsys, tmp_path / "copy")
    assert verdict["ok"], verdict["findings"]
    assert sum(shard["unfinished"] for shard in verdict["shards"]) == summary["added"]
    promised, cancelled = json.loads(written_meanwhile.read_text())
    assert decide(folder, LATER) == [answer | {"duplicate": True} for answer in promised]
    again = cancel(folder, CANCELLED)
    for event_id, answer in cancelled.items():
        assert (answer["status"], again[event_id]["status"]) == ("applied", "duplicate")
        assert again[event_id]["version"] == answer["version"]
    assert len(again) == len(cancelled) == len(CANCELLED)
    assert command(capsys, "verify", "--data", folder.path)[1]["ok"]


def test_without_the_inputs_that_came_meanwhile_the_backup_would_not_fit_together(
    data: DataFolder,
    written_meanwhile: pathlib.Path,
    tmp_path: pathlib.Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backups._Copy, "_add_answered", lambda self, number: 0)
    assert command(capsys, "backup", data.path, "--to", tmp_path / "copy")[0] == 0
    _, verdict = restored(capsys, tmp_path / "copy")
    assert not verdict["ok"] and "but the ledger has answered record" in verdict["findings"][0]["what"]


def turn_a_bit(path: pathlib.Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("file", ["shard-001/log/data.mdb", "meta.json", "backup.json", "tables/manifest.json"])
def test_a_changed_backup_is_refused_and_nothing_is_restored(
    file: str, data: DataFolder, tmp_path: pathlib.Path, capsys: Capture
) -> None:
    assert command(capsys, "backup", data.path, "--to", tmp_path / "copy")[0] == 0
    turn_a_bit(tmp_path / "copy" / file)
    code, said = command(capsys, "restore", tmp_path / "copy", "--to", tmp_path / "new")
    assert code == 1 and "use another backup" in said["said"] and not (tmp_path / "new").exists()


def test_a_damaged_folder_gives_no_backup(data: DataFolder, tmp_path: pathlib.Path, capsys: Capture) -> None:
    edit(data.shard(0), b"log", log_key(2, 0), lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]))
    code, said = command(capsys, "backup", data.path, "--to", tmp_path / "copy")
    assert code == 1 and "record 2 part 0: the checksum" in said["said"]
    code, said = command(capsys, "restore", tmp_path / "copy", "--to", tmp_path / "new")
    assert code == 1 and "was not finished" in said["said"]


def test_a_backup_never_overwrites_and_leaves_room_on_the_disk(
    data: DataFolder, tmp_path: pathlib.Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "is there already" in command(capsys, "backup", data.path, "--to", data.path)[1]["said"]
    assert "is not a data folder" in command(capsys, "backup", tmp_path / "none", "--to", tmp_path / "x")[1]["said"]
    monkeypatch.setattr(os, "statvfs", lambda _: types.SimpleNamespace(f_bavail=10, f_frsize=4_096))
    code, said = command(capsys, "backup", data.path, "--to", tmp_path / "copy")
    assert code == 1 and "name a folder on another disk" in said["said"]


# --- a router that is running --------------------------------------------------------------------


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    yield from running_router(tmp_path_factory, "backup", {"log": {"disk_free_bytes_min": 0}})


class Stream(threading.Thread):
    """Sends orders until it is told to stop, however long that is: a few at a time, the next when some were answered.
    The first STREAMED answers are kept."""

    def __init__(self, router: Router) -> None:
        super().__init__(daemon=True)
        self._client = router.open_stream()
        self.sent = self.answered = 0
        self.answers: list[Row] = []
        self.ending = threading.Event()

    def run(self) -> None:
        reader = threading.Thread(target=self._read, daemon=True)
        reader.start()
        while not self.ending.wait(PAUSE_S):
            if self.sent - self.answered < WINDOW:
                numbers = range(self.sent, self.sent + PIECE)
                self.sent += PIECE
                self._client.sendall(chunk(ndjson([served_order(f"b-{number}") for number in numbers])))
        self._client.sendall(b"0\r\n\r\n")
        reader.join()
        self._client.close()

    def _read(self) -> None:
        for line in lines_of(self._client):
            if self.answered < STREAMED:
                self.answers.append(json.loads(line))
            self.answered += 1


@pytest.mark.ray
def test_a_running_router_is_backed_up_in_the_middle_of_a_stream(
    router: Router, tmp_path: pathlib.Path, capsys: Capture
) -> None:
    stream = Stream(router)
    stream.start()
    with contextlib.ExitStack() as ending:
        ending.callback(stream.ending.set)
        until(lambda: stream.answered >= STREAMED, "the stream is under way", 120)
        asked = [sys.executable, "-m", "actors.cli.main", "backup", str(router.folder), "--to", str(tmp_path / "copy")]
        done = subprocess.run([*asked, "--json"], capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr[-2_000:]
        sent = stream.sent  # no more can be in the copy
        until(lambda: stream.answered > sent, "the stream went on", 120)
    stream.join(120)
    router.stop()
    folder, verdict = restored(capsys, tmp_path / "copy")
    assert verdict["ok"], verdict["findings"]
    assert STREAMED <= verdict["orders"] < stream.answered == stream.sent
    repeated = decide(folder, [served_order(answer["order_id"]) for answer in stream.answers], Config(shards=2))
    assert repeated == [answer | {"duplicate": True} for answer in stream.answers]
