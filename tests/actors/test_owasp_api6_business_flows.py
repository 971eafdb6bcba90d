"""API6 Unrestricted access to sensitive business flows: bots that buy up, hoard, or use a coupon again and again."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

from router.config import Policy
from tests.labs.owasp_lab import JSON, NDJSON, Lab, lab, sell

__all__ = ["lab"]


def available(lab: Lab, sku: str) -> int:
    body = json.dumps({"skus": [sku]}).encode()
    (item,) = json.loads(lab.ask("POST", "/v1/availability", body, role="viewer", **JSON)[2])["items"]
    return int(item["available"])


def test_a_bot_that_orders_without_end_is_held_for_review(lab: Lab) -> None:
    """Each basket differs, so that only the speed gives it away."""
    bot = {"id": "bot", "name": "Bot"}
    answers = [
        sell(lab, f"bot-{number}", customer=bot, lines=[{"sku": "A", "qty": 1 + number}])
        for number in range(Policy().velocity_orders_max + 3)
    ]
    flagged = ["risk_velocity" in answer["reasons"] for answer in answers]
    assert not any(flagged[: Policy().velocity_orders_max]) and all(flagged[Policy().velocity_orders_max :])


def test_the_same_basket_again_is_held(lab: Lab) -> None:
    twin = {"customer": {"id": "twin", "name": "Twin"}}
    assert sell(lab, "twin-1", **twin)["status"] == "allocated"
    assert sell(lab, "twin-2", **twin)["status"] == "held"


def test_asking_reserves_nothing(lab: Lab) -> None:
    """Quotes and availability cannot be used to keep units from others."""
    before = available(lab, "B")
    body = json.dumps({"orders": [_order_of("B", 7, number) for number in range(50)]}).encode()
    quotes = json.loads(lab.ask("POST", "/v1/quotes", body, role="viewer", **JSON)[2])["quotes"]
    assert len(quotes) == 50 and available(lab, "B") == before


def _order_of(sku: str, qty: int, number: int) -> dict[str, object]:
    place = {"name": "Ada", "line1": "1", "city": "Berlin", "postcode": "10115", "country": "DE"}
    return {
        "order_id": f"q-{number}", "channel": "web", "placed_at": "2026-03-01T12:00:00Z", "currency": "EUR",
        "customer": {"name": "Ada"}, "ship_to": place, "lines": [{"sku": sku, "qty": qty}],
    }  # fmt: skip


def test_the_last_units_are_sold_once_to_many_who_ask_at_once(lab: Lab) -> None:
    units = available(lab, "B")
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(lambda number: sell(lab, f"rush-{number}", lines=[{"sku": "B", "qty": 1}]), range(units + 9))
        )
    sold = sum(part["qty"] for answer in answers for line in answer["lines"] for part in line["allocations"])
    assert sold == units and available(lab, "B") == 0


def test_a_limited_coupon_is_given_so_often_and_no_more_to_many_at_once(lab: Lab) -> None:
    row = {"code": "RARE", "when": {"coupon": True}, "then": {"percent": 50}, "limit": 5, "per_customer": 1}
    assert lab.ask("PUT", "/v1/tables/promotions", json.dumps(row).encode(), **NDJSON)[0] == 200
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda number: sell(lab, f"rare-{number}", coupons=["RARE"]), range(20)))
    assert sum(answer["discount"] > 0 for answer in answers) == 5


def test_a_customer_uses_a_coupon_once_however_the_id_is_written_around(lab: Lab) -> None:
    row = {"code": "ONCE", "when": {"coupon": True}, "then": {"percent": 50}, "per_customer": 1}
    assert lab.ask("PUT", "/v1/tables/promotions", json.dumps(row).encode(), **NDJSON)[0] == 200
    person = {"customer": {"id": "greedy", "name": "G"}, "coupons": ["ONCE", "ONCE"]}
    answers = [sell(lab, f"once-{number}", lines=[{"sku": "A", "qty": 1 + number}], **person) for number in range(3)]
    assert [answer["discount"] > 0 for answer in answers] == [True, False, False]
