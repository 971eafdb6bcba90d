from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import lmdb
import pyarrow as pa
import pytest

from actors.store.lmdb_log import LmdbLog
from actors.store.locks import FolderInUse
from actors.store.log_reader import LogReader
from actors.store.log_store import EPOCH_KEY, log_folder, log_key
from router.config import LogConfig
from router.log.kinds import Kind
from router.log.questions import Answered, AskedBy
from router.log.records import DamagedRecord, LogFenced, MissingRecord, frame, write_documents

pytestmark = pytest.mark.timeout(60)  # a waiter that nobody wakes must not hang the run

ROOT = pathlib.Path(__file__).parents[2]
CONFIG = LogConfig(log_bytes_max=64 << 20, disk_free_bytes_min=0)


def record(sequence: int, part: int = 0, text: bytes = b"12345678") -> bytearray:
    return frame(Kind.STOCK, part, sequence, [text], tables_version=1, now_ms=sequence)


def documents(*rows: bytes) -> memoryview:
    return memoryview(write_documents(pa.record_batch({"json": pa.array(rows, type=pa.binary())})))


def opened(folder: pathlib.Path, config: LogConfig = CONFIG, parts: int = 2) -> contextlib.closing[LmdbLog]:
    return contextlib.closing(LmdbLog(folder, config, parts))


def test_what_was_waited_for_is_there_after_reopening(tmp_path):
    with opened(tmp_path) as log:
        log.append(1, 0, record(1), documents(b'{"order_id":"a"}'), by_batch=AskedBy(3, 17, bytes(range(16))))
        log.wait(log.append(1, 1, record(1, 1)))
        assert (log.epoch, log.last_sequence(0), log.last_sequence(1)) == (1, 1, 1)
        assert log.find_batch(3, 17) == Answered(1, bytes(range(16))) and log.find_batch(3, 18) is None
    with opened(tmp_path) as log:
        assert log.epoch == 2
        log.wait(log.append(2, 0, record(2)))
        assert [(s, p, r.epoch) for s, p, r in log.iterate(1)] == [(1, 0, 1), (1, 1, 1), (2, 0, 2)]
        assert bytes(log.read(1, 1).messages[0]) == b"12345678"
        assert log.read(3, 0) is None and log.read_documents(2) is None
        assert log.read_documents(1).kind is Kind.DOCUMENTS
        assert (log.first_sequence(), log.find_batch(3, 17).sequence) == (1, 1)


def test_closing_commits_what_is_still_queued(tmp_path):
    with opened(tmp_path) as log:
        for sequence in range(1, 40):
            log.append(sequence, 0, record(sequence))
    with opened(tmp_path) as log:
        assert [sequence for sequence, _, _ in log.iterate(1)] == list(range(1, 40))


def test_an_empty_log_reads_as_empty(tmp_path):
    with opened(tmp_path) as log:
        assert (log.first_sequence(), log.last_sequence(0), list(log.iterate(1))) == (0, 0, [])


def test_appends_made_during_a_commit_share_the_next_one(tmp_path, monkeypatch):
    with opened(tmp_path) as log:
        commit, entered, go_on = log._commit, threading.Event(), threading.Event()

        def slow_commit(group):
            entered.set()
            go_on.wait(10)
            commit(group)

        monkeypatch.setattr(log, "_commit", slow_commit)
        log.append(1, 0, record(1))
        assert entered.wait(10)
        tickets = [log.append(sequence, 0, record(sequence)) for sequence in range(2, 10)]
        assert log.last_sequence(0) == 0
        go_on.set()
        log.wait(tickets[-1])
        assert log.commits == 2
        assert log.last_sequence(0) == 9


def test_many_threads_wait_for_their_own_records(tmp_path):
    with opened(tmp_path) as log:
        order, failed = threading.Lock(), []
        sequence = iter(range(1, 200))

        def work():
            for _ in range(20):
                with order:
                    mine = next(sequence)
                    ticket = log.append(mine, 0, record(mine))
                log.wait(ticket)
                if log.read(mine, 0) is None:
                    failed.append(mine)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failed and log.last_sequence(0) == 160
        assert log.commits < 160


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (lmdb.DiskError("mdb_txn_commit: No space left on device"), "check the disk"),
        (lmdb.MapFullError("mdb_put"), "raise it in the configuration"),
        (OSError(5, "Input/output error"), "Input/output error"),
    ],
)
def test_a_write_error_fences_the_log_for_good(tmp_path, monkeypatch, error, words):
    with opened(tmp_path) as log:
        log.wait(durable := log.append(1, 0, record(1)))
        tries = []

        def failing(group):
            tries.append(len(group))
            raise error

        monkeypatch.setattr(log, "_commit", failing)
        lost = log.append(2, 0, record(2))
        with pytest.raises(LogFenced, match=words):
            log.wait(lost)
        with pytest.raises(LogFenced, match=words):
            log.append(3, 0, record(3))
        with pytest.raises(LogFenced):
            log.wait(lost)
        log.wait(durable)
        assert len(tries) == 1
    with opened(tmp_path) as log:
        assert log.last_sequence(0) == 1


def test_waiters_of_a_failing_group_are_all_woken(tmp_path, monkeypatch):
    with opened(tmp_path) as log:
        go_on, raised = threading.Event(), []

        def failing(group):
            go_on.wait(10)
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(log, "_commit", failing)

        def waiter(ticket):
            try:
                log.wait(ticket)
            except LogFenced as fenced:
                raised.append(fenced)

        threads = [threading.Thread(target=waiter, args=(log.append(n, 0, record(n)),)) for n in range(1, 6)]
        for thread in threads:
            thread.start()
        go_on.set()
        for thread in threads:
            thread.join(10)
        assert len(raised) == 5


def test_a_log_that_reached_its_size_is_fenced_in_words_and_keeps_what_it_has(tmp_path):
    small = LogConfig(log_bytes_max=1 << 20, disk_free_bytes_min=0)
    with opened(tmp_path, small) as log, pytest.raises(LogFenced, match="log_bytes_max"):
        for sequence in range(1, 100):
            log.wait(log.append(sequence, 0, record(sequence, 0, bytes(100_000))))
    with opened(tmp_path) as log:
        held = [sequence for sequence, _, _ in log.iterate(1)]
        assert held == list(range(1, len(held) + 1)) and 5 < len(held) < 11
        log.wait(log.append(len(held) + 1, 0, record(len(held) + 1, 0, bytes(100_000))))


def test_a_short_disk_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    with opened(tmp_path, LogConfig(log_bytes_max=64 << 20, disk_free_bytes_min=1_000_000)) as log:
        monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=244, f_frsize=4096))
        with pytest.raises(LogFenced, match="disk_free_bytes_min"):
            log.wait(log.append(1, 0, record(1)))
        assert log.commits == 0


def test_a_second_owner_is_refused_with_the_pid_of_the_first(tmp_path):
    with opened(tmp_path), pytest.raises(FolderInUse, match=f"in use by process {os.getpid()}"):
        LmdbLog(tmp_path, CONFIG, 2)
    with opened(tmp_path):
        pass


def test_a_patient_owner_waits_for_the_one_before_it_to_end(tmp_path):
    first = LmdbLog(tmp_path, CONFIG, 2)
    threading.Timer(0.3, first.close).start()
    began_s = time.monotonic()
    with contextlib.closing(LmdbLog(tmp_path, CONFIG, 2, patience_s=20.0)) as second:
        assert time.monotonic() - began_s >= 0.2 and second.epoch == first.epoch + 1


def test_an_owner_that_was_overtaken_writes_nothing_more(tmp_path):
    with opened(tmp_path) as log:
        log.wait(log.append(1, 0, record(1)))
        with log._environment.begin(write=True, db=log._store.meta) as writing:
            writing.put(EPOCH_KEY, (log.epoch + 1).to_bytes(8, "little"))
        with pytest.raises(LogFenced, match="another process has taken this log over"):
            log.wait(log.append(2, 0, record(2)))
        assert log.last_sequence(0) == 1


def overwrite(log: LmdbLog, sequence: int, part: int, change) -> None:
    with log._environment.begin(write=True, db=log._store.log) as writing:
        raw = bytearray(writing.get(log_key(sequence, part)))
        changed = change(raw)
        if changed is None:
            writing.delete(log_key(sequence, part))
        else:
            writing.put(log_key(sequence, part), changed)


def flip_last_bit(raw: bytearray) -> bytearray:
    raw[-1] ^= 1
    return raw


def test_damage_and_gaps_are_named_with_their_sequence(tmp_path):
    with opened(tmp_path) as log:
        for sequence in range(1, 6):
            log.append(sequence, 0, record(sequence))
            ticket = log.append(sequence, 1, record(sequence, 1))
        log.wait(ticket)
        overwrite(log, 3, 1, flip_last_bit)
        with pytest.raises(DamagedRecord, match="record 3 part 1.*checksum"):
            list(log.iterate(1))
        with pytest.raises(DamagedRecord, match="record 3 part 1"):
            log.read(3, 1)
        overwrite(log, 3, 1, lambda _: None)
        with pytest.raises(DamagedRecord, match="record 4 part 1.*does not follow"):
            list(log.iterate(1))
        overwrite(log, 2, 0, lambda _: None)
        with pytest.raises(MissingRecord, match="record 2 part 0 is missing, record 2 part 1 comes next"):
            list(log.iterate(1))


def test_nothing_is_chained_to_a_last_record_that_is_damaged(tmp_path):
    with opened(tmp_path) as log:
        log.append(1, 0, record(1))
        log.wait(log.append(1, 1, record(1, 1)))
        overwrite(log, 1, 1, flip_last_bit)
    with pytest.raises(DamagedRecord, match="record 1 part 1.*checksum"):
        LmdbLog(tmp_path, CONFIG, 2)
    with pytest.raises(DamagedRecord):  # and the folder is free for whoever mends it
        LmdbLog(tmp_path, CONFIG, 2)


def test_iterating_continues_from_the_chains_of_a_checkpoint(tmp_path):
    with opened(tmp_path) as log:
        for sequence in range(1, 50):
            ticket = log.append(sequence, 0, record(sequence))
            if sequence % 3 == 0:
                ticket = log.append(sequence, 1, record(sequence, 1))
        log.wait(ticket)
        everything = [(s, p) for s, p, _ in log.iterate(1)]
        for after in (0, 1, 2, 3, 31, 32, 33, 34, 48, 49):
            chains = log.chains_at(after)
            assert [(s, p) for s, p, _ in log.iterate(after + 1, chains)] == [k for k in everything if k[0] > after]
        with pytest.raises(DamagedRecord, match="does not follow"):
            list(log.iterate(10, [chains[0], chains[1]]))


def test_an_erased_document_is_gone_for_readers_that_had_it_cached(tmp_path):
    with opened(tmp_path) as log:
        log.wait(log.append(1, 0, record(1), documents(b'{"n":1}', b'{"n":2}')))
        reader = log.reader()
        assert reader.document(1, 0) == {"n": 1} and reader.document(1, 1) == {"n": 2}
        assert log.erase_document(1, 1) and not log.erase_document(2, 0)
        assert reader.document(1, 0) == {"n": 1} and reader.document(1, 1) is None
    with opened(tmp_path) as log:
        assert log.reader().document(1, 1) is None
        assert [key[:2] for key in log.iterate(1)] == [(1, 0)]


@pytest.mark.parametrize("made_so_far", [[], ["data.mdb"], ["data.mdb", "lock.mdb"]])
def test_a_log_that_is_just_being_made_reads_as_empty(tmp_path, made_so_far):
    log_folder(tmp_path).mkdir()
    for name in made_so_far:
        (log_folder(tmp_path) / name).touch()
    reader = LogReader(tmp_path, 2)
    assert reader.last_sequence(0) == 0 and reader.read(1, 0) is None and reader.document(1, 0) is None
    reader.close()


def test_a_copied_log_reads_without_its_lock_file_and_without_an_owner(tmp_path):
    with opened(tmp_path / "original") as log:
        log.wait(log.append(1, 0, record(1)))
        log_folder(tmp_path / "copy").mkdir(parents=True)
        log._environment.copy(str(log_folder(tmp_path / "copy")))
    reader = LogReader(tmp_path / "copy", 2)
    assert reader.last_sequence(0) == 1 and reader.read(1, 0) is not None
    reader.close()


WRITER = """
import pathlib, sys
sys.path.insert(0, sys.argv[2])
from actors.store.lmdb_log import LmdbLog
from router.config import LogConfig
from router.log.kinds import Kind
from router.log.records import frame
log = LmdbLog(pathlib.Path(sys.argv[1]), LogConfig(log_bytes_max=256 << 20, disk_free_bytes_min=0), 2)
sequence = log.last_sequence(0)
tickets = []
while True:
    sequence += 1
    text = sequence.to_bytes(8, "little") * (1 + sequence % 2000)
    log.append(sequence, 0, frame(Kind.STOCK, 0, sequence, [text], tables_version=1, now_ms=0))
    outcome = frame(Kind.STOCK, 1, sequence, [text], tables_version=1, now_ms=0)
    tickets.append((sequence, log.append(sequence, 1, outcome)))
    if len(tickets) == 4:
        done, ticket = tickets.pop(0)
        log.wait(ticket)
        print(done, flush=True)
"""


def start_writer(folder: pathlib.Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", WRITER, str(folder), str(ROOT)], stdout=subprocess.PIPE, text=True)


def test_whatever_was_waited_for_survives_kill_9_and_readers_see_only_whole_commits(tmp_path):
    reader = LogReader(tmp_path, 2)
    assert reader.last_sequence(0) == 0 and reader.read(1, 0) is None and list(reader.iterate(1)) == []
    for round_number in range(4):
        writer = start_writer(tmp_path)
        acknowledged = 0
        for _ in range(20 + 37 * round_number):
            acknowledged = int(writer.stdout.readline())
            seen = reader.last_sequence(0)
            assert acknowledged <= seen and reader.read(seen, 0) is not None
        with pytest.raises(FolderInUse, match=f"process {writer.pid}"):
            LmdbLog(tmp_path, CONFIG, 2)
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged = max([acknowledged, *(int(line) for line in writer.stdout if line.endswith("\n"))])
        writer.wait()
        writer.stdout.close()
        last = reader.last_sequence(0)
        assert last >= acknowledged
        for sequence, part, found in reader.iterate(1):
            assert bytes(found.messages[0]) == sequence.to_bytes(8, "little") * (1 + sequence % 2000), part
        assert reader.read(acknowledged, 1) is not None
    reader.close()
    with opened(tmp_path, LogConfig(log_bytes_max=256 << 20, disk_free_bytes_min=0)) as log:
        assert log.epoch == 5
        log.wait(log.append(log.last_sequence(0) + 1, 0, record(log.last_sequence(0) + 1)))


def test_a_reader_follows_an_owner_that_came_back_with_a_larger_map(tmp_path):
    script = (
        "import pathlib,sys;sys.path.insert(0,sys.argv[2])\n"
        "from actors.store.lmdb_log import LmdbLog\nfrom router.config import LogConfig\n"
        "from router.log.kinds import Kind\nfrom router.log.records import frame\n"
        "log=LmdbLog(pathlib.Path(sys.argv[1]),LogConfig(log_bytes_max=int(sys.argv[3]),disk_free_bytes_min=0),1)\n"
        "first=log.last_sequence(0)+1\n"
        "for n in range(first,first+8):\n"
        " t=log.append(n,0,frame(Kind.STOCK,0,n,[bytes(100000)],tables_version=0,now_ms=0))\n"
        "log.wait(t);log.close()\n"
    )

    def write(size: int) -> None:
        subprocess.run([sys.executable, "-c", script, str(tmp_path), str(ROOT), str(size)], check=True)

    write(1 << 20)
    reader = LogReader(tmp_path, 1)
    assert reader.last_sequence(0) == 8
    write(16 << 20)
    assert reader.last_sequence(0) == 16
    assert reader.read(16, 0) is not None
    reader.close()


def test_dead_readers_do_not_keep_their_slots(tmp_path):
    with opened(tmp_path) as log:
        log.wait(log.append(1, 0, record(1)))
        hold = (
            "import lmdb,sys,os\n"
            "e=lmdb.open(sys.argv[1],map_size=0,readonly=True,max_dbs=4)\n"
            "t=e.begin()\nt.stat()\nprint('held',flush=True)\nsys.stdin.read()\n"
        )
        child = subprocess.Popen(
            [sys.executable, "-c", hold, str(log_folder(tmp_path))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout.readline() == "held\n"
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()
        assert str(child.pid) in log._environment.readers()
        log._environment.reader_check()
        assert str(child.pid) not in log._environment.readers()


def test_the_lock_of_a_killed_owner_is_free_at_once(tmp_path):
    writer = start_writer(tmp_path)
    writer.stdout.readline()
    writer.kill()
    writer.wait()
    writer.stdout.close()
    started = time.monotonic()
    with opened(tmp_path) as log:
        assert log.last_sequence(0) > 0
    assert time.monotonic() - started < 5
