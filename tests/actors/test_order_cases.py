"""The cases of the shared folder that say one order in several ways, each to its right value; the kinds behind them
have tests of their own (test_settle, test_regions, test_payment_words, test_calendars, test_lots …)."""

from __future__ import annotations

import json
import pathlib
import shutil
from typing import Any

import pytest

from actors.run.route import route
from router.config import Config, Limits
from router.wire.ndjson import decode_lines

CASES = pathlib.Path(__file__).parents[2].parent / "shared/cases"
MARCH_MS = 1_772_445_600_000  # 2026-03-02T10:00:00Z
Answers = dict[str, dict[str, Any]]

pytestmark = pytest.mark.skipif(not CASES.exists(), reason="the cases are not in ../shared/cases")


def decided(case: str, file: str = "orders.ndjson", now_ms: int = MARCH_MS) -> list[dict[str, Any]]:
    answers: list[bytes] = []
    wire = decode_lines((CASES / case / file).read_bytes(), 1, Limits())
    route([wire], CASES / case / "tables", Config(), None, lambda text: answers.append(bytes(text)), lambda: now_ms)
    return [json.loads(line) for line in b"".join(answers).splitlines()]


def by_id(case: str, *names: str) -> dict[str, Any]:
    """Order id -> the fields named, or the one field."""
    rows = decided(case)
    return {row["order_id"]: row[names[0]] if len(names) == 1 else [row[name] for name in names] for row in rows}


@pytest.mark.parametrize(
    ("setting", "totals"),
    [
        ({}, {"jp-basket": 1_530, "jp-one-line": 713, "jp-two-lines": 234}),
        *[
            (
                {"round_per": "order", "rounding": rounding},
                {"jp-basket": basket, "jp-one-line": one, "jp-two-lines": two},
            )
            for rounding, basket, one, two in (
                ("half_up", 1_531, 713, 233),
                ("half_even", 1_531, 713, 233),
                ("down", 1_530, 712, 233),
                ("up", 1_532, 713, 234),
            )
        ],
    ],
)
def test_10_tax_rounded_once_a_rate(tmp_path: pathlib.Path, setting: dict[str, str], totals: dict[str, int]) -> None:
    """The folder's README says 234 of ``jp-two-lines`` once a rate. 10 % of 105 + 107 are 21.2: 21 to the nearest and
    down, so 233 by each of the three ways that it names; 234 is line by line (10.5 and 10.7 are 11 each), or ``up``."""
    case = CASES / "10_tax_rounded_once_a_rate"
    tables = shutil.copytree(case / "tables_exclusive", tmp_path / "tables")
    rows = [json.loads(line) | setting for line in (tables / "taxes.ndjson").read_text().splitlines()]
    (tables / "taxes.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))
    wire, answers = decode_lines((case / "orders_exclusive.ndjson").read_bytes(), 1, Limits()), list[bytes]()
    route([wire], tables, Config(), None, lambda text: answers.append(bytes(text)), lambda: MARCH_MS)
    rows = [json.loads(line) for line in b"".join(answers).splitlines()]
    assert {row["order_id"]: row["total"] for row in rows} == totals


def test_12_region_spelt_out() -> None:
    found = by_id("12_region_spelt_out", "tax", "shipping", "reasons")
    assert [found[f"on-{number}"] for number in range(7)] == [[1300, 400, []]] * 7
    assert [found[f"ca-{number}"] for number in range(4)] == [[725, 1100, []]] * 4
    assert found["ca-4"] == [0, 1500, []]


def test_13_coupon_spelling() -> None:
    found = by_id("13_coupon_spelling", "discount")
    dear = {"k7", "k8"}
    assert found == {name: 2000 if name in dear else 1000 for name in found}


def test_18_19_postcodes() -> None:
    assert set(by_id("18_postcode_with_letter_in_front", "status").values()) == {"allocated"}
    found = by_id("19_postcode_spaces_and_widths", "shipping", "status")
    fees = {"w00": 2000, "w01": 2000, "w02": 200, "w03": 200, "w04": 200}
    assert found == {name: [fees.get(name, 300), "allocated"] for name in found}


def test_20_blank_where_required() -> None:
    assert {tuple(row["reasons"]) for row in decided("20_blank_where_required")} == {("field_missing",)}


def test_23_same_order_said_differently() -> None:
    rows = decided("23_same_order_said_differently")
    again = {row["order_id"]: row["duplicate"] for row in rows[1::2]}
    assert again == {name: name != "price-left-out" for name in again}
    assert not any(row["duplicate"] for row in rows[::2])


def test_24_cutoff_near_utc_midnight() -> None:
    case = "24_cutoff_near_utc_midnight"
    for line in (CASES / case / "expected.ndjson").read_text().splitlines():
        expected = json.loads(line)
        file = f"{expected['order_id']}.ndjson"
        wire = decode_lines((CASES / case / file).read_bytes(), 1, Limits())
        (row,) = decided(case, file, wire.orders.column("placed_at_ms")[0].as_py())
        assert row["promise_date"] == expected["ship_day"], expected


def test_25_public_holidays_of_a_region() -> None:
    case, found = "25_public_holidays_of_a_region", {}
    for path in sorted((CASES / case).glob("*.ndjson")):
        wire = decode_lines(path.read_bytes(), 1, Limits())
        (row,) = decided(case, path.name, wire.orders.column("placed_at_ms")[0].as_py())
        found[path.stem] = row["promise_date"]
    assert {found["GBE"], found["GBN"]} == {"2026-04-07"} and found["GBS"] == found["GB0"] == "2026-04-06"
    assert {found["DEBY"], found["DEBN"], found["DEBI"]} == {"2026-06-05"} and found["DE0"] == "2026-06-04"
    assert {found["CAON"], found["CAN"]} == {"2026-02-17"} and found["CA0"] == "2026-02-16"


def test_32_same_postcode_two_spellings() -> None:
    found = by_id("32_same_postcode_two_spellings", "reasons")
    assert found == {name: ["risk_address"] if name == "b6" else [] for name in found}
    (held,) = decided("32_same_postcode_two_spellings", "orders_held.ndjson")
    assert held["status"] != "held"


def test_37_expired_lot() -> None:
    assert by_id("37_expired_lot", "status") == {"old": "backordered", "soon": "backordered"}


def test_38_payment_words() -> None:
    found = by_id("38_payment_words", "status")
    goes = {"14 pending", "15 paid", "17 Paid", "18 captured", "19 on-hold"}
    held = {"10 partially_refunded"}
    expected = {name: "allocated" if name in goes else "held" if name in held else "rejected" for name in found}
    assert found == expected
