"""The part of the demo that depends on what events mean; the rest of it is a few commands on a running router."""

from __future__ import annotations

import json
import pathlib
import shutil

import pytest

from actors.store.data_folder import DataFolder
from bench.harness.tables import as_ndjson, tables_for
from bench.harness.workload import Workload
from examples.demo.__main__ import LIFE, live
from examples.journeys.__main__ import play
from tests.bench.test_lab import Target


def test_the_order_of_four_units_goes_all_of_its_way(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workload = Workload(seed=20)
    order = json.loads(next(iter(workload.ndjson(1))))
    router = Target(tmp_path)
    try:
        for table, rows in tables_for(workload, 10_000).items():
            assert router.request("PUT", f"/v1/tables/{table}", as_ndjson(rows), "application/x-ndjson")[0] == 200
        live(router, order)
    finally:
        router.stop()
        shutil.rmtree(DataFolder(tmp_path).shared, ignore_errors=True)
    said = capsys.readouterr().out
    assert [line.split()[0] for line in said.splitlines() if line.startswith("     ")] == [kind for kind, _, _ in LIFE]
    assert "refunded" in said


@pytest.mark.ray
@pytest.mark.timeout(240)
def test_five_orders_go_their_way_to_the_last_refund(tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]) -> None:
    try:
        play(tmp_path)
    finally:
        for left in (DataFolder(tmp_path / "data").shared, DataFolder(tmp_path / "data").ray):
            shutil.rmtree(left, ignore_errors=True)
    said = capfd.readouterr().out
    assert said.count("timeline") == 6 and said.count("delivered, paid") == 3
    pages = sorted(path.name for path in (tmp_path / "documents").iterdir())
    assert [name for name in pages if name.startswith(("INV", "CN"))] == [
        "CN-000001.pdf", "CN-000002.pdf", *(f"INV-00000{number}.pdf" for number in range(1, 6)),
    ]  # fmt: skip
    assert len([name for name in pages if name.startswith("label")]) == 7
    assert all((tmp_path / "documents" / name).read_bytes().startswith(b"%PDF") for name in pages)
