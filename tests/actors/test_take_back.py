"""A folder whose newest tables cannot be loaded says so, and starts again when they are taken back."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable

import pytest

from actors.cli.main import main
from actors.run.supervisor import Supervisor
from actors.store.data_folder import DataFolder
from actors.store.table_store import TableStore
from router.config import Config
from router.errors import Damaged, Misconfigured
from tests.labs.serve_fixture import (
    PRICE_MINOR,
    SKUS,
    Router,
    free_port,
    load_tables,
    ndjson,
    order,
    rows_of,
    start_router,
)
from tests.labs.table_cases import GOOD, NOW_MS, upload

MORE = {"sku": "NEW", "price": PRICE_MINOR, "currency": "EUR", "weight_g": 300, "tax_class": "standard"}


def _put_more(router: Router) -> int:
    """A version with one SKU more."""
    return int(router.put("skus", [MORE | {"sku": name} for name in (*SKUS, "NEW")])["version"])


def _ordered(router: Router, order_id: str, sku: str = "SKU-00") -> str:
    (answer,) = rows_of(router.stream(ndjson([order(order_id, sku)])))
    return "duplicate" if answer.get("duplicate") else str(answer["status"])


@pytest.mark.ray
def test_a_folder_that_cannot_load_its_tables_starts_again_without_them(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "data"
    router = start_router(folder, {}, 1)
    try:
        load_tables(router)
        assert _ordered(router, "before") == "allocated"
        version = _put_more(router)
        assert main(["tables", "take-back", "--data", str(folder)]) == 1  # while it runs
        assert router.stop() == 0
    finally:
        router.kill()
    damaged = folder / "tables" / TableStore(folder / "tables").versions()[-1].compiled
    content = damaged.read_bytes()
    damaged.write_bytes(content[:-8] + bytes(8))
    refused = router.serve_again()
    assert refused.returncode == 1 and "Traceback" not in refused.stderr.splitlines()[-1]
    assert "cannot be loaded" in refused.stderr and "order-router tables take-back --data" in refused.stderr
    capsys.readouterr()
    assert main(["tables", "take-back", "--data", str(folder), "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert done == {"taken_back": [version], "as_version": version + 1, "like": version - 1}
    router = start_router(folder, {}, 1)
    try:
        assert _ordered(router, "before") == "duplicate"
        assert _ordered(router, "after") == "allocated" and _ordered(router, "new", "NEW") == "rejected"
        assert _put_more(router) == version + 2
        router.put("stock", [{"sku": "NEW", "node": "BER", "on_hand": 1}])
        assert _ordered(router, "new", "NEW") == "allocated"
        assert main(["tables", "list", "--data", str(folder)]) == 0
        assert router.stop() == 0
    finally:
        router.kill()
    assert "back" in capsys.readouterr().out
    assert main(["tables", "take-back", "--data", str(folder)]) == 1
    assert "were decided with it" in capsys.readouterr().err
    damaged.write_bytes(content)
    assert router.verify()["ok"]


def test_a_start_for_which_there_is_no_memory_is_refused_before_anything_starts(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = DataFolder(tmp_path / "data")
    data.create(Config())
    TableStore(data.tables).put(upload("skus", GOOD["skus"]), NOW_MS)
    monkeypatch.setattr("actors.care.take_back.memory_left", lambda: 100)
    with pytest.raises(Misconfigured, match=r"version 1 .*1 SKUs x .* take-back --data"):
        Supervisor(str(data.path), "127.0.0.1", free_port(), Config(), None, False).run()


@pytest.mark.parametrize("to", [["--to", "1"], ["--to", "9"], []])
def test_there_must_be_a_version_to_go_back_to(
    tmp_path: pathlib.Path, to: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    data = DataFolder(tmp_path)
    data.create(Config())
    assert main(["tables", "take-back", "--data", str(tmp_path), *to]) == 1
    TableStore(data.tables).put(upload("skus", GOOD["skus"]), NOW_MS)
    assert main(["tables", "take-back", "--data", str(tmp_path), *to]) == 1
    assert "tables list" in capsys.readouterr().err


@pytest.mark.parametrize("damage", [lambda raw: bytes(64) + raw[64:], lambda _: b""])
def test_a_newest_version_whose_file_cannot_be_read_is_listed_and_taken_back(
    tmp_path: pathlib.Path, damage: Callable[[bytes], bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    """The list is where an operator looks for the version to go back to, and the start says how."""
    data = DataFolder(tmp_path / "data")
    data.create(Config())
    for price in (1_000, 1_100):
        TableStore(data.tables).put(upload("skus", {**GOOD["skus"], "price": price}), NOW_MS)
    newest = data.tables / "compiled-000002.tables"
    newest.write_bytes(damage(newest.read_bytes()))
    with pytest.raises(Damaged, match=r"missing or damaged .* take-back --data"):
        Supervisor(str(data.path), "127.0.0.1", free_port(), Config(), None, False).run()
    assert main(["tables", "list", "--data", str(data.path), "--json"]) == 0
    sizes = [row["bytes_a_process"] for row in json.loads(capsys.readouterr().out)["versions"]]
    assert sizes[0] > 0 and sizes[1] is None
    assert main(["tables", "take-back", "--data", str(data.path)]) == 0
    capsys.readouterr()
    assert main(["tables", "list", "--data", str(data.path)]) == 0
    assert capsys.readouterr().out.count("missing or damaged") == 1
