"""Without a backup ``doctor --cut-to`` makes a whole folder of a damaged one and names every order that is lost."""

from __future__ import annotations

import hashlib
import pathlib
import shutil
from collections.abc import Callable

import pytest

from actors.care.reading.page_format import META_BYTES
from actors.cli.main import main
from actors.store.data_folder import DataFolder
from actors.store.log_store import documents_key, log_folder
from router.log.records import INPUT, OUTCOME_PART
from tests.actors.test_backup import command, decide
from tests.actors.test_verify import STOCK_RECORDS, drop, edit, flip, in_ledger, in_shard, meta_at, rewrite, turn
from tests.labs.serve_fixture import Row, rows_of
from tests.labs.small_folder import BATCH_ORDERS, BATCHES, ORDERS, make_folder, order

Capture = pytest.CaptureFixture[str]
ALL = [order(number) for number in range(ORDERS)]
ANSWERED = STOCK_RECORDS + 2  # ledger records up to the answers to the first batch


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return make_folder(tmp_path_factory.mktemp("whole") / "data")[0].path


@pytest.fixture(scope="module")
def first_answers(whole: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row]:
    copy = tmp_path_factory.mktemp("answers") / "data"
    shutil.copytree(whole, copy)
    return {answer["order_id"]: answer for answer in decide(DataFolder(copy), ALL)}


@pytest.fixture
def data(whole: pathlib.Path, tmp_path: pathlib.Path) -> DataFolder:
    shutil.copytree(whole, tmp_path / "data")
    return DataFolder(tmp_path / "data")


def cut(data: DataFolder, capture: Capture) -> tuple[DataFolder, Row]:
    """Cut a damaged folder, which must stay as it is; a new one that is not whole fails."""
    assert command(capture, "verify", "--data", data.path)[0] == 1
    before = contents(data.path)
    new = data.path.with_name("new")
    code, said = command(capture, "doctor", "--data", data.path, "--cut-to", new)
    assert code == 0, said
    assert contents(data.path) == before
    return DataFolder(new), said


def contents(folder: pathlib.Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and "lock" not in path.name]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def lost(said: Row) -> set[str]:
    return {order_id for shard in said["shards"] for order_id in shard["lost_orders"]}


def check_answers(new: DataFolder, said: Row, first_answers: dict[str, Row]) -> None:
    """What is kept answers as before; what is lost is named, and after it was sent again nothing is missing."""
    missing = lost(said)
    resent = rows_of(new.path.with_name("new.lost.ndjson").read_bytes())
    assert {row["order_id"] for row in resent} == missing
    kept = [row for row in ALL if row["order_id"] not in missing]
    assert decide(new, kept) == [first_answers[str(row["order_id"])] for row in kept]
    if resent:
        assert {(answer["status"], answer["duplicate"]) for answer in decide(new, resent)} == {("allocated", False)}
    assert all(answer["duplicate"] for answer in decide(new, ALL))


def test_damage_in_an_outcome_loses_nothing(data: DataFolder, first_answers: dict[str, Row], capsys: Capture) -> None:
    in_shard(0, 2, OUTCOME_PART, flip(-9))(data)
    new, said = cut(data, capsys)
    assert lost(said) == set() and said["lost"][0] == "nothing is lost"
    assert said["verify"]["shards"][0]["unfinished"] == BATCHES - 1
    check_answers(new, said, first_answers)


IN_SECOND_BATCH: dict[str, tuple[Callable[[DataFolder], None], int]] = {
    "a bit of an input": (in_shard(0, 2, INPUT, flip(-9)), ANSWERED),
    "an input is missing": (in_shard(1, 2, INPUT, drop), ANSWERED + 1),
    "a bit of a decision": (in_ledger(ANSWERED + 1, flip(300)), ANSWERED),
}


@pytest.mark.parametrize("name", IN_SECOND_BATCH)
def test_everything_before_the_damage_is_kept_and_everything_lost_is_named(
    name: str, data: DataFolder, first_answers: dict[str, Row], capsys: Capture
) -> None:
    damage, ledger = IN_SECOND_BATCH[name]
    damage(data)
    new, said = cut(data, capsys)
    assert said["ledger"] == ledger and f"ledger: records {ledger + 1} to " in said["lost"][0]
    assert BATCH_ORDERS <= said["verify"]["orders"] == ORDERS - len(lost(said)) < ORDERS
    check_answers(new, said, first_answers)


def test_a_broken_page_costs_only_what_lies_behind_it(data: DataFolder, capsys: Capture) -> None:
    turn(data.shard(0), lambda layout: min(page for page in layout.tree_pages if page > 1) * layout.page_bytes, 1)
    _, said = cut(data, capsys)
    assert said["faults"] and "page" in said["faults"][0]


def test_a_damaged_meta_page_costs_the_last_transaction_at_most(
    data: DataFolder, first_answers: dict[str, Row], capsys: Capture
) -> None:
    turn(data.ledger, lambda layout: meta_at(layout) + META_BYTES - 24, 0x40)  # root of the main tree
    new, said = cut(data, capsys)
    assert said["ledger"] >= STOCK_RECORDS + 2 * BATCHES - 1
    check_answers(new, said, first_answers)


def test_a_document_that_is_damaged_is_kept_as_if_erased(
    data: DataFolder, first_answers: dict[str, Row], capsys: Capture
) -> None:
    edit(data.shard(0), b"documents", documents_key(2), flip(-3))
    new, said = cut(data, capsys)
    assert said["lost"][0] == "shard 0: documents of records 2 are lost, as if erased"
    check_answers(new, said, first_answers)


def test_a_log_that_was_cut_off_is_kept_as_far_as_it_can_be_read(data: DataFolder, capsys: Capture) -> None:
    rewrite(log_folder(data.ledger) / "data.mdb", lambda raw: raw[: len(raw) // 2])
    _, said = cut(data, capsys)
    assert said["ledger"] < ANSWERED and "behind the end of the file" in " ".join(said["faults"])


def test_doctor_says_beforehand_what_a_cut_would_lose(data: DataFolder, capsys: Capture) -> None:
    in_shard(0, 2, INPUT, flip(-9))(data)
    findings = command(capsys, "doctor", "--data", data.path, "--port", "0")[1]["findings"]
    [way_out] = [finding for finding in findings if finding["subject"] == "Without a backup"]
    assert "keeps shard 0 up to record 1, shard 1 up to record 1" in way_out["found"]
    assert f"shard 0: records 2 to {BATCHES} are lost" in way_out["found"] and "--cut-to NEW" in way_out["remedy"]


def test_what_cannot_be_cut_is_refused_in_words(data: DataFolder, tmp_path: pathlib.Path, capsys: Capture) -> None:
    assert main(["doctor", "--cut-to", str(tmp_path / "new")]) == 2
    assert "needs --data" in capsys.readouterr().err
    arguments = ("doctor", "--data", data.path, "--cut-to", tmp_path / "new")
    lock = data.lock()
    assert "is in use by process" in command(capsys, *arguments)[1]["said"]
    lock.close()
    rewrite(data.tables / "skus-000001.rows", flip(-1))
    assert "take tables/ from a backup" in command(capsys, *arguments)[1]["said"]
    assert not (tmp_path / "new").exists()
