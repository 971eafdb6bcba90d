"""Amounts that cannot be, of channels whose word is taken: refused with the field, the line and both values, in every
answer alike; what lines say is never changed."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from kernels.reasons import AMOUNT_IMPOSSIBLE
from router.reasons import REASONS
from router.shard.channel_policies import Heeds
from router.shard.declared import Declared, where_units_are
from router.shard.price_declared import Terms, price_declared
from router.shard.pricing import OrderLines
from router.wire.impossible_words import SentLine, impossible_said
from tests.labs import table_cases
from tests.labs.order_lab import order_row
from tests.router.test_as_sent import wire_of
from tests.router.test_declared import TAKE, TAKE_TAX, balances, of_lines, shop, sold
from tests.router.test_refused_values import answer, answers

Row = dict[str, Any]
NONE = -(1 << 63)
MINOR = " (minor units of EUR); correct it."
MAX = (2**63 - 1) // 10_000
ADDED = [{**table_cases.TAX, "inclusive": False}]
FEE = {"shipping": {"fee": 99}}
NO_FEE = {"shipping": {"fee": 0}}


@pytest.mark.parametrize(
    ("line", "order", "field", "values"),
    [
        ({"discount": 1_251}, {}, "lines[0].discount", "1251 was sent, the line costs 1250"),
        ({"discount": -5}, {}, "lines[0].discount", f"-5 was sent, 0 to {MAX} can be"),
        ({"discount": -1}, {}, "lines[0].discount", f"-1 was sent, 0 to {MAX} can be"),
        ({"discount": 300}, {"discount": 299}, "discount", "299 was sent, its lines say 300 together"),
        ({}, {"discount": 1_251}, "discount", "1251 was sent, all lines cost 1250 together"),
        ({}, {"discount": -1}, "discount", f"-1 was sent, 0 to {MAX} can be"),
        ({"tax": 300}, {"tax": 299}, "tax", "299 was sent, its lines say 300 together"),
        ({"tax": -2}, {}, "lines[0].tax", f"-2 was sent, 0 to {MAX} can be"),
        ({}, {"tax": 2**62}, "tax", f"{2**62} was sent, 0 to {MAX} can be"),
        ({}, {"shipping": {"fee": -1}}, "shipping.fee", f"-1 was sent, 0 to {MAX} can be"),
        ({}, {"shipping": {"fee": 2**62}}, "shipping.fee", f"{2**62} was sent, 0 to {MAX} can be"),
        ({"tax": 1_251}, FEE, "lines[0].tax", "1251 was sent, 1250 is paid for the line, its tax included"),
        (
            {"tax": 1_001, "discount": 250}, FEE, "lines[0].tax",
            "1001 was sent, 1000 is paid for the line, its tax included",
        ),
        (
            {}, {"tax": 1_350, **FEE}, "tax",
            "1350 was sent, lines can have 1250 of it, and shipping cannot have the rest",
        ),
        (
            {"tax": 100}, {"tax": 200, **FEE}, "tax",
            "200 was sent, lines can have 100 of it, and shipping cannot have the rest",
        ),
        (
            {"tax": 110}, {"tax": 115, **NO_FEE}, "tax",
            "115 was sent, lines can have 110 of it, and shipping cannot have the rest",
        ),
    ],
)  # fmt: skip
def test_the_field_the_line_and_both_values_are_named(line: Row, order: Row, field: str, values: str) -> None:
    lab = shop(TAKE)
    view = sold(lab, line, **order)
    assert (view["status"], view["reasons"], view["total"]) == ("rejected", ["amount_impossible"], 0)
    said = {"code": "amount_impossible", "field": field, "detail": values + MINOR}
    assert view["reason_details"] == [said]
    refused = answer(lab, [{"sku": "A", "qty": 1} | line], **order)
    assert refused["detail"] == f"{field}: {values}{MINOR}"
    [_, by_arrow] = answers(lab, wire_of("arrow", order_row("by arrow", [{"sku": "A", "qty": 1} | line], **order)))
    assert by_arrow["detail"] == refused["detail"]
    assert sold(shop(), line, **order)["status"] == "allocated", "a word that is not taken refuses nothing"


def test_the_line_that_is_wrong_is_named_among_others() -> None:
    [said] = sold(shop(TAKE), {"tax": 5}, {"tax": 7, "discount": 9}, {"qty": 2, "tax": 2_501})["reason_details"]
    assert said["field"] == "lines[2].tax" and said["detail"].startswith("2501 was sent, 2500 is paid")


@pytest.mark.parametrize(
    ("line", "order", "tax"),
    [
        ({"tax": 1_250}, NO_FEE, 1_250), ({"tax": 1_000, "discount": 250}, NO_FEE, 1_000),
        ({}, {"tax": 1_349, **FEE}, 1_349), ({"tax": 100}, {"tax": 199, **FEE}, 199), ({"tax": 110}, {"tax": 110}, 110),
        ({"discount": 1_250}, {"tax": 0, **NO_FEE}, 0),
    ],
)  # fmt: skip
def test_a_tax_may_be_all_of_the_price_that_contains_it(line: Row, order: Row, tax: int) -> None:
    view = sold(shop(TAKE), line, **order)
    assert (view["status"], view["reasons"], view["tax"]) == ("allocated", [], tax)
    assert "tax" not in line or of_lines(view, "tax") == [line["tax"]]
    balances(view)


@pytest.mark.parametrize(
    ("taxes", "total", "status"),
    [
        (None, None, "rejected"), (None, 1_349, "rejected"), (None, 1_349 + 1_500, "allocated"),
        (ADDED, None, "allocated"), (ADDED, 1_349 + 1_500, "allocated"), (ADDED, 1_349, "rejected"),
    ],
)  # fmt: skip
def test_a_tax_that_is_added_to_the_price_may_be_more(taxes: list[Row] | None, total: int | None, status: str) -> None:
    said: Row = FEE if total is None else {"total": total, **FEE}
    for line, order in (({"tax": 1_500}, {}), ({}, {"tax": 1_500})):
        view = sold(shop(TAKE, taxes), line, **said, **order)
        assert view["status"] == status, (line, order)
        assert view["total"] == (0 if status == "rejected" else 1_349 + 1_500)


def test_beside_a_computed_discount_the_price_is_that_before_it() -> None:
    assert sold(shop(TAKE_TAX), {"tax": 1_251}, **NO_FEE)["status"] == "rejected"
    assert sold(shop(TAKE_TAX), {"tax": 1_125}, **NO_FEE)["status"] == "allocated"


@pytest.mark.parametrize("taxes", [None, ADDED])
def test_what_lines_say_is_not_changed(taxes: list[Row] | None) -> None:
    """Where the order's tax is more than its lines and nothing else can have the rest, it does not add up."""
    lab = shop({**TAKE, "shipping_fee": "compute"}, taxes)
    told: Row = {"tax": 115}
    view = sold(lab, {"tax": 50}, {"tax": 60}, **told)
    assert of_lines(view, "tax") == [50, 60] and view["tax"] == 115, "shipping has the rest"
    lab = shop(TAKE, taxes)
    view = sold(lab, {"tax": 50}, {"tax": 60}, **told, **NO_FEE)
    assert view["reasons"] == ["amount_impossible"]
    assert view["reason_details"][0]["detail"].startswith("115 was sent, lines can have 110 of it")
    view = sold(lab, {"tax": 50}, {"tax": 60}, {}, **told, **NO_FEE)
    assert of_lines(view, "tax") == [50, 60, 5], "a line that says none has the rest"
    view = sold(lab, {"tax": 50}, {"discount": 1_250}, {"discount": 1_250}, tax=53, **NO_FEE, discount=2_500)
    if taxes is None:
        assert view["reasons"] == ["amount_impossible"], "nothing is paid that would contain it"
    else:
        assert of_lines(view, "tax") == [50, 2, 1], "lines for which nothing is paid have it alike"


def test_what_a_merged_line_says_stands_where_its_units_are() -> None:
    lab = shop(TAKE, duplicate_lines="merge")
    told: Row = {**NO_FEE, "discount": 41}
    view = sold(lab, {"tax": 50, "discount": 20}, {"sku": "A", "tax": 60, "discount": 21}, **told)
    assert (of_lines(view, "tax"), of_lines(view, "discount")) == ([110, 0], [41, 0])
    balances(view)
    for first in ({}, {"tax": 50}):
        refused = sold(lab, first, {"sku": "A", "tax": 2_501}, **NO_FEE)
        assert refused["reason_details"][0]["field"] == "lines[0].tax"
    assert sold(lab, {"qty": 1}, {"sku": "A", "tax": 2_500}, **NO_FEE)["status"] == "allocated"


def test_of_one_sku_at_two_nodes_each_line_has_its_own_amounts() -> None:
    """Merged are lines of a SKU and node: what one of them says does not go to another node's line."""
    node = np.array([1, 2, 2, -1], np.int16)
    lines = OrderLines(
        np.array([0, 4]), np.zeros(4, np.int32), np.array([1, 2, 0, 0], np.int32), *np.full((2, 4), 10, np.int64)
    )
    nothing = np.full(1, NONE)
    said = np.array([NONE, 3, 4, 5])
    declared = where_units_are(Declared(nothing, nothing, nothing, said, np.full(4, NONE)), lines, node)
    assert declared.line_discount.tolist() == [NONE, 7, NONE, 5] and declared.line_tax.tolist() == [NONE] * 4


def test_an_order_that_was_admitted_by_another_policy_is_finished_by_this_one() -> None:
    """A shard that starts anew with another policy finishes what it had begun: that cannot be refused any more."""
    tables = shop(TAKE).tables
    lines = OrderLines(np.array([0, 1]), np.zeros(1, np.int32), np.ones(1, np.int32), *np.full((2, 1), 1_250, np.int64))
    all_said, none = np.full(1, 9_999), np.full(1, NONE)
    yes, no = np.ones(1, bool), np.zeros(1, bool)
    terms = Terms(
        tables, Heeds(yes, yes, yes, no, no, no), total=np.full(1, -1), tax_area=np.zeros(1, np.int32),
        granted=(np.zeros(2, np.int32), np.zeros(0, np.int16)), fee_minor=np.full(1, 490),
        placed_at_ms=np.zeros(1, np.int64), tolerance_minor=0,
    )  # fmt: skip
    for amounts in ((none, all_said, none, none, none), (none, none, none, all_said, none), (-all_said, *[none] * 4)):
        priced = price_declared(lines, Declared(*amounts), terms)
        assert priced.taken.tolist() == [0] and priced.money.total_minor.tolist() == [1_740]


@pytest.mark.parametrize("policy", [TAKE, TAKE_TAX, {"discount": "take"}])
@pytest.mark.parametrize("merges", ["keep", "merge"])
def test_an_order_is_refused_where_words_have_something_to_say(policy: Row, merges: str) -> None:
    """The rule is told twice, of batches and of one order in words: both say the same of random orders."""
    rng, seen = random.Random(3), {"rejected": 0, "allocated": 0}
    lab = shop(policy, duplicate_lines=merges)
    assert lab.tables.policy is not None
    of_channel = lab.tables.policy.of_channel("web")
    for _ in range(150):
        lines = [
            {"sku": rng.choice("AAB"), "qty": rng.randint(1, 2)}
            | rng.choice([{}, {"discount": rng.choice((0, 5, 900, 1_250, 1_251, 2_600, -3))}])
            | rng.choice([{}, {}, {"tax": rng.choice((0, 5, 400, 1_250, 1_251, 2_600, -3))}])
            for _ in range(rng.randint(1, 3))
        ]
        order = {
            name: rng.choice((0, 5, 1_300, 2_500, 5_100, -1)) for name in ("discount", "tax") if rng.random() < 0.4
        } | {"shipping": {"fee": rng.choice((0, 0, 99))}}
        view = sold(lab, *lines, **order)
        seen[view["status"]] += 1
        declared = [{"line": -1, "amount": 0, "amount_minor": order["shipping"]["fee"]}]
        for amount, name in enumerate(("discount", "tax"), 1):
            parts = [(at, line[name]) for at, line in enumerate(lines) if name in line]
            whole = [(-1, order[name])] if name in order else []
            declared += [{"line": line, "amount": amount, "amount_minor": minor} for line, minor in whole + parts]
        sent = [SentLine((line["sku"], ""), line["qty"], 1_250) for line in lines]
        said = impossible_said(declared, sent, of_channel, 100_000, "EUR")
        if view["status"] == "rejected":
            [shown] = view["reason_details"]
            assert (shown["field"], shown["detail"]) == said != (REASONS[AMOUNT_IMPOSSIBLE].field, "")
        elif said is not None:  # what shipping can have is not known where words are made
            assert said[0] == "tax" and "shipping cannot have the rest" in said[1]
    assert min(seen.values()) > 15, seen
