"""``verify`` finds every kind of damage, says where it is and gives no traceback; ``doctor`` names the way out."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import shutil
import signal
from collections.abc import Callable
from typing import Any

import lmdb
import pyarrow as pa
import pytest

from actors.care.reading import log_check
from actors.care.reading.page_format import META_BYTES, Layout
from actors.care.reading.pages import check_pages
from actors.cli.main import main
from actors.store.data_folder import DataFolder
from actors.store.lmdb_log import LmdbLog
from actors.store.log_store import DATABASES_MAX, EPOCH_KEY, batch_key, documents_key, log_folder, log_key, pack_epoch
from router.arrow.arrays import numbers, to_stream
from router.errors import Damaged
from router.log.columns import DECISION, EVENT_PAYLOAD, EVENTS
from router.log.kinds import Kind, defaults
from router.log.records import INPUT, OUTCOME_PART, frame, parse, read_batch, seal, serialize
from tests.labs.small_folder import BATCHES, CONFIG, ORDERS, keep_ledger_checkpoint, make_folder

Capture = pytest.CaptureFixture[str]
Damage = Callable[[DataFolder], None]
STOCK_RECORDS = 1  # what the ledger logs before the first order
LAST_DECISION = STOCK_RECORDS + 2 * BATCHES


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    data, summary = make_folder(tmp_path_factory.mktemp("whole") / "data")
    assert (summary.orders, summary.by_status["allocated"]) == (ORDERS, ORDERS)
    (data.path / "expected").write_text(summary.state_hash)
    return data.path


@pytest.fixture
def data(whole: pathlib.Path, tmp_path: pathlib.Path) -> DataFolder:
    """A copy that a test may damage."""
    shutil.copytree(whole, tmp_path / "data")
    return DataFolder(tmp_path / "data")


def verify(data: DataFolder, capture: Capture) -> tuple[int, dict[str, Any]]:
    code = main(["verify", "--data", str(data.path), "--json"])
    said = capture.readouterr()
    assert "Traceback" not in said.err
    return code, json.loads(said.out)


def edit(owner: pathlib.Path, database: bytes, key: bytes, change: Callable[[bytes], bytes | None]) -> None:
    """Change one value of an owner's log, or drop it where ``change`` answers None."""
    with (
        lmdb.open(str(log_folder(owner)), max_dbs=DATABASES_MAX, map_size=CONFIG.log.log_bytes_max) as environment,
        environment.begin(write=True, db=environment.open_db(database)) as writing,
    ):
        before = writing.get(key)
        assert before is not None
        after = change(bytes(before))
        assert writing.delete(key) if after is None else writing.put(key, after)


def flip(at: int) -> Callable[[bytes], bytes]:
    return lambda raw: raw[: at % len(raw)] + bytes([raw[at] ^ 1]) + raw[at % len(raw) + 1 :]


def drop(_raw: bytes) -> None:
    return None


def in_shard(number: int, sequence: int, part: int, change: Callable[[bytes], bytes | None]) -> Damage:
    return lambda data: edit(data.shard(number), b"log", log_key(sequence, part), change)


def in_ledger(sequence: int, change: Callable[[bytes], bytes | None]) -> Damage:
    return lambda data: edit(data.ledger, b"log", log_key(sequence, INPUT), change)


def both(*damages: Damage) -> Damage:
    return lambda data: [damage(data) for damage in damages][0]


def take_more(raw: bytes) -> bytes:
    """The ledger's decision with another cost, framed and sealed as well as any: only the shard knows better."""
    was = parse(raw, "test")
    claims, decision = read_batch(was), read_batch(was, 1)
    at = DECISION.get_field_index("cost_minor")
    forged = decision.set_column(at, DECISION.field(at), numbers(decision, "cost_minor") + 1)
    record = frame(
        was.kind,
        was.part,
        was.sequence,
        [serialize(claims), serialize(forged)],
        tables_version=was.tables_version,
        now_ms=was.now_ms,
        batch_id=was.batch_id,
        batch_number=was.batch_number,
    )
    seal(record, was.epoch, 0)
    return bytes(record)


def test_a_whole_folder_is_clean_and_hashes_as_the_router_that_wrote_it(data: DataFolder, capsys: Capture) -> None:
    code, verdict = verify(data, capsys)
    assert (code, verdict["ok"], verdict["findings"]) == (0, True, [])
    assert verdict["orders"] == sum(shard["decisions_compared"] for shard in verdict["shards"]) == ORDERS
    hashes = [shard["state_hash"] for shard in verdict["shards"]] + [verdict["ledger"]["state_hash"]]
    assert "".join(hashes) == (data.path / "expected").read_text()
    assert verify(data, capsys) == (0, verdict)


def test_verify_changes_nothing(data: DataFolder, capsys: Capture) -> None:
    def contents() -> dict[str, str]:
        files = [path for path in data.path.rglob("*") if path.is_file() and "lock" not in path.name]
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    before = contents()
    assert verify(data, capsys)[0] == 0
    assert contents() == before


def test_a_checkpoint_and_its_tail_must_give_the_state_of_the_whole_log(data: DataFolder, capsys: Capture) -> None:
    keep_ledger_checkpoint(data, LAST_DECISION - 2)
    assert verify(data, capsys)[0] == 0


CASES: dict[str, tuple[Damage, str, str]] = {
    "a byte of an input": (in_shard(0, 2, INPUT, flip(-5)), "shard 0", "record 2 part 0: the checksum"),
    "a byte of an outcome": (in_shard(1, 3, OUTCOME_PART, flip(200)), "shard 1", "record 3 part 1: the checksum"),
    "a byte of a header": (in_shard(0, 1, INPUT, flip(0)), "shard 0", "record 1 part 0: it does not begin"),
    "a byte of a decision": (in_ledger(LAST_DECISION - 1, flip(100)), "ledger", "part 0: the checksum"),
    "a byte of a document": (
        lambda data: edit(data.shard(0), b"documents", documents_key(2), flip(-3)),
        "shard 0",
        "documents 2: the checksum",
    ),
    "an input is missing": (in_shard(0, 2, INPUT, drop), "shard 0", "record 2 part 0 is missing"),
    "an outcome is missing": (in_shard(1, 2, OUTCOME_PART, drop), "shard 1", "does not follow the record before it"),
    "a decision is missing": (in_ledger(3, drop), "ledger", "record 3 part 0 is missing"),
    "the last decision is missing": (
        in_ledger(LAST_DECISION, drop),
        "shard 1",
        f"record {BATCHES} part 1: the ledger has no decision",
    ),
    "the end of a log is missing": (
        both(in_shard(0, BATCHES, INPUT, drop), in_shard(0, BATCHES, OUTCOME_PART, drop)),
        "shard 0",
        f"ends at record {BATCHES - 1}, but the ledger has answered record {BATCHES}",
    ),
    "documents are missing": (
        lambda data: edit(data.shard(1), b"documents", documents_key(3), drop),
        "shard 1",
        "but 0 documents are there",
    ),
    "another decision": (in_ledger(LAST_DECISION, take_more), "ledger", "does not follow the record before it"),
    "a record in another one's place": (
        lambda data: put_into_place(data.shard(0), log_key(2, INPUT), log_key(3, INPUT)),
        "shard 0",
        "record 3 part 0: it is record 2 part 0",
    ),
    "a cell of a checkpoint": (
        lambda data: keep_ledger_checkpoint(data, LAST_DECISION, units_added=1),
        "ledger",
        "another state than a replay of the whole log",
    ),
    "a byte of a checkpoint": (
        lambda data: rewrite(keep_ledger_checkpoint(data, LAST_DECISION), flip(50)),
        "ledger",
        f"checkpoint-{LAST_DECISION}.bin is damaged",
    ),
    "a byte of a table": (
        lambda data: rewrite(data.tables / "skus-000001.rows", flip(-1)),
        "tables",
        "skus-000001.rows is missing or damaged",
    ),
    "the tables are gone": (
        lambda data: shutil.rmtree(data.tables),
        "shard 0",
        "has no tables version 6, only up to 0",
    ),
    "the file was cut off": (
        lambda data: rewrite(log_folder(data.ledger) / "data.mdb", lambda raw: raw[: len(raw) // 2]),
        "ledger",
        "its end is missing",
    ),
    "the file was overwritten": (
        lambda data: rewrite(log_folder(data.shard(0)) / "data.mdb", lambda raw: bytes(len(raw))),
        "shard 0",
        "meta page 0 is not one of LMDB",
    ),
    "an entry leads elsewhere": (
        lambda data: edit(data.ledger, b"by_batch", batch_key(1, 2), flip(0)),
        "ledger",
        "the entry of shard 1, batch 2 leads to record",
    ),
    "an entry is missing": (
        lambda data: edit(data.ledger, b"by_batch", batch_key(0, 3), drop),
        "ledger",
        f"{2 * BATCHES - 1} entries lead to {2 * BATCHES} answers",
    ),
    "a bit of the epoch": (
        lambda data: edit(data.shard(0), b"meta", EPOCH_KEY, flip(0)),
        "shard 0",
        "the checksum does not fit the epoch",
    ),
    "an older epoch": (
        lambda data: edit(data.shard(1), b"meta", EPOCH_KEY, lambda _: pack_epoch(0)),
        "shard 1",
        f"record {BATCHES} was written in epoch 1, the log says 0",
    ),
    "the bounds of a page": (
        lambda data: turn(data.shard(0), lambda layout: max(layout.tree_pages) * layout.page_bytes + 13, 0x80),
        "shard 0",
        "impossible bounds",
    ),
    "the newest transaction": (
        lambda data: turn(data.ledger, lambda layout: meta_at(layout) + META_BYTES - 8, 0x10),
        "ledger",
        "not neighbours",
    ),
    "the last page": (
        lambda data: turn(data.ledger, lambda layout: meta_at(layout) + META_BYTES - 16, 0x20),
        "ledger",
        "data.mdb: ",
    ),
    "a key of the tree": (
        lambda data: turn(data.ledger, lambda layout: layout.values[b"by_batch"][1][1][0] - 1, 0x80),
        "ledger",
        "keys out of order",
    ),
    "another shard's log": (
        lambda data: shutil.copytree(data.shard(0), data.shard(1), dirs_exist_ok=True),
        "shard 1",
        "the outcome differs from the ledger's decision",
    ),
    "the log is gone": (lambda data: shutil.rmtree(log_folder(data.shard(1))), "shard 1", "its log ends at record 0"),
}


def put_into_place(owner: pathlib.Path, taken: bytes, replaced: bytes) -> None:
    kept: list[bytes] = []

    def keep(raw: bytes) -> bytes:
        kept.append(raw)
        return raw

    edit(owner, b"log", taken, keep)
    edit(owner, b"log", replaced, lambda _: kept[0])


def turn(owner: pathlib.Path, place: Callable[[Layout], int], mask: int) -> None:
    """Change a byte of what LMDB itself keeps in a log's file."""
    file = log_folder(owner) / "data.mdb"
    at = place(check_pages(file))
    rewrite(file, lambda raw: raw[:at] + bytes([raw[at] ^ mask]) + raw[at + 1 :])


def meta_at(layout: Layout) -> int:
    """First byte of the newest meta page."""
    return (layout.meta.transaction & 1) * layout.page_bytes


def rewrite(path: pathlib.Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize("name", CASES)
def test_verify_says_what_is_damaged_and_where(name: str, data: DataFolder, capsys: Capture) -> None:
    damage, where, what = CASES[name]
    damage(data)
    code, verdict = verify(data, capsys)
    found = [f"{finding['where']}: {finding['what']}" for finding in verdict["findings"]]
    assert code == 1 and not verdict["ok"]
    assert any(text.startswith(f"{where}: ") and what in text for text in found), found


def test_damage_of_one_shard_does_not_hide_what_the_others_hold(data: DataFolder, capsys: Capture) -> None:
    in_shard(0, 1, INPUT, flip(90))(data)
    _, verdict = verify(data, capsys)
    assert [shard["shard"] for shard in verdict["shards"]] == [1] and verdict["ledger"]["records"] == LAST_DECISION
    assert {finding["where"] for finding in verdict["findings"]} == {"shard 0"}


def test_a_page_that_the_disk_cannot_give_ends_neither_verify_nor_doctor(
    data: DataFolder, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = log_check.check_pages

    def failing_disk(path: pathlib.Path) -> Layout:
        if path.parent.parent == data.ledger:
            os.kill(os.getpid(), signal.SIGBUS)
        return whole(path)

    monkeypatch.setattr(log_check, "check_pages", failing_disk)
    code, verdict = verify(data, capsys)
    [found] = verdict["findings"]
    assert (code, found["where"], [shard["orders"] > 0 for shard in verdict["shards"]]) == (1, "ledger", [True, True])
    assert "was ended by SIGBUS: the disk could not give a page" in found["what"]
    assert main(["doctor", "--data", str(data.path), "--port", "0", "--json"]) == 1
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert ["SIGBUS" in finding["found"] for finding in findings if finding["subject"] == "Log ledger"] == [True]


def test_many_findings_of_one_place_are_counted_not_listed(data: DataFolder, capsys: Capture, monkeypatch: Any) -> None:
    monkeypatch.setattr("actors.care.verify.FINDINGS_MAX", 2)
    shutil.rmtree(log_folder(data.ledger))
    _, verdict = verify(data, capsys)
    said = [finding["what"] for finding in verdict["findings"] if finding["where"] == "shard 0"]
    assert len(said) == 3 and said[-1] == f"and {BATCHES - 2} findings more"


def test_a_batch_that_was_under_way_is_no_damage(data: DataFolder, capsys: Capture) -> None:
    both(in_shard(1, BATCHES, OUTCOME_PART, drop), in_ledger(LAST_DECISION, drop))(data)
    edit(data.ledger, b"by_batch", batch_key(1, BATCHES), drop)
    code, verdict = verify(data, capsys)
    assert code == 0 and verdict["shards"][1]["unfinished"] == 1


def test_a_folder_in_use_is_refused_in_words(data: DataFolder, capsys: Capture) -> None:
    lock = data.lock()
    try:
        assert main(["verify", "--data", str(data.path)]) == 1
    finally:
        lock.close()
    assert "is in use by process" in capsys.readouterr().err


def test_people_read_the_findings_and_the_verdict(data: DataFolder, capsys: Capture) -> None:
    in_ledger(3, drop)(data)
    assert main(["verify", "--data", str(data.path)]) == 1
    *lines, verdict = capsys.readouterr().out.splitlines()
    assert any(line.startswith("WRONG ledger: ") and "record 3 part 0 is missing" in line for line in lines)
    assert verdict.startswith("not clean: ")


def test_a_byte_of_what_people_wrote_into_events_is_found(tmp_path: pathlib.Path) -> None:
    """It lies beside the record, outside its chain, and many batches have none."""
    log = LmdbLog(tmp_path, CONFIG.log, 2)
    messages = [serialize(defaults(schema, 2)) for schema in (EVENTS, EVENT_PAYLOAD)]
    written = to_stream(pa.record_batch({"note": pa.array(["a word", ""])}))
    for sequence, documents in ((1, None), (2, written)):
        record = frame(Kind.EVENTS, INPUT, sequence, messages, tables_version=1, now_ms=0)
        log.wait(log.append(sequence, INPUT, record, documents=documents))
    log.close()
    assert log_check.check_log(tmp_path, 2) == 2
    edit(tmp_path, b"documents", documents_key(2), flip(-3))
    with pytest.raises(Damaged, match="documents 2: the checksum"):
        log_check.check_log(tmp_path, 2)


DOCTOR = {
    "a byte of an input": ("Log shard-000", "fault", "record 2 part 0"),
    "a decision is missing": ("Log ledger", "fault", "record 3 part 0 is missing"),
    "the file was cut off": ("Log ledger", "fault", "its end is missing"),
    "the file was overwritten": ("Log shard-000", "fault", "meta page 0 is not one of LMDB"),
    "an entry leads elsewhere": ("Log ledger", "fault", "shard 1, batch 2 leads to record"),
    "a bit of the epoch": ("Log shard-000", "fault", "does not fit the epoch"),
    "the bounds of a page": ("Log shard-000", "fault", "impossible bounds"),
    "documents are missing": ("Log shard-001", "fault", "the documents of record 3 are missing"),
    "a byte of a table": ("Tables", "fault", "skus-000001.rows"),
    "a byte of a checkpoint": ("Log ledger", "warning", "checkpoint-9.bin is damaged"),
}


@pytest.mark.parametrize("name", DOCTOR)
def test_doctor_names_the_damage_and_the_safe_way_out(name: str, data: DataFolder, capsys: Capture) -> None:
    subject, level, what = DOCTOR[name]
    CASES[name][0](data)
    code = main(["doctor", "--data", str(data.path), "--port", "0", "--json"])
    findings = json.loads(capsys.readouterr().out)["findings"]
    [found] = [finding for finding in findings if finding["subject"] == subject and finding["level"] != "ok"]
    assert (code, found["level"]) == (int(level == "fault"), level) and what in found["found"]
    assert ("Restore the folder from a backup" if level == "fault" else "Nothing is lost") in found["remedy"]


def test_doctor_finds_nothing_in_a_whole_folder(data: DataFolder, capsys: Capture) -> None:
    assert main(["doctor", "--data", str(data.path), "--port", "0", "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert {finding["subject"]: finding["found"] for finding in findings}["Tables"] == "6 versions, all checksums right"
