"""Staff: every two hours they take what is on the list of work and do what its remedy says."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from bench.trials.world.agenda import DAY_MS, HOUR_MS
from bench.trials.world.bank import Bank
from bench.trials.world.goods import APPROVED_MINOR, CURRENCY, PAY, Row
from bench.trials.world.haulage import Haulage
from bench.trials.world.town import Town
from bench.trials.world.warehouses import Warehouses
from router.bound import EVERYTHING
from router.life.refunds import RefundRefused
from router.queries.refund_basis import money_of
from router.work.acts import Act
from router.work.listing import WorkFilter
from router.work.refund import RefundAsked

EVERY_MS = 2 * HOUR_MS
PAGE = 400


class Staff:
    def __init__(self, town: Town, bank: Bank, haulage: Haulage, warehouses: Warehouses) -> None:
        self._town = town
        self._bank = bank
        self._haulage = haulage
        self._warehouses = warehouses
        self._refunds = 0
        self.seen: dict[str, int] = {}  # items by kind, counted once each
        self._known: set[str] = set()
        self._acts: dict[str, Callable[[Row], None]] = {
            "rejected": self._note,
            "event_refused": self._note,
            "held": self._review,
            "payment_failed": self._wait_for_money,
            "unpaid": self._chase,
            "uncaptured": self._capture,
            "to_pay_back": self._pay_back,
            "paid_again": self._give_back_too_much,
            "overpaid": self._give_back_too_much,
            "refund_failed": self._pay_back,
            "refund_to_approve": self._approve,
            "refund_by_hand": self._paid_by_hand,
            "refund_stuck": self._note,
            "payment_unplaced": self._find_owner,
            "parcel_unplaced": self._note,
            "short_picked": self._restock,
            "waiting": self._restock,
            "unsent": self._send,
            "undelivered": self._ask_carrier,
            "lost": self._pay_back_lost,
        }

    def work(self) -> int:
        """How many items were taken; one list, as ``GET /v1/work`` gives it."""
        page = msgspec.json.decode(self._town.house.service.work(WorkFilter(), PAGE))
        # Ids differ from run to run; what is done must not.
        items = sorted(page["items"], key=lambda item: (item["deadline"], item["kind"], item["order_id"]))
        for item in items:
            if item["work_id"] not in self._known:
                self._known.add(item["work_id"])
                self.seen[item["kind"]] = self.seen.get(item["kind"], 0) + 1
            self._acts[item["kind"]](item)
        return len(items)

    # --- acts ------------------------------------------------------------------------------------

    def _resolve(self, item: Row, note: str, *events: Row, approve: bool | None = None, role: str = "ops") -> None:
        self._act(item, "resolve", note=note, events=events, approve=approve, role=role)

    def _snooze(self, item: Row, pause_ms: int) -> None:
        self._act(item, "snooze", until_ms=self._town.agenda.now_ms + pause_ms)

    def _act(self, item: Row, name: str, **said: object) -> None:
        now_ms = self._town.agenda.now_ms
        self._town.house.service.act(Act(item["work_id"], name, "staff", EVERYTHING, now_ms, **said))  # type: ignore[arg-type]

    def _is_first_time(self, item: Row, what: str) -> bool:
        """Of an item that comes back: whether this was not done yet."""
        key = f"{what} {item['work_id']}"
        is_new = key not in self._known
        self._known.add(key)
        return is_new

    # --- by kind ---------------------------------------------------------------------------------

    def _note(self, item: Row) -> None:
        self._resolve(item, "looked at")

    def _review(self, item: Row) -> None:
        """Of an order that waits for its money alone the desk takes care; a buyer is asked about the others."""
        view = self._town.house.view(item["order_id"])
        if view["payment_state"] in ("unpaid", "failed", "partially_paid"):
            self._snooze(item, DAY_MS)
        elif self._town.dice.chance(90, "review", item["order_id"]):
            self._resolve(item, "the buyer is real", {"type": "release"})
        else:
            self._resolve(item, "nobody answers", {"type": "review_reject"})

    def _wait_for_money(self, item: Row) -> None:
        if self._is_first_time(item, "asked the buyer"):
            self._snooze(item, 2 * DAY_MS)
        else:
            self._resolve(item, "no other payment came", {"type": "cancel"})

    def _chase(self, item: Row) -> None:
        """What is still open after so long is given up where goods are on their way, and cancelled where not."""
        view = self._town.house.view(item["order_id"])
        if view["money"]["due"] <= 0:
            self._resolve(item, "nothing is due any more")
        elif any(
            line["units"][stage] for line in view["lines"] for stage in ("picked", "packed", "shipped", "delivered")
        ):
            self._resolve(item, "not worth a letter", {"type": "write_off"})
        else:
            self._resolve(item, "the rest never came", {"type": "cancel"})

    def _capture(self, item: Row) -> None:
        """At the provider's own pages; its webhook tells the rest."""
        for payment in self._town.house.view(item["order_id"])["payments"]:
            if payment["authorized"]:
                self._bank.capture(payment["payment_id"], item["order_id"], payment["authorized"])
        self._resolve(item, "captured")

    def _pay_back(self, item: Row) -> None:
        """All that is owed; what was only authorized is let go."""
        view = self._town.house.view(item["order_id"])
        voided = [
            {"type": "payment_voided", "payment_id": payment["payment_id"]}
            for payment in view["payments"]
            if payment["authorized"] and payment["payment_id"]
        ]
        if voided:
            self._resolve(item, "let go", *voided)
        elif -view["money"]["due"] > 0 and self._refund(item["order_id"], view, -view["money"]["due"]):
            self._snooze(item, HOUR_MS)
        else:
            self._resolve(item, "nothing is owed any more")

    def _give_back_too_much(self, item: Row) -> None:
        view = self._town.house.view(item["order_id"])
        if -view["money"]["due"] > 0:
            self._refund(item["order_id"], view, -view["money"]["due"])
        self._resolve(item, "the second payment goes back")

    def _pay_back_lost(self, item: Row) -> None:
        """What the lost units carried, as far as it came and did not go back yet."""
        view = self._town.house.view(item["order_id"])
        lost_minor = sum(line["total"] * line["units"]["lost"] // line["qty"] for line in view["lines"])
        paid = view["money"]["captured"] - view["money"]["refunded"] - view["money"]["refunding"]
        amount_minor = min(lost_minor, paid)
        if amount_minor > 0 and self._is_first_time(item, "paid back"):
            self._refund(item["order_id"], view, amount_minor)
        self._resolve(item, "the buyer has their money, the carrier our claim")

    def _refund(self, order_id: str, view: Row, amount_minor: int) -> bool:
        """Whether it was asked for."""
        self._refunds += 1
        asked = RefundAsked(
            order_key=self._town.house.order_key(order_id), order_id=order_id, channel=view["channel"], seller="",
            money=money_of(view), units=(), amount_minor=amount_minor, reason="owed", caller="staff", role="service",
            key=f"refund {self._refunds}", digest="", now_ms=self._town.agenda.now_ms,
        )  # fmt: skip
        try:
            self._town.house.refunds.ask(asked)
        except RefundRefused:
            return False
        self._town.met["refund asked for"] += 1
        self._town.met["refund to approve"] += amount_minor > APPROVED_MINOR
        return True

    def _approve(self, item: Row) -> None:
        """Nine of ten; what was refused is asked for again, and the next one who looks at it may see it otherwise."""
        is_right = self._town.dice.chance(90, "approve", item["order_id"], item["raised_at"])
        self._resolve(item, "looked at by the head of service", approve=is_right, role="admin")

    def _paid_by_hand(self, item: Row) -> None:
        self._resolve(item, "sent by bank", {"type": "payment_refunded"})

    def _find_owner(self, item: Row) -> None:
        """Money for an order that was mistyped: the owner is found, the money is reported where it belongs."""
        self._town.met["money found its order"] += 1
        order_id = item["order_id"].removesuffix("-X")
        if "payment_captured" in item["reason"]:
            for payment_id, amount_minor in self._bank.captured.pop(item["order_id"], ()):
                self._town.tell(
                    order_id, "payment_captured", payment_id=payment_id, amount=amount_minor, currency=CURRENCY,
                    source=PAY,
                )  # fmt: skip
        self._resolve(item, "reported where it belongs")

    def _restock(self, item: Row) -> None:
        """Order what it waits for; a part of the orders is given up instead."""
        view = self._town.house.view(item["order_id"])
        missing = [line for line in view["lines"] if line["units"]["backordered"]]
        if not missing:
            self._resolve(item, "it has what it waited for")
        elif self._town.dice.chance(30, "give up", item["order_id"]):
            lines = [{"line_id": line["line_id"], "qty": line["units"]["backordered"]} for line in missing]
            self._resolve(item, "not to be had", {"type": "cancel", "lines": lines})
        else:
            for line in missing:
                self._warehouses.fetch(line["sku"], line["units"]["backordered"])
            self._snooze(item, DAY_MS)

    def _send(self, item: Row) -> None:
        view = self._town.house.view(item["order_id"])
        self._warehouses.see({"order_id": item["order_id"], "state": view["state"], "version": view["version"]})
        self._snooze(item, DAY_MS)

    def _ask_carrier(self, item: Row) -> None:
        """Lost ones are reported as lost, late ones are waited for."""
        view = self._town.house.view(item["order_id"])
        lost = [
            {"type": "lose", "shipment_id": shipment["shipment_id"]}
            for shipment in view["shipments"]
            if shipment["status"] == "shipped" and self._haulage.fates.get(shipment["shipment_id"]) == "lost"
        ]
        if lost:
            self._resolve(item, "the carrier cannot find it", *lost)
        else:
            self._snooze(item, 2 * DAY_MS)
