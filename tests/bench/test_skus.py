"""The bench of many SKUs runs, at a size that has several words of nodes and SKUs with one block and with more."""

from __future__ import annotations

import pytest

from actors.cli.main import main
from bench.speed import skus
from router.errors import Misconfigured


@pytest.mark.soak
@pytest.mark.ray
def test_what_was_loaded_is_decided_before_and_after_a_start() -> None:
    result = skus.run(skus=300, nodes=70, cells=1_000, orders=200, shards=1)
    assert result["cells"] == 900 and result["orders"] == 200
    for when in ("loaded", "again"):
        assert sum(result[f"{when}_statuses"].values()) == 200
        assert result[f"{when}_orders_per_s"] > 0
        assert result[f"{when}_memory_bytes_after"] > result["empty_memory_bytes"] // 2
    assert result["loaded_checksum"] != result["again_checksum"], "these are other orders"
    assert result["ready_again_after_s"] > 0


def test_every_sku_has_the_same_number_of_nodes_and_each_once() -> None:
    bodies = [body.decode().splitlines() for body in skus._stock(50, 40, 7)]
    cells = {tuple(row.split(",")[:2]) for head, *rows in bodies for row in rows}
    assert {head for head, *_ in bodies} == {"sku,node,on_hand"}
    assert len(cells) == 50 * 7 and len({sku for sku, _ in cells}) == 50


@pytest.mark.parametrize("cells", [9, 31])
def test_cells_that_do_not_fit_the_skus_are_refused(cells: int) -> None:
    with pytest.raises(Misconfigured, match="10 to 30"):
        skus.run(skus=10, nodes=3, cells=cells, orders=1, shards=1)


def test_the_command_line_knows_its_bounds(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["bench", "skus", "--nodes", "5000"])
    assert "4,096" in capsys.readouterr().err
