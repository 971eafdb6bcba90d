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
