"""What a conflict of ids names is what fingerprints tell apart: what means the same is no difference."""

from __future__ import annotations

from typing import Any

import pytest

from router.wire.differences import differing_fields

Row = dict[str, Any]
KEPT: Row = {
    "order_id": "o", "channel": "web", "placed_at": "2026-11-01T10:00:00Z", "currency": "EUR",
    "customer": {"id": "c", "name": "Zo\u00eb"}, "ship_to": {"country": "DE", "region": "BY"},
    "lines": [{"sku": "A", "qty": 1}, {"sku": "B", "qty": 2}],
}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"currency": " eur"}, {"priority": 0}, {"ship_to": {"country": "de\u00a0", "region": " BY "}},
        {"placed_at": "2026-11-01T11:00:00+01:00"}, {"customer": {"id": "c", "name": "Zoe\u0308"}},
        {"coupons": []}, {"attributes": {"gift": True}},
        {"lines": [{"sku": "A", "qty": 1, "line_id": "1"}, {"sku": "B", "qty": 2, "line_id": "2"}]},
    ],
)  # fmt: skip
def test_what_means_the_same_is_not_named(change: Row) -> None:
    assert differing_fields(KEPT | change, KEPT) == []
    assert differing_fields(KEPT | change | {"total": 5}, KEPT) == ["total"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"currency": "USD"}, "currency"), ({"priority": 1}, "priority"), ({"channel": "Web"}, "channel"),
        ({"customer": {"id": "C", "name": "Zo\u00eb"}}, "customer.id"),
        ({"ship_to": KEPT["ship_to"] | {"region": "Bavaria"}}, "ship_to.region"),
        ({"lines": [{"sku": "a", "qty": 1}, KEPT["lines"][1]]}, "lines[0].sku"),
        ({"lines": [{"sku": "A", "qty": 1, "line_id": "2"}, KEPT["lines"][1]]}, "lines[0].line_id"),
        ({"lines": [*KEPT["lines"], {"sku": "C", "qty": 1}]}, "lines[2]"),
    ],
)  # fmt: skip
def test_what_differs_is_named(change: Row, named: str) -> None:
    assert differing_fields(KEPT | change, KEPT) == [named]
