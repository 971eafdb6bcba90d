"""What is said of units when a report is late, comes again, or is about units that are on hold."""

from __future__ import annotations

import pytest

from router.life.event_types import OrderEvent
from router.life.states import Disposition
from tests.kernels.test_life_parcels import an_order, lines, tell

E = OrderEvent
ALL = [{}, {"lines": lines(None)}, {"lines": lines(2)}]
HOLD = (E.HOLD, {"hold": "H"})


@pytest.mark.parametrize("event", [E.PICK, E.PACK, E.SHIP])
@pytest.mark.parametrize("named", [*ALL, {"shipment": "P"}, {"shipment": "P", "lines": lines(None)}])
def test_a_report_of_units_on_hold_is_refused_for_the_hold(event, named):
    pair = an_order((event, {"lines": lines(1), "shipment": "P"}), HOLD)
    [verdict] = tell(pair, (event, named))
    assert (verdict.refusal, verdict.found) == ("ON_HOLD_NOW", 2)
    assert [one.result for one in tell(pair, (E.RELEASE, {}), (event, named))] == ["applied", "applied"]


@pytest.mark.parametrize("named", ALL)
def test_an_order_that_is_all_on_hold_says_so(named):
    [verdict] = tell(an_order(HOLD), (E.PICK, named))
    assert (verdict.refusal, verdict.found) == ("ON_HOLD_NOW", 3)


def test_a_hold_is_no_reason_where_there_were_not_as_many_without_it():
    pair = an_order((E.PICK, {"lines": lines(1)}), HOLD)
    assert tell(pair, (E.PICK, {"lines": lines(3)}))[0].refusal == "NOT_ENOUGH"


def test_a_hold_does_not_stop_what_was_picked_and_a_second_delivery_says_nothing_new():
    pair = an_order((E.PICK, {"lines": lines(1)}), HOLD, (E.SHIP, {}), (E.DELIVER, {}))
    assert tell(pair, (E.DELIVER, {}))[0].result == "repeated"


@pytest.mark.parametrize("event", [E.PICK, E.PACK, E.SHIP, E.DELIVER])
def test_a_late_report_with_a_number_of_units_is_answered_as_one_without(event):
    pair = an_order(*((kind, {}) for kind in (E.PICK, E.PACK, E.SHIP, E.DELIVER)))
    verdicts = tell(pair, *((event, {"lines": lines(units)}) for units in (None, 1, 3, 4)))
    assert [verdict.result for verdict in verdicts] == ["repeated"] * 3 + ["refused"]
    assert (verdicts[-1].refusal, verdicts[-1].wanted, verdicts[-1].found) == ("NOT_ENOUGH", 4, 0)


def test_a_report_of_more_units_than_are_left_is_refused():
    pair = an_order((E.PICK, {"lines": lines(2)}))
    [verdict] = tell(pair, (E.PICK, {"lines": lines(2)}))
    assert (verdict.refusal, verdict.found) == ("NOT_ENOUGH", 1)


def test_a_cancel_of_units_is_for_others_each_time():
    pair = an_order((E.SHIP, {"lines": lines(2)}), (E.CANCEL, {"lines": lines(1)}))
    assert tell(pair, (E.CANCEL, {"lines": lines(1)}))[0].refusal == "NOT_ENOUGH"


def test_a_delivery_of_what_is_under_way_leaves_what_is_lost_until_it_is_named():
    pair = an_order((E.SHIP, {"lines": lines(1), "shipment": "P"}), (E.LOSE, {}), (E.SHIP, {"shipment": "Q"}))
    told = [{}, {}, {"shipment": "P"}]
    assert [one.result for one in tell(pair, *((E.DELIVER, more) for more in told))] == [
        "applied",
        "repeated",
        "applied",
    ]


def test_what_awaits_inspection_is_what_a_return_with_an_outcome_is_about():
    pair = an_order((E.SHIP, {}), (E.RETURN, {"lines": lines(1)}))
    [verdict] = tell(pair, (E.RETURN, {"disposition": Disposition.RESTOCK}))
    assert [row[8] for row in verdict.moves.units] == [1]
