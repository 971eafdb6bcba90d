"""The channel's word on an order's money: taken, compared or computed anew; parts that always sum to the whole."""

from __future__ import annotations

import dataclasses
import json
import random
from typing import Any

import pyarrow as pa
import pytest

from router.config import ChannelPolicy, Limits, Policy
from router.wire.ndjson import decode_bodies
from tests.labs import table_cases
from tests.labs.order_lab import OrderLab, order_row
from tests.reference.money.prorate import prorate

Row = dict[str, Any]
RATE = {**table_cases.RATE, "to_zone": "*", "max_g": None, "price": 500}
TAKE = {"discount": "take", "tax": "take", "shipping_fee": "take"}
COMPARE = dict.fromkeys(TAKE, "compare")


def shop(channel: Row | None = None, taxes: list[Row] | None = None, fee_minor: int = 500, **policy: Any) -> OrderLab:
    """A, B and C at 12.50; DE's 19 % are in the price; what the channel ``web`` has of its own, and what all have."""
    lab = OrderLab(shards=1)
    tables = lab.tables_with(
        skus=[{**table_cases.SKU, "sku": sku} for sku in "ABC"], nodes=[table_cases.NODE],
        rates=[RATE | {"price": fee_minor}],
        taxes=[table_cases.TAX] if taxes is None else taxes,
        promotions=[table_cases.PROMOTION],
    )  # fmt: skip
    own = {} if channel is None else {"web": ChannelPolicy(**channel)}
    lab.tables = dataclasses.replace(tables, version=tables.version + 1, policy=Policy(channels=own, **policy))
    lab._versions[lab.tables.version] = lab.tables
    lab.router.use_tables(lab.tables)
    lab.stock(A_N1=1_000, B_N1=1_000, C_N1=1_000)
    return lab


def sold(lab: OrderLab, *lines: Row, **order: Any) -> Row:
    order_id = f"o{lab.now_ms}"
    lab.order(order_id, [{"sku": sku, "qty": 1} | line for sku, line in zip("ABC", lines, strict=False)], **order)
    return lab.view(order_id)


def of_lines(view: Row, name: str) -> list[int]:
    return [line[name] for line in view["lines"]]


def balances(view: Row) -> None:
    assert view["total"] == sum(of_lines(view, "total")) + view["shipping"]
    assert all(line["gross"] - line["discount"] >= 0 and line["tax"] >= 0 for line in view["lines"])


WORDS = {"discount": 250, "tax": 300, "shipping": {"fee": 399}, "total": 2_649}


def test_by_default_what_is_declared_changes_nothing_and_says_nothing() -> None:
    said, silent = sold(shop(), {}, {}, **WORDS), sold(shop(), {}, {})
    for name in ("total", "discount", "tax", "shipping", "reasons"):
        assert said[name] == silent[name]
    assert said["reasons"] == [] and said["declared"] == []
    alone = sold(shop(), {}, total=1)
    assert alone["reasons"] == ["total_mismatch"], "a total alone is compared as ever"
    assert alone["declared"] == [{"field": "total", "declared": 1, "computed": 1_625}]


def test_what_is_taken_is_spread_and_sums_to_the_whole() -> None:
    view = sold(shop(TAKE), {}, {}, {}, discount=100, tax=500, shipping={"fee": 399}, total=4_049)
    assert of_lines(view, "discount") == [34, 33, 33] and view["discount"] == 100
    assert view["tax"] == 500 and sum(of_lines(view, "tax")) < 500, "shipping carries its share"
    assert (view["total"], view["shipping"], view["reasons"]) == (4_049, 399, [])
    assert view["taken"] == ["shipping_fee", "discount", "tax"]
    balances(view)


def test_lines_keep_what_they_declare_and_share_the_rest() -> None:
    view = sold(shop(TAKE), {"discount": 250, "tax": 160}, {"tax": 237}, {}, discount=275, tax=600, shipping={"fee": 0})
    assert of_lines(view, "discount") == [250 + 7, 9, 9]  # 25 over 1000, 1250, 1250: 7.14, 8.93, 8.93
    assert of_lines(view, "tax") == [160, 237, 203] and view["shipping"] == 0
    balances(view)


@pytest.mark.parametrize(("total", "added"), [(2_499, False), (2_799, True)])
def test_the_total_says_whether_a_taken_tax_is_in_the_prices(total: int, added: bool) -> None:
    view = sold(shop(TAKE), {}, {"discount": 100}, tax=300, shipping={"fee": 99}, total=total)
    assert (view["total"], view["tax"], view["reasons"]) == (total, 300, [])
    assert sum(of_lines(view, "total")) + view["shipping"] == total
    assert (sum(of_lines(view, "total")) > 2_400) is added


@pytest.mark.parametrize("inclusive", [True, False])
def test_without_a_total_the_table_says_it(inclusive: bool) -> None:
    lab = shop(TAKE, [{**table_cases.TAX, "inclusive": inclusive}])
    view = sold(lab, {}, tax=200, shipping={"fee": 0})
    assert view["total"] == (1_250 if inclusive else 1_450)


def test_each_amount_has_a_word_of_its_own() -> None:
    view = sold(shop({"shipping_fee": "take"}), {}, shipping={"fee": 123}, tax=9, discount=9)
    assert (view["shipping"], view["taken"]) == (123, ["shipping_fee"])
    assert view["discount"] == 125 and view["tax"] == 180  # ten per cent off, 19 % in what is left
    view = sold(shop({"discount": "take"}), {"discount": 250}, {})
    assert of_lines(view, "discount") == [250, 0] and view["promotions"] == []
    assert of_lines(view, "tax") == [160, 200], "computed on what is left"
    assert sold(shop({"discount": "take"}), {})["discount"] == 0, "a channel whose word is taken gives what it gives"


def test_a_channel_has_its_own_word_and_others_have_all_s() -> None:
    lab = shop({"shipping_fee": "take"}, shipping_fee="compare")
    assert sold(lab, {}, shipping={"fee": 123})["shipping"] == 123
    other = sold(lab, {}, shipping={"fee": 123}, channel="market")
    assert (other["shipping"], other["reasons"]) == (500, ["amount_differs"])


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        ({"discount": 125, "tax": 180, "shipping": {"fee": 500}}, []),
        ({"discount": 124}, ["discount"]), ({"tax": 181}, ["tax"]), ({"shipping": {"fee": 0}}, ["shipping_fee"]),
        ({"discount": 1, "tax": 1}, ["discount", "tax"]), ({}, []),
    ],
)  # fmt: skip
def test_a_comparison_that_differs_is_a_flag_with_both_values(said: Row, fields: list[str]) -> None:
    view = sold(shop(COMPARE), {}, **said)
    assert (view["reasons"], [found["field"] for found in view["declared"]]) == (
        ["amount_differs"] if fields else [],
        fields,
    )
    ours = {"discount": 125, "tax": 180, "shipping_fee": 500}
    for found in view["declared"]:
        assert found["computed"] == ours[found["field"]] != found["declared"]
    assert view["total"] == 1_625


def test_a_total_that_cannot_be_ours_says_nothing() -> None:
    """A channel that declares a tax which is not looked at would be flagged on every order."""
    assert sold(shop(), {}, tax=7, total=1_632)["reasons"] == []
    assert sold(shop(COMPARE), {}, tax=180, discount=125, shipping={"fee": 500}, total=1)["reasons"] == [
        "total_mismatch"
    ]


OURS = {"discount": 125, "tax": 180, "shipping_fee": 500, "total": 1_625}


@pytest.mark.parametrize(
    ("line", "order", "shown"),
    [
        ({}, {"discount": -5}, {"discount": -5}), ({}, {"discount": -1}, {"discount": -1}),
        ({}, {"tax": -7}, {"tax": -7}), ({}, {"shipping": {"fee": -1}}, {"shipping_fee": -1}),
        ({"discount": -5}, {}, {"discount": -5}), ({"tax": -1}, {}, {"tax": -1}),
        ({}, {"total": -3}, {"total": -3}), ({}, {"total": -1}, {"total": -1}),
        ({}, {"discount": -5, "total": -3}, {"discount": -5, "total": -3}),
        ({}, {"tax": 2**63 - 1}, {"tax": 2**63 - 1}), ({}, {"tax": -(2**63) + 180}, {"tax": -(2**63) + 180}),
        ({}, {"total": -(2**63) + 1_625}, {"total": -(2**63) + 1_625}),
        ({"discount": 2**63 - 1}, {}, {"discount": 2**63 - 1}),
    ],
)  # fmt: skip
def test_what_cannot_be_is_compared_and_shown_as_it_was_said(line: Row, order: Row, shown: Row) -> None:
    view = sold(shop(COMPARE), line, **order)
    assert {row["field"]: (row["declared"], row["computed"]) for row in view["declared"]} == {
        name: (said, OURS[name]) for name, said in shown.items()
    }
    flags = {"total_mismatch"} & {f"{name}_mismatch" for name in shown}
    flags |= {"amount_differs"} if set(shown) - {"total"} else set()
    assert set(view["reasons"]) == flags and view["total"] == 1_625
    told = " ".join(row["detail"] for row in view["reason_details"])
    assert all(f"{said} was sent" in told for said in shown.values())


def test_amounts_that_do_not_add_up_are_flagged_where_they_are_compared() -> None:
    """The whole is ours to the unit, and lines say another one."""
    lab = shop(COMPARE)
    view = sold(lab, {"discount": 100}, {"discount": 151}, discount=250)
    assert view["reasons"] == ["amount_differs"]
    assert view["declared"] == [{"field": "lines.discount", "declared": 251, "computed": 250}]
    assert sold(lab, {"discount": 100}, {"discount": 150}, discount=250)["reasons"] == []
    assert sold(lab, {"discount": 100}, {}, discount=250)["reasons"] == [], "the rest is another line's"
    lab = shop(COMPARE, fee_minor=0)
    view = sold(lab, {"tax": 170}, {"tax": 180}, tax=360)
    assert view["declared"] == [{"field": "lines.tax", "declared": 350, "computed": view["tax"]}]
    assert view["tax"] == 360 and view["reasons"] == ["amount_differs"]
    assert sold(lab, {"tax": 170}, {}, tax=360)["reasons"] == []


def test_of_a_refused_order_that_came_as_paid_the_money_is_to_be_given_back() -> None:
    lab = shop(TAKE)
    for status, due in (("paid", ["refund_due"]), ("authorized", []), ("pending", [])):
        view = sold(lab, {"discount": 9_999}, payment={"status": status})
        assert view["reasons"] == ["amount_impossible", *due] and set(view["money"].values()) == {0}
        assert view["payment_state"] == {"pending": "unpaid"}.get(status, status)
        assert [row["field"] for row in view["reason_details"]][1:] == ["payment.status"] * len(due)
    assert sold(lab, {}, payment={"status": "paid"})["reasons"] == []
    lab = shop(short_stock="reject")
    view = sold(lab, {"qty": 9_000}, payment={"status": "paid"})
    assert (view["status"], view["reasons"][-1]) == ("rejected", "refund_due"), "by whomever it is refused"


def test_the_view_has_what_the_channel_said() -> None:
    view = sold(shop(), {"discount": 0, "tax": -1}, {}, total=9)
    assert view["declared_total"] == 9 and of_lines(view, "declared_discount") == [0, None]
    assert of_lines(view, "declared_tax") == [-1, None]
    assert sold(shop(), {})["declared_total"] is None


def test_what_is_taken_is_exact_on_random_orders() -> None:
    rng, lab, refused = random.Random(5), shop(TAKE), 0
    for _ in range(200):
        lines = [
            {"qty": rng.randint(1, 5)}
            | rng.choice([{}, {"discount": rng.randint(0, 1_250)}])
            | rng.choice([{}, {"tax": rng.randint(0, 900)}])
            for _ in range(rng.randint(1, 3))
        ]
        gross = [1_250 * line["qty"] for line in lines]
        own = [line.get("discount", 0) for line in lines]
        order: Row = {"shipping": {"fee": rng.randint(0, 900)}}
        if rng.random() < 0.6:
            order["discount"] = rng.randint(sum(own), sum(gross))
        if rng.random() < 0.6:
            order["tax"] = sum(line.get("tax", 0) for line in lines) + rng.randint(0, 500)
        view = sold(lab, *lines, **order)
        if view["status"] == "rejected":  # more tax than the price that contains it
            assert view["reason_details"][0]["field"].endswith("tax")
            refused += 1
            continue
        left = [g - o for g, o in zip(gross, own, strict=True)]
        rest = order.get("discount", sum(own)) - sum(own)
        assert of_lines(view, "discount") == [o + p for o, p in zip(own, prorate(rest, left), strict=True)]
        if "tax" in order:
            assert view["tax"] == order["tax"]
        elif any(line.get("tax") for line in lines):
            nets = [g - part for g, part in zip(gross, of_lines(view, "discount"), strict=True)]
            ours = [net - round_half_up(net * 100, 119) for net in nets]
            assert of_lines(view, "tax") == [line.get("tax", our) for line, our in zip(lines, ours, strict=True)]
        assert view["shipping"] == order["shipping"]["fee"]
        balances(view)
    assert 20 < refused < 100


def round_half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


HST = {"country": "DE", "rate_bp": 1_300, "inclusive": False}
ON_SHIPPING = [{**HST, "tax_class": "standard"}, {**HST, "tax_class": "shipping"}]
TAKE_TAX = {"tax": "take", "shipping_fee": "take"}


def bought(taxes: list[Row], *lines: Row, **order: Any) -> Row:
    """Two units at 19.90 a line and a fee of 12.00 by default, without a promotion."""
    lab = shop({**TAKE_TAX, "discount": "take"}, taxes, price_tolerance_bp=10_000, duplicate_lines="merge")
    lines = tuple({"qty": 2, "unit_price": 1_990} | line for line in lines)
    return sold(lab, *lines, **{"shipping": {"fee": 1_200}} | order)


@pytest.mark.parametrize("total", [None, 5_853])
def test_a_tax_on_shipping_that_nobody_says_is_computed(total: int | None) -> None:
    view = bought(ON_SHIPPING, {"tax": 517}, **({} if total is None else {"total": total}))
    assert (view["total"], view["tax"], view["shipping"], view["reasons"]) == (5_853, 673, 1_356, [])
    assert of_lines(view, "tax") == [517] and sum(tax["amount"] for tax in view["taxes"]) == 673
    balances(view)


def test_a_tax_of_the_order_is_all_of_it_and_no_tax_on_shipping_stays_none() -> None:
    view = bought(ON_SHIPPING, {"tax": 517}, tax=600)
    assert (view["total"], view["tax"], view["shipping"]) == (5_780, 600, 1_283)
    view = bought(ON_SHIPPING[:1], {"tax": 517})
    assert (view["total"], view["tax"], view["shipping"]) == (5_697, 517, 1_200)


def test_lines_that_say_no_tax_beside_some_that_do_are_computed() -> None:
    view = bought(ON_SHIPPING, {"tax": 500}, {}, {"tax": 0})
    assert of_lines(view, "tax") == [500, 517, 0] and view["tax"] == 500 + 517 + 156
    balances(view)


@pytest.mark.parametrize("more", [{}, {"qty": 2, "sku": "A", "tax": 510}])
def test_a_tax_of_a_line_that_was_merged_is_not_computed_again(more: Row) -> None:
    view = bought(ON_SHIPPING, {} if more else {"tax": 510}, *([more] if more else []))
    assert view["tax"] == 510 + 156


@pytest.mark.parametrize(
    ("inclusive", "total", "shipping", "tax"),
    [
        (True, None, 1_200, 517 + 138), (True, 5_180, 1_200, 517 + 138), (True, 5_853, 1_356, 517 + 156),
        (False, None, 1_356, 517 + 156), (False, 5_180, 1_200, 517 + 138), (False, 5_853, 1_356, 517 + 156),
    ],
)  # fmt: skip
def test_a_computed_tax_is_contained_where_the_taken_one_is(
    inclusive: bool, total: int | None, shipping: int, tax: int
) -> None:
    taxes = [row | {"inclusive": inclusive} for row in ON_SHIPPING]
    view = bought(taxes, {"tax": 517}, **({} if total is None else {"total": total}))
    assert (view["shipping"], view["tax"], view["reasons"]) == (shipping, tax, [])
    assert view["total"] == 3_980 + shipping + (517 if shipping > 1_200 else 0)
    balances(view)


@pytest.mark.parametrize("how", [{}, {"round_per": "order"}])
def test_several_taxes_on_shipping_are_those_of_an_order_without_declared_ones(how: Row) -> None:
    names = [{"name": name, "percent": percent} for name, percent in (("GST", 5), ("QST", 9.975))]
    taxes = [{"country": "DE", "inclusive": False, "tax_class": of} | name | how
             for of in ("standard", "shipping") for name in names]  # fmt: skip
    silent = bought(taxes, {}, {})
    view = bought(taxes, {"tax": 300}, {"tax": 301})
    assert view["shipping"] == silent["shipping"] > 1_200
    assert view["tax"] == 601 + silent["tax"] - sum(of_lines(silent, "tax"))
    assert sum(tax["amount"] for tax in view["taxes"]) == view["tax"]


def test_taxes_of_lines_are_compared_with_those_of_lines() -> None:
    lab = shop(COMPARE, ON_SHIPPING)
    ours = sold(lab, {}, {})
    said = [{"tax": tax} for tax in of_lines(ours, "tax")]
    assert ours["tax"] > sum(of_lines(ours, "tax"))
    assert sold(lab, *said)["reasons"] == [] and sold(lab, said[0], {})["reasons"] == []
    view = sold(lab, {"tax": 1}, {})
    assert view["reasons"] == ["amount_differs"]
    assert view["declared"] == [{"field": "tax", "declared": 1, "computed": of_lines(ours, "tax")[0]}]
    assert sold(lab, *said, tax=ours["tax"])["reasons"] == []


def test_fields_that_are_not_given_leave_fingerprints_as_they_were_and_given_ones_count() -> None:
    plain = order_row("o", [{"sku": "A", "qty": 1}])
    told = [
        plain, plain | {"discount": 1}, plain | {"tax": 1}, plain | {"shipping": {"fee": 1}},
        plain | {"lines": [{"sku": "A", "qty": 1, "tax": 1}]},
        plain | {"lines": [{"sku": "A", "qty": 1, "discount": 1}]},
    ]  # fmt: skip
    bodies = [json.dumps(body).encode() for body in (*told, plain | {"discount": None})]
    found = decode_bodies(bodies, Limits()).orders.column("fingerprint").to_pylist()
    assert len(set(found[:-1])) == len(told) and found[-1] == found[0]


def test_arrow_carries_the_same_words() -> None:
    from router.wire.arrow_stream import ArrowStreamDecoder

    order = order_row("o", [{"sku": "A", "qty": 1, "discount": 5, "tax": 7}]) | {
        "discount": 5, "tax": 9, "shipping": {"fee": 3}, "placed_at": "2025-11-21T12:00:00Z",
    }  # fmt: skip
    flat = {
        **{name: order[name] for name in ("order_id", "channel", "currency", "lines", "discount", "tax")},
        "placed_at": pa.scalar(1_763_726_400_000).as_py(), "shipping_fee": 3,
        **{f"customer_{k}": v for k, v in order["customer"].items()},
        **{f"ship_to_{k}": v for k, v in order["ship_to"].items()},
    }  # fmt: skip
    batch = pa.RecordBatch.from_pylist([flat])
    at = batch.schema.get_field_index("placed_at")
    batch = batch.set_column(at, "placed_at", batch.column(at).cast(pa.timestamp("ms", "UTC")))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    decoder = ArrowStreamDecoder(Limits())
    (wire,) = [*decoder.feed([sink.getvalue().to_pybytes()]), *decoder.finish()]
    written = decode_bodies([json.dumps(order).encode()], Limits()).orders
    for name in ("declared", "fingerprint"):
        assert wire.orders.column(name).to_pylist() == written.column(name).to_pylist()
    assert wire.orders.column("lines").to_pylist() == written.column("lines").to_pylist()
