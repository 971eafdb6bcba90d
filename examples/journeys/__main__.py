"""Five journeys: what becomes of an order after it was accepted, the good way and four others.

    python -m examples.journeys        (part of: make demo)

Every order prints its timeline, its books and its documents; the pages lie below var/journeys/documents.
"""

from __future__ import annotations

import pathlib
import shutil

from actors.cli.first_start import compile_kernels
from actors.gateway.http.work_shapes import WORK
from examples.journeys.shop import Shop, opened, say

HOME = pathlib.Path("var/journeys")


def main() -> int:
    compile_kernels()
    shutil.rmtree(HOME, ignore_errors=True)
    play(HOME)
    return 0


def play(home: pathlib.Path) -> None:
    with opened(home) as shop:
        for journey in (paid_and_delivered, paid_in_halves, lost_and_sent_again, short_picked, cancelled_half_way):
            journey(shop)
    say(f"Labels, invoices and credit notes as pages: {home}/documents")


def paid_and_delivered(shop: Shop) -> None:
    say("Two mugs, paid by link, delivered:")
    shop.order("J-1", ("MUG", 2))
    shop.becomes("J-1", state="held")
    shop.pay(shop.link("J-1"))
    shop.becomes("J-1", state="allocated", payment_state="paid")
    _deliver(shop, "J-1", shop.ship("J-1")["tracking_number"])
    shop.show("J-1")


def paid_in_halves(shop: Shop) -> None:
    say("300 chairs for 15,000: two payments fail, then half now and half when they have left:")
    shop.order("J-2", ("CHAIR", 300))
    whole = shop.link("J-2")
    shop.pay(whole, card="declined")
    shop.until(lambda: shop.get("/v1/orders/J-2/payments")["failures"] == 1, "the first failure")
    shop.pay(shop.link("J-2"), card="declined")
    plan = shop.until(lambda: shop.get("/v1/orders/J-2/payments")["plan"], "an offer of halves")
    print(f"     offered   {' and '.join(str(half['amount']) for half in plan['instalments'])} (minor units)")
    half = shop.until(lambda: _request(shop, "J-2", 1, "open"), "a link of the first half")
    shop.pay(half)
    shop.becomes("J-2", state="allocated", payment_state="partially_paid")
    number = shop.ship("J-2")["tracking_number"]
    shop.pay(shop.until(lambda: _request(shop, "J-2", 2, "open"), "a link of the second half"))
    shop.becomes("J-2", payment_state="paid")
    _deliver(shop, "J-2", number)
    shop.show("J-2")


def lost_and_sent_again(shop: Shop) -> None:
    say("A lamp that is late, then lost, then sent again:")
    shop.order("J-3", ("LAMP", 1))
    shop.pay(shop.link("J-3"))
    shop.becomes("J-3", state="allocated")
    shipment = shop.ship("J-3")
    shop.scan(shipment["tracking_number"], "in_transit")
    late = shop.work("J-3", "undelivered")
    print(f"     raised    {late['kind']}: {late['reason']} {late['remedy']}")
    lost = {"note": "the carrier cannot find it", "events": [{"type": "lose"}]}
    shop.post(f"{WORK}/{late['work_id']}/resolve", lost)
    item = shop.work("J-3", "lost")
    print(f"     raised    {item['kind']}: {item['reason']} {item['remedy']}")
    shop.order("J-3-again", ("LAMP", 1), channel="service")
    shop.event("J-3-again", "write_off", reason="instead of J-3, which was paid")
    _deliver(shop, "J-3-again", shop.ship("J-3-again")["tracking_number"])
    shop.post(f"{WORK}/{item['work_id']}/resolve", {"note": "sent again as J-3-again, claimed from the carrier"})
    for order_id in ("J-3", "J-3-again"):
        shop.show(order_id)


def short_picked(shop: Shop) -> None:
    say("Five lamps from two warehouses; one is not in its bin and is found in the other:")
    shop.order("J-4", ("LAMP", 5))
    shop.pay(shop.link("J-4"))
    view = shop.becomes("J-4", state="allocated")
    parts = {part["node"]: part["qty"] for part in view["lines"][0]["allocations"]}
    print(f"     planned   {', '.join(f'{qty} from {node}' for node, qty in parts.items())}")
    node = max(parts, key=lambda each: (parts[each], each))
    shop.event("J-4", "short_pick", node=node, lines=[{"line_id": "1", "qty": 1}], reason="not in its bin")
    parts = {part["node"]: part["qty"] for part in shop.view("J-4")["lines"][0]["allocations"]}
    print(f"     anew      {', '.join(f'{qty} from {node}' for node, qty in parts.items())}")
    for each in parts:
        shop.ship("J-4", node=each)
    for shipment in shop.view("J-4")["shipments"]:
        shop.scan(shipment["tracking_number"], "delivered")
    shop.becomes("J-4", state="delivered")
    shop.show("J-4")


def cancelled_half_way(shop: Shop) -> None:
    say("Four mugs on two payments, half of them sent, the rest cancelled and paid back out of both:")
    total = shop.order("J-5", ("MUG", 4))["total"]
    first = total * 7 // 10
    shop.pay(shop.link("J-5", amount=first))
    shop.becomes("J-5", payment_state="partially_paid")
    shop.pay(shop.link("J-5", amount=total - first))
    shop.becomes("J-5", state="allocated", payment_state="paid")
    number = shop.ship("J-5", lines=[{"line_id": "1", "qty": 2}])["tracking_number"]
    shop.event("J-5", "cancel", reason="the buyer has enough")
    _deliver(shop, "J-5", number)
    owed = -shop.view("J-5")["money"]["due"]
    refund = shop.post("/v1/orders/J-5/refunds", {"amount": owed, "reason": "cancelled"})
    done = shop.until(
        lambda: (found := shop.get(f"/v1/refunds/{refund['refund_id']}"))["status"] == "done" and found, "the refund"
    )
    print(f"     refunded  {' and '.join(str(part['amount']) for part in done['parts'])} (minor units)")
    shop.until(lambda: shop.view("J-5")["money"]["due"] == 0, "the books to know it")
    shop.show("J-5")


def _deliver(shop: Shop, order_id: str, tracking_number: str) -> None:
    for code in ("in_transit", "delivered"):
        shop.scan(tracking_number, code)
    shop.becomes(order_id, state="delivered")


def _request(shop: Shop, order_id: str, instalment: int, status: str) -> object:
    requests = shop.get(f"/v1/orders/{order_id}/payments")["payments"]
    return next((each for each in requests if (each["instalment"], each["status"]) == (instalment, status)), None)


if __name__ == "__main__":
    raise SystemExit(main())
