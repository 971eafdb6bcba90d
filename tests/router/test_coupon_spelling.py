"""A coupon is its code in any spelling, counted once, also by its limits."""

from __future__ import annotations

import pyarrow as pa
import pytest

from router.arrow.string_table import StringTable
from router.errors import TableRejected
from router.shard.spelt import ABSENT, UNKNOWN, Spelt, by_first
from router.spelling import folded
from tests.labs.order_lab import OrderLab
from tests.labs.table_cases import GOOD, tables_of, upload

CODES = ["FIRSTPAIR", "ÉTÉ20", "save10", "SAVE10"]


def found(*texts: str) -> list[int]:
    spelt = Spelt(StringTable(CODES), by_first(CODES, folded), folded)
    return [int(number) for number in spelt.find(pa.array(texts, pa.string()))]


def test_a_code_is_found_in_any_spelling_and_first_as_it_stands() -> None:
    assert found("FIRSTPAIR", "firstpair", " First Pair ", "ＦIRSTPAIR", "FIRSTPAIR\u200b") == [0] * 5
    assert found("été20", "E\u0301TE\u030120", "ETE20") == [1, 1, UNKNOWN]
    assert found("save10", "SAVE10", "Save10") == [2, 3, 2]  # tables from before codes had one form
    assert found("", "  ", "\u2800", "x") == [ABSENT, ABSENT, ABSENT, UNKNOWN]


@pytest.mark.parametrize("other", ["first pair", "FirstPair", "ＦＩＲＳＴＰＡＩＲ", "FIRSTPAIR\u200b"])
def test_two_codes_that_buyers_could_not_tell_apart_are_refused(other: str) -> None:
    rows = [GOOD["promotions"] | {"code": "FIRSTPAIR"}, GOOD["promotions"] | {"code": other}]
    with pytest.raises(TableRejected, match="written differently"):
        tables_of(promotions=rows)
    assert upload("promotions", rows[0], rows[1] | {"code": "SECONDPAIR"}).findings.count == 0


def test_spellings_count_together_and_twice_in_one_order_once() -> None:
    lab = OrderLab()
    code = {"code": "LASTTWO", "when": {"coupon": True}, "then": {"percent": 10}, "limit": 2}
    rows = {"skus": [GOOD["skus"]], "nodes": [GOOD["nodes"]], "promotions": [code]}
    lab.router.use_tables(lab.tables_with(**rows))
    lab.stock(A_N1=10)
    for order_id, coupons in (("o1", ["LASTTWO", "lasttwo"]), ("o2", [" Last Two"]), ("o3", ["lasttwo"])):
        lab.order(order_id, coupons=coupons)
    views = [lab.view(order_id) for order_id in ("o1", "o2", "o3")]
    assert [view["money"]["total"] for view in views][:2] == [views[0]["money"]["total"]] * 2
    assert views[2]["money"]["total"] > views[0]["money"]["total"]
    assert "coupon_used_up" in str(views[2])
