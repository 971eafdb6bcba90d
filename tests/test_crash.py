"""Nothing that was acknowledged is lost or done twice, whatever is killed while orders stream in.

The small size of ``order-router bench crash``; where every record may be the last one, see tests/test_pipeline.py.
"""

from __future__ import annotations

from typing import Any

import pytest

from bench import crash
from bench.crash import Promises, _Answer

KILLED = ("shard", "ledger", "gateway", "everything")
ORDERS = 40_000


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    return crash.run(len(KILLED), ORDERS, shards=2, kinds=KILLED)


@pytest.mark.ray
def test_every_promise_holds_after_a_kill_of_each_kind(result: dict[str, Any]) -> None:
    assert result["violations"] == []
    assert result["kills"] == dict.fromkeys(KILLED, 1)
    assert (result["lost"], result["duplicated"], result["changed"]) == (0, 0, 0)
    assert result["verify_ok"]


@pytest.mark.ray
def test_the_router_comes_back_by_itself_after_each_kill(result: dict[str, Any]) -> None:
    assert set(result["recovery_s"]) == set(KILLED)
    assert result["streams_cut"] >= 2, "the kills of gateway and everything met no stream under way"


def answer(**changes: Any) -> _Answer:
    given = {"order_id": "o-1", "status": "allocated", "total": 10, "cursor": "0:1:0"} | changes
    return _Answer(**given)


def test_a_promise_kept_is_no_violation() -> None:
    promises = Promises()
    promises.take(answer())
    promises.take(answer(duplicate=True))
    assert promises.violations == [] and promises.known == 1


@pytest.mark.parametrize(
    "second",
    [
        {"duplicate": True, "total": 11},
        {"duplicate": True, "cursor": "0:2:0"},
        {"duplicate": False},
        {"status": "rejected"},
    ],
)
def test_a_broken_promise_is_a_violation(second: dict[str, Any]) -> None:
    promises = Promises()
    promises.take(answer())
    promises.take(answer(**second))
    assert len(promises.violations) == 1


def test_units_that_nobody_was_promised_are_a_violation() -> None:
    promises = Promises()
    promises.take(answer())
    verdict = {"findings": [], "orders": 1, "ledger": {"totals": {"allocated": 1, "held": 0}}}
    assert crash._balance(promises, verdict) == ["the ledger took 1 units, the acknowledgements promise 0"]
