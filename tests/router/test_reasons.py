"""Every reason has a number that never moves, a class, and a sentence for people."""

from __future__ import annotations

from kernels import reasons as code
from router.config import Policy
from router.reasons import REASONS, codes, describe
from router.shard.reason_masks import CLASSES, hold_mask, reject_mask


def test_every_reason_has_a_text_that_ends_in_a_full_stop():
    assert set(REASONS) == set(code.NAMES)
    assert all(reason.detail.endswith(".") and len(reason.detail) > 20 for reason in REASONS.values())


def test_reason_numbers_are_unique_and_fit_one_word():
    assert len(set(code.NAMES.values())) == len(code.NAMES)
    assert all(0 <= number < 64 for number in code.NAMES)


def test_reason_numbers_in_stored_logs_never_change():
    frozen = {0: "malformed", 1: "id_conflict", 12: "sku_unknown", 16: "price_mismatch", 24: "total_mismatch",
              37: "duplicate_basket", 41: "out_of_stock", 42: "partial_stock", 48: "first_order_only"}  # fmt: skip
    assert {number: code.NAMES[number] for number in frozen} == frozen


def test_every_reason_is_in_exactly_one_class():
    for number in code.NAMES:
        assert sum(mask >> number & 1 for mask in CLASSES) == 1, code.NAMES[number]


def test_price_mismatch_follows_the_policy():
    bit = 1 << code.PRICE_MISMATCH
    assert reject_mask(Policy(price_mismatch="reject")) & bit and not hold_mask(Policy(price_mismatch="reject")) & bit
    assert hold_mask(Policy(price_mismatch="hold")) & bit and not reject_mask(Policy(price_mismatch="hold")) & bit
    accept = Policy(price_mismatch="accept")
    assert not (reject_mask(accept) | hold_mask(accept)) & bit


def test_codes_and_sentences_come_in_precedence_order():
    mask = 1 << code.OUT_OF_STOCK | 1 << code.SKU_UNKNOWN
    assert codes(mask) == ["sku_unknown", "out_of_stock"]
    assert [entry["field"] for entry in describe(mask, {})] == ["lines.sku", "lines"]
    [entry, _] = describe(mask, {code.SKU_UNKNOWN: ("lines[3].sku", "it was 'X'")})
    assert entry == {"code": "sku_unknown", "field": "lines[3].sku", "detail": "it was 'X'"}
