"""What events do to an order's books: one literal row an event; all else is derived from it.

    units     an event takes units of one tier of classes before those of the next, to its target
    late      further stages whose units may still lack the report: it is filled in, not counted twice
    done      where units lie when the report is a mere repetition
    money     see kernels/life/pay.py

The table for people in docs/life.md is compared with this one by a test.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.life import layout
from router.life.event_types import OrderEvent
from router.life.states import ACCEPTED, PACK_SEEN, PICK_SEEN, SENT, SHIP_SEEN, Stage

E, U = OrderEvent, Stage
INSPECT = layout.CLASS_INSPECT  # units that came back and await inspection; beside the stages
Classes = tuple[int, ...]


@dataclass(frozen=True)
class Rule:
    """How one event is judged."""

    kind: int  # kernels/life/layout.py KIND_*
    target: Stage = U.BACKORDERED
    seen: int = 0  # bit of the stage byte's detail
    tiers: tuple[Classes, ...] = ()
    first_only: bool = False
    far: int = layout.TIERS  # tiers from here on are not meant by a report without lines where units are done already
    late: Classes = ()
    done: Classes = ()
    assigns: int = 0
    filters: bool = False
    when_closed: bool = False


_BACK: Classes = (U.RETURNED, INSPECT)
_UNSHIPPED: Classes = (U.ALLOCATED, U.PICKED, U.PACKED)
_PICKED: Classes = (U.PICKED, U.PACKED, U.SHIPPED, U.DELIVERED, U.LOST, *_BACK)  # what a node picked it had been sent


def _money(kind: int) -> Rule:
    return Rule(kind, when_closed=True)


def _ask(*classes: int) -> Rule:
    return Rule(layout.KIND_ASK, tiers=(classes,), filters=True)


RULES: dict[OrderEvent, Rule] = {
    E.PICK: Rule(
        layout.KIND_UNITS, U.PICKED, PICK_SEEN, ((U.ALLOCATED,),), late=(U.PACKED, U.SHIPPED, U.DELIVERED, U.LOST),
        done=_PICKED, assigns=1, filters=True,
    ),
    E.PACK: Rule(
        layout.KIND_UNITS, U.PACKED, PACK_SEEN, ((U.PICKED,), (U.ALLOCATED,)), late=(U.SHIPPED, U.DELIVERED, U.LOST),
        done=(U.PACKED, U.SHIPPED, U.DELIVERED, U.LOST, *_BACK), assigns=1, filters=True,
    ),
    E.SHIP: Rule(
        layout.KIND_UNITS, U.SHIPPED, SHIP_SEEN, ((U.PACKED,), (U.PICKED,), (U.ALLOCATED,)),
        late=(U.DELIVERED, U.LOST), done=(U.SHIPPED, U.DELIVERED, U.LOST, *_BACK), assigns=2, filters=True,
    ),
    E.DELIVER: Rule(  # found after all; or delivered before anybody said that it left
        layout.KIND_UNITS, U.DELIVERED, 0, ((U.SHIPPED,), (U.LOST,), _UNSHIPPED), first_only=True,
        far=1, done=(U.DELIVERED, *_BACK), filters=True,
    ),
    E.LOSE: Rule(layout.KIND_UNITS, U.LOST, 0, ((U.SHIPPED,),), done=(U.LOST,), filters=True),
    E.RETURN: Rule(
        layout.KIND_RETURN, U.RETURNED, 0, ((INSPECT,), (U.DELIVERED, U.SHIPPED), (U.LOST,)), first_only=True,
        far=2, done=_BACK, filters=True, when_closed=True,
    ),
    E.CANCEL: Rule(
        layout.KIND_UNITS, U.CANCELLED, 0, ((U.BACKORDERED,), (U.HELD, U.ALLOCATED), (U.PICKED, U.PACKED)),
        done=(U.CANCELLED,), filters=True,
    ),
    E.HOLD: Rule(layout.KIND_HOLD, U.HELD, 0, ((U.ALLOCATED,),)),
    E.RELEASE: Rule(layout.KIND_RELEASE, U.ALLOCATED, 0, ((U.HELD,),)),
    **dict.fromkeys(
        (E.REVIEW_REJECT, E.EXPIRE),
        Rule(
            layout.KIND_REJECT, U.CANCELLED, 0, ((U.BACKORDERED,), (U.HELD, U.ALLOCATED)), done=(U.CANCELLED,)
        ),
    ),
    E.CLOSE: Rule(layout.KIND_CLOSE),
    E.SEND_TO_NODE: Rule(layout.KIND_MARK, U.ALLOCATED, SENT, ((U.ALLOCATED,),), done=_PICKED, filters=True),
    E.ACCEPT: Rule(layout.KIND_MARK, U.ALLOCATED, ACCEPTED, ((U.ALLOCATED,),), done=_PICKED, filters=True),
    E.SHORT_PICK: _ask(U.ALLOCATED, U.PICKED),
    E.REFUSE: _ask(U.ALLOCATED),
    E.MOVE: _ask(U.ALLOCATED),
    E.REVERSE: Rule(layout.KIND_ASK),
    E.NOTE: Rule(layout.KIND_REMARK, when_closed=True),
    E.SCAN: Rule(layout.KIND_REMARK, filters=True, when_closed=True),
    E.PAYMENT_AUTHORIZED: _money(layout.KIND_AUTHORIZE),
    E.PAYMENT_CAPTURED: _money(layout.KIND_CAPTURE),
    E.PAYMENT_FAILED: _money(layout.KIND_FAIL),
    E.PAYMENT_VOIDED: _money(layout.KIND_VOID),
    E.PAYMENT_REFUNDED: _money(layout.KIND_REFUND),
    E.REFUND_REQUESTED: _money(layout.KIND_REQUEST),
    E.REFUND_FAILED: _money(layout.KIND_REQUEST_FAILED),
    E.WRITE_OFF: _money(layout.KIND_WRITE_OFF),
    E.CREDIT: _money(layout.KIND_CREDIT),
}  # fmt: skip


@functools.cache
def rule_table() -> npt.NDArray[Any]:
    """RULES as the kernels take them, by number of the event. Read-only."""
    table = np.zeros(max(E) + 1, layout.RULE)
    table["kind"] = layout.KIND_NONE
    for event, rule in RULES.items():
        row = table[event]
        for name in ("kind", "target", "seen", "first_only", "far", "assigns", "filters", "when_closed"):
            row[name] = int(getattr(rule, name))
        row["tiers"][: len(rule.tiers)] = [_bits(tier) for tier in rule.tiers]
        row["late"], row["done"] = _bits(rule.late), _bits(rule.done)
    table.flags.writeable = False
    return table


def _bits(classes: Classes) -> int:
    return sum(1 << number for number in classes)
