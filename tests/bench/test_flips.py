"""The bench that turns bits finds nothing to complain about, and would if a check were missing."""

from __future__ import annotations

import pathlib
import random
import shutil

import pytest

from actors.care.reading import pages
from actors.care.reading.page_format import META_BYTES
from actors.store.data_folder import DataFolder
from actors.store.log_store import log_folder
from bench.trials.flips import logs
from bench.trials.flips import run as flips
from bench.trials.flips.bits import CHANGED, looked_at, whole_digest, without_the_check
from bench.trials.flips.folders import small_folder


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    return small_folder(tmp_path_factory.mktemp("flips") / "small")


@pytest.fixture
def copy(small: DataFolder, tmp_path: pathlib.Path) -> DataFolder:
    shutil.copytree(small.path, tmp_path / "copy")
    return DataFolder(tmp_path / "copy")


def test_every_bit_turned_is_found_or_proved_harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, small_number in (
        *((flips, "ALONE_SAMPLE", 16), (flips, "LARGE_SAMPLE", 8)),
        *((logs, "ONE_BY_ONE", 16), (logs, "FILLS", 3)),
    ):
        monkeypatch.setattr(module, name, small_number)
    result = flips.run(flips=2_000, seconds=5.0, seed=1, every=1_009, orders=1_024)
    assert result["violations"] == [] and result["violation_count"] == 0
    for place in ("shard_log", "ledger_log", "checkpoint", "tables", "identity", "random_bits", "large_log"):
        assert result[place]["found"] > 0, place
    assert result["random_bits"] == {"bits": 2_000, "found": 2_000, "harmless": 0, "carrying_nothing": 0, "missed": 0}
    assert sum(result["lmdb_alone"].values()) == 16


def transaction_bits(owner: pathlib.Path) -> list[tuple[int, int]]:
    """The low bits of the transaction numbers of both meta pages: which one LMDB goes by."""
    page_bytes = pages.check_pages(log_folder(owner) / "data.mdb").page_bytes
    return [(page * page_bytes + META_BYTES - 8, bit) for page in (0, 1) for bit in range(4)]


def one_bit_swaps_them(owner: pathlib.Path) -> bool:
    """Whether a bit of the older meta page's number makes it the newer one's successor: n and n + 2 differ in one."""
    content = (log_folder(owner) / "data.mdb").read_bytes()
    numbers = [int.from_bytes(content[at : at + 8], "little") for at, bit in transaction_bits(owner) if bit == 0]
    return not min(numbers) & 2


def test_a_bit_that_makes_lmdb_forget_its_last_transaction_is_found(
    copy: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    owners = ((copy.shard(0), 2), (copy.shard(1), 2), (copy.ledger, 1))
    assert any(one_bit_swaps_them(owner) for owner, _ in owners)
    for owner, parts in owners:
        bits, whole = transaction_bits(owner), whole_digest(owner)
        assert all(verdict.startswith("found") for _, verdict in looked_at(owner, parts, bits, whole))
        if not one_bit_swaps_them(owner):
            continue
        monkeypatch.setattr(pages._Walk, "_check_transaction", lambda self, meta: None)
        assert CHANGED in {verdict for _, verdict in looked_at(owner, parts, bits, whole)}
        assert without_the_check(owner, parts, bits, whole)[CHANGED] > 0
        monkeypatch.undo()


def test_every_bit_is_turned_back(copy: DataFolder) -> None:
    file = log_folder(copy.ledger) / "data.mdb"
    content, whole = file.read_bytes(), whole_digest(copy.ledger)
    list(looked_at(copy.ledger, 1, transaction_bits(copy.ledger), whole))
    without_the_check(copy.ledger, 1, transaction_bits(copy.ledger), whole)
    assert file.read_bytes() == content


def test_a_reader_that_checks_nothing_is_caught(copy: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "parse", lambda raw, where: None)
    tally = logs.flip_records(copy.shard(0), 100, 5.0, random.Random(1))
    assert (tally.found, len(tally.missed)) == (0, 100)
