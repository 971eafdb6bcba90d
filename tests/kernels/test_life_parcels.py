"""Which units a named parcel means, and which parcel a scan means."""

from __future__ import annotations

import pytest

from router.life.event_types import OrderEvent
from router.life.states import PaymentState, Stage
from router.log.columns import Status
from tests.labs.life_pair import Pair
from tests.reference.life.events import Event, Named
from tests.reference.life.open import Line, Placed

E, U = OrderEvent, Stage


def placed(qty=3, nodes=(0,)):
    """One line, which each of the nodes has ``qty`` units of."""
    units = qty * len(nodes)
    lines = [Line(100, units, 100 * units, [(100, node, qty) for node in nodes])]
    return Placed(Status.ALLOCATED, PaymentState.PAID, 100 * units, 3, lines, {})


def an_order(*events, **order):
    """A pair with one order that has got these events; they were applied."""
    pair = Pair()
    pair.open([placed(**order)])
    assert [verdict.result for verdict in tell(pair, *events)] == ["applied"] * len(events)
    return pair


def tell(pair, *events):
    """Verdicts of events (type, fields), one after the other."""
    first = len(pair.twin[0].events)
    return pair.judge([(0, Event(kind, f"e{first + at}", **more)) for at, (kind, more) in enumerate(events)])


def lines(qty):
    return (Named("1", 1, qty),)


def where(pair):
    """(parcel, stage) -> units"""
    found = {}
    for heap in pair.twin[0].heaps:
        key = (heap.shipment, heap.stage)
        found[key] = found.get(key, 0) + heap.qty
    return {key: units for key, units in found.items() if units}


@pytest.mark.parametrize("event", [E.PICK, E.PACK, E.SHIP])
@pytest.mark.parametrize("rest", [{}, {"lines": lines(None)}])
def test_the_rest_goes_into_a_parcel_that_is_there(event, rest):
    pair = an_order((event, {"lines": lines(1), "shipment": "P"}))
    [verdict] = tell(pair, (event, {"shipment": "P"} | rest))
    assert verdict.result == "applied" and sum(row[8] for row in verdict.moves.units) == 2
    stage = {E.PICK: U.PICKED, E.PACK: U.PACKED, E.SHIP: U.SHIPPED}[event]
    assert where(pair) == {(1, stage): 3}
    assert tell(pair, (event, {"shipment": "P"} | rest))[0].result == "repeated"


def test_what_lies_in_the_parcel_goes_first():
    pair = an_order((E.PACK, {"lines": lines(1), "shipment": "P"}), (E.SHIP, {"shipment": "P"}))
    assert where(pair) == {(1, U.SHIPPED): 1, (0, U.ALLOCATED): 2}


def test_what_lies_in_another_parcel_stays_there():
    pair = an_order(*((E.PACK, {"lines": lines(units), "shipment": name}) for units, name in ((1, "P"), (2, "Q"))))
    tell(pair, (E.SHIP, {"shipment": "P"}))
    assert tell(pair, (E.SHIP, {"shipment": "P"}))[0].result == "repeated"
    assert where(pair) == {(1, U.SHIPPED): 1, (2, U.PACKED): 2}


def test_a_late_report_of_a_parcel_is_filled_in_before_the_rest_goes_into_it():
    pair = an_order((E.SHIP, {"lines": lines(1), "shipment": "P"}), (E.PACK, {"shipment": "P"}))
    assert where(pair) == {(1, U.SHIPPED): 1, (0, U.ALLOCATED): 2}


def two_parcels():
    shipped = [(E.SHIP, {"lines": lines(1), "shipment": f"P{at}", "tracking": f"T{at}"}) for at in (1, 2)]
    return an_order(*shipped)


def test_a_scan_of_two_parcels_at_once_is_refused():
    pair = two_parcels()
    scans = [{"shipment": "P1", "tracking": "T2"}, {}, {"shipment": "P1", "tracking": "T1"}, {"tracking": "T2"}]
    verdicts = tell(pair, *((E.SCAN, scan) for scan in scans))
    assert [verdict.refusal for verdict in verdicts] == ["NAMES_DIFFER", "WHICH_PARCEL", "", ""]


def test_a_scan_with_a_number_that_nobody_has_is_of_the_parcel_that_it_names():
    assert tell(two_parcels(), (E.SCAN, {"shipment": "P1", "tracking": "T9"}))[0].result == "applied"
