"""Versions on disk: durable, all loadable, and a crash at any step leaves the former one current."""

from __future__ import annotations

import contextlib
import os
import pathlib
from typing import Any

import pytest

from actors.store.table_store import TableStore
from router.config import ChannelPolicy, Policy
from router.errors import Damaged, TableRejected
from tests.labs.table_cases import GOOD, NOW_MS, STOCK, upload


def filled(folder: pathlib.Path) -> TableStore:
    store = TableStore(folder)
    store.put(upload("skus", GOOD["skus"]), NOW_MS)
    store.put(upload("nodes", GOOD["nodes"]), NOW_MS)
    return store


def test_a_new_folder_has_version_0_with_nothing_in_it(tmp_path: pathlib.Path) -> None:
    store = TableStore(tmp_path / "tables")
    tables = store.load(store.current())
    assert (tables.version, len(tables.skus.ids), tables.rates.loaded) == (0, 0, False)


def test_every_version_stays_loadable_by_other_readers(tmp_path: pathlib.Path) -> None:
    store = filled(tmp_path)
    for price in range(8):
        store.put(upload("skus", GOOD["skus"] | {"price": price}), NOW_MS)
    reader = TableStore(tmp_path)
    assert reader.current() == 10
    for version in (*range(1, 11), *range(10, 0, -1)):
        tables = reader.load(version)
        assert tables.version == version
        assert tables.skus.price_minor[0, 0] == (1250 if version <= 2 else version - 3)


def test_a_reader_sees_a_version_as_soon_as_it_is_put(tmp_path: pathlib.Path) -> None:
    reader = TableStore(tmp_path)
    assert reader.current() == 0
    version = TableStore(tmp_path).put(upload("skus", GOOD["skus"]), NOW_MS)
    assert reader.current() == version == 1 and reader.load(1).skus.ids.values == ["A"]


def test_numbers_continue_after_a_restart(tmp_path: pathlib.Path) -> None:
    filled(tmp_path)
    store = TableStore(tmp_path)
    version = store.put(upload("skus", GOOD["skus"] | {"sku": "B"}), NOW_MS)
    assert store.load(version).skus.ids.values == ["A", "B"]
    assert TableStore(tmp_path).load(version).skus.active.tolist() == [0, 1]
    assert [row.sku for row in TableStore(tmp_path).rows(version).skus] == ["B"]
    assert [row.node for row in TableStore(tmp_path).rows(version).nodes] == ["N1"]


def test_stock_makes_a_version_without_compiling_again(tmp_path: pathlib.Path) -> None:
    store = filled(tmp_path)
    version = store.put(upload("stock", STOCK | {"lot": "L1"}), NOW_MS)
    store.put(upload("stock", STOCK | {"lot": "L1"}, STOCK | {"lot": "L2"}), NOW_MS)
    assert len(list(tmp_path.glob("compiled-*"))) == 2
    assert TableStore(tmp_path).load(version).version == version
    assert [row.lot for row in TableStore(tmp_path).rows(version + 1).stock] == ["L1", "L2"]


def test_it_is_known_since_when_a_node_is_gone(tmp_path: pathlib.Path) -> None:
    store = filled(tmp_path)  # version 2 has N1
    nodes = {name: GOOD["nodes"] | {"node": name} for name in ("N1", "N2", "N3")}
    store.put(upload("nodes", *nodes.values()), NOW_MS)
    store.put(upload("skus", GOOD["skus"] | {"price": 1}), NOW_MS)
    store.put(upload("nodes", nodes["N1"], nodes["N3"]), NOW_MS)
    store.put(upload("skus", GOOD["skus"] | {"price": 2}), NOW_MS)
    store.put(upload("nodes", nodes["N3"]), NOW_MS)
    assert store.current() == 7
    assert store.nodes_left(7, ["N1", "N2", "never"]) == {"N1": 7, "N2": 5}
    assert store.nodes_left(6, ["N2"]) == store.nodes_left(5, ["N2"]) == {"N2": 5}
    store.put(upload("nodes", *nodes.values()), NOW_MS)
    store.put(upload("nodes", nodes["N1"]), NOW_MS)
    assert store.nodes_left(9, ["N2"]) == {"N2": 9}  # since it was there last
    assert store.nodes_left(1, ["N1"]) == store.nodes_left(0, ["N1"]) == {}


def test_a_refused_upload_leaves_no_trace(tmp_path: pathlib.Path) -> None:
    store = filled(tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(TableRejected):
        store.put(upload("stock", STOCK | {"sku": "Z"}), NOW_MS)
    assert sorted(tmp_path.iterdir()) == before and store.current() == 2


class Crash(BaseException):
    """Ends a put as a killed process would: nothing after it runs."""


@pytest.mark.parametrize("step", range(12))
def test_a_crash_at_any_step_keeps_the_former_version_or_the_whole_new_one(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    filled(tmp_path)
    left = [step]

    def counted(real: Any) -> Any:
        def call(*arguments: Any) -> Any:
            if left[0] == 0:
                raise Crash
            left[0] -= 1
            return real(*arguments)

        return call

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", counted(os.fsync))
        patched.setattr(os, "replace", counted(os.replace))
        with contextlib.suppress(Crash):
            TableStore(tmp_path).put(upload("skus", GOOD["skus"] | {"price": 7}), NOW_MS)
    after = TableStore(tmp_path)
    tables = after.load(after.current())
    assert (after.current(), tables.skus.price_minor[0, 0]) in ((2, 1250), (3, 7))
    assert (after.current() == 2) is (step <= 6)  # three synced files and their names, then the manifest's name
    version = after.put(upload("skus", GOOD["skus"] | {"price": 9}), NOW_MS)
    assert TableStore(tmp_path).load(version).skus.price_minor[0, 0] == 9


def test_damage_is_named_with_its_file(tmp_path: pathlib.Path) -> None:
    filled(tmp_path)
    for name in ("compiled-000002.tables", "nodes-000002.rows"):
        content = bytearray((tmp_path / name).read_bytes())
        content[len(content) // 2] ^= 1
        (tmp_path / name).write_bytes(content)
        with pytest.raises(Damaged, match=name):
            TableStore(tmp_path).load(2) if "compiled" in name else TableStore(tmp_path).rows(2)
    with pytest.raises(Damaged, match="no tables version 3"):
        TableStore(tmp_path).load(3)
    (tmp_path / "manifest.json").write_bytes(b"{")
    with pytest.raises(Damaged, match=r"manifest\.json"):
        TableStore(tmp_path).current()


def test_a_table_for_which_there_is_no_memory_leaves_no_trace(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = filled(tmp_path)
    before = sorted(tmp_path.iterdir())
    monkeypatch.setattr("actors.store.table_store.memory_left", lambda: 1_000)
    for table, row in (("skus", GOOD["skus"] | {"sku": "B"}), ("nodes", GOOD["nodes"])):
        with pytest.raises(TableRejected, match="more memory than there is") as refused:
            store.put(upload(table, row), NOW_MS, 5)
        assert refused.value.errors[0].code == "memory"
    monkeypatch.setattr("actors.store.table_store.memory_left", lambda: 0)
    with pytest.raises(TableRejected, match="1 cells that had no units"):
        store.put(upload("stock", STOCK | {"lot": "L1"}, STOCK | {"lot": "L2"}), NOW_MS)
    assert sorted(tmp_path.iterdir()) == before and store.current() == 2


def test_a_version_taken_back_is_followed_by_what_was_before(tmp_path: pathlib.Path) -> None:
    store = filled(tmp_path)
    store.put(upload("skus", GOOD["skus"], GOOD["skus"] | {"sku": "B"}), NOW_MS)
    assert store.extent(3).skus == 2
    assert store.take_back(2, NOW_MS + 1) == 4
    after = TableStore(tmp_path)
    assert after.current() == 4 and after.load(4).skus.ids.values == ["A"] and after.load(4).version == 4
    assert after.extent(4).skus == 1 and [row.sku for row in after.rows(4).skus] == ["A"]
    assert after.load(3).skus.ids.values == ["A", "B"], "what was taken back can still be looked at"
    assert after.put(upload("skus", GOOD["skus"] | {"sku": "C"}), NOW_MS) == 5
    assert TableStore(tmp_path).load(5).skus.ids.values == ["A", "C"]


def test_versions_with_one_compiled_form_have_it_in_memory_once(tmp_path: pathlib.Path) -> None:
    filled(tmp_path).put(upload("stock", STOCK), NOW_MS)
    reader = TableStore(tmp_path)
    assert reader.load(3).skus is reader.load(2).skus and reader.load(3).version == 3


def test_a_start_with_the_policy_that_is_there_makes_no_version(tmp_path: pathlib.Path) -> None:
    policy = Policy(invoices="capture", issuer=("Shop",), channels={"web": ChannelPolicy(issuer=("Other",))})
    assert TableStore(tmp_path).put_policy(policy, NOW_MS) == 1
    assert TableStore(tmp_path).put_policy(policy, NOW_MS) == 1
    assert TableStore(tmp_path).put_policy(Policy(), NOW_MS) == 2
