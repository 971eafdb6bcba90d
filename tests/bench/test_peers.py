"""Peers do the job that ``bench/peers/job.py`` describes, answer for answer; a peer that is absent is skipped.

Stock is so scarce here that every rule is met: a second choice of node, a backorder, a repeat, an unknown SKU.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from bench.harness.workload import Workload
from bench.peers import comparison, job, router_peer
from bench.peers.job import Answer, Audit, Outcome, PeerAbsent, Status, WrongPeer, check, decide_in_turn
from bench.peers.postgres import Postgres
from bench.peers.redis_peer import Redis
from bench.peers.shop import Fee, Orders, Shop, make_shop, read_orders
from bench.peers.sqlite_peer import SqliteService

ORDERS = 900


def scarce(shop: Shop) -> Shop:
    """One unit at the first two nodes, three at the last, none between."""
    on_hand = np.zeros_like(shop.on_hand)
    on_hand[:, :2], on_hand[:, -1] = 1, 3
    return dataclasses.replace(shop, on_hand=on_hand)


@pytest.fixture(scope="module")
def shop() -> Shop:
    return scarce(make_shop(Workload(), ORDERS))


@pytest.fixture(scope="module")
def orders() -> Orders:
    """Of the everyday mix, with one SKU that the catalogue does not have (as number and in the document)."""
    made = read_orders(Workload(), ORDERS)
    at = 17
    line = int(made.offset[at])
    made.documents[at] = made.documents[at].replace(f"S{made.sku[line]:05d}".encode(), b"X-unknown")
    made.sku[line] = -1
    return made


@pytest.fixture(scope="module")
def expected(shop: Shop, orders: Orders) -> list[Answer]:
    return decide_in_turn(shop, orders)


@pytest.fixture(scope="module", params=[Postgres, Redis, SqliteService], ids=["postgresql", "redis", "sqlite"])
def peer(request: pytest.FixtureRequest) -> Iterator[Any]:
    try:
        running = request.param()
    except PeerAbsent as reason:
        pytest.skip(str(reason))
    with running:
        yield running


def ways_of(peer: Any) -> list[Callable[[Any, Orders], Outcome]]:
    return [way.run for made, ways in comparison.PEERS.values() if made is type(peer) for way in ways]


def test_the_cases_meet_every_rule(expected: list[Answer]) -> None:
    met = Counter((Status(answer.status), answer.duplicate) for answer in expected)
    assert met[Status.REJECTED, False] == 1
    assert min(met[Status.ALLOCATED, False], met[Status.BACKORDERED, False]) > 20
    assert met[Status.ALLOCATED, True] + met[Status.BACKORDERED, True] > 0
    assert len({answer.node for answer in expected}) > 2, "no order had to go to its second choice"


def test_totals_of_columns_are_those_of_single_orders(shop: Shop, orders: Orders, expected: list[Answer]) -> None:
    assert job.totals_minor(shop, orders).tolist() == [answer.total_minor for answer in expected]


def test_a_total_by_hand(shop: Shop) -> None:
    """One class taxed on top at 7.25 %, halves up; 2,400 g by standard: 395 and 60 for each of three kilograms."""
    area = int(np.flatnonzero(shop.inclusive == 0)[0])
    priced = dataclasses.replace(
        shop,
        price_minor=np.full((3, 1), 1_000, np.int64),
        weight_g=np.array([1_200]),
        tax_class=np.array([0]),
        tax_bp=np.full((6, 2), 725, np.int64),
        fees=(Fee(2_000, 395, 395, 60), Fee(1_000, 895, 895, 140)),
    )
    one = Orders(
        ids=["a"],
        documents=[b"{}"],
        area=np.array([area]),
        currency=np.array([0]),
        express=np.array([0]),
        offset=np.array([0, 1]),
        sku=np.array([0]),
        qty=np.array([2]),
        merged=np.array([False]),
    )
    assert job.total_minor(priced, one, 0) == 2_000 + 145 + 395 + 3 * 60


def test_a_peer_decides_as_the_job_says(peer: Any, shop: Shop, orders: Orders, expected: list[Answer]) -> None:
    """One connection, in batches of one: the order of arrival is the order of deciding."""
    peer.load(shop)
    if isinstance(peer, Postgres):
        outcome = peer.batched(orders, batch_orders=1, connections=1)
    elif isinstance(peer, Redis):
        outcome = peer.pipelined(orders, connections=1)
    else:
        outcome = peer.one_by_one(orders, connections=1)
    assert [Answer(*answer) for answer in outcome.answers] == expected
    check(shop, orders, outcome, peer.audit())


def test_a_peer_never_oversells_however_it_is_asked(peer: Any, shop: Shop, orders: Orders) -> None:
    for way in ways_of(peer):
        peer.load(shop)
        outcome = way(peer, orders)
        counts = check(shop, orders, outcome, peer.audit())
        assert counts["allocated"] > 20 and counts["backordered"] > 20 and counts["rejected"] == 1


def test_a_peer_knows_its_orders_when_all_are_sent_again(peer: Any, shop: Shop, orders: Orders) -> None:
    for way in ways_of(peer):
        peer.load(shop)
        first, audit = way(peer, orders), peer.audit()
        again = way(peer, orders)
        assert all(answer.duplicate or answer.status == Status.REJECTED for answer in again.answers)
        assert [answer[:3] for answer in again.answers] == [answer[:3] for answer in first.answers]
        after = peer.audit()
        assert (after.stored, after.total_minor) == (audit.stored, audit.total_minor)
        assert (after.available == audit.available).all()


@pytest.fixture
def told(shop: Shop, orders: Orders, expected: list[Answer]) -> tuple[Outcome, Audit]:
    """What a faultless peer would say."""
    kept = [answer for answer in expected if not answer.duplicate and answer.status != Status.REJECTED]
    available = shop.on_hand.copy()
    for row, answer in enumerate(expected):
        if answer.status == Status.ALLOCATED and not answer.duplicate:
            for sku, qty in zip(*orders.lines(row), strict=True):
                available[sku, answer.node] -= qty
    outcome = Outcome(expected, elapsed_s=1.0, waited_ms=np.ones(len(orders)))
    return outcome, Audit(len(kept), sum(answer.total_minor for answer in kept), available)


def test_a_faultless_peer_passes_the_check(shop: Shop, orders: Orders, told: tuple[Outcome, Audit]) -> None:
    assert check(shop, orders, *told)["rejected"] == 1


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (lambda outcome, audit: (dataclasses.replace(outcome, answers=outcome.answers[:-1]), audit), "answers to"),
        (lambda outcome, audit: (outcome, audit._replace(stored=audit.stored - 1)), "stored"),
        (lambda outcome, audit: (outcome, audit._replace(total_minor=audit.total_minor + 1)), "sum to"),
        (lambda outcome, audit: (outcome, audit._replace(available=audit.available - 5)), "Oversold"),
        (lambda outcome, audit: (outcome, audit._replace(available=audit.available + 1)), "cells do not hold"),
    ],
)
def test_a_fast_wrong_answer_is_no_result(
    shop: Shop, orders: Orders, told: tuple[Outcome, Audit], fault: Any, sentence: str
) -> None:
    with pytest.raises(WrongPeer, match=sentence):
        check(shop, orders, *fault(*told))


def test_a_wrong_total_is_named(shop: Shop, orders: Orders, told: tuple[Outcome, Audit]) -> None:
    outcome, audit = told
    answers = list(outcome.answers)
    answers[3] = answers[3]._replace(total_minor=answers[3].total_minor + 1)
    with pytest.raises(WrongPeer, match=orders.ids[3]):
        check(shop, orders, dataclasses.replace(outcome, answers=answers), audit)


def test_a_peer_that_is_not_installed_says_what_to_install() -> None:
    from bench.peers.daemon import find_binary

    with pytest.raises(PeerAbsent, match="apt-get install no-such-package"):
        find_binary("no-such-binary-here", ["usr/bin"], "no-such-package")


@pytest.mark.soak
@pytest.mark.ray
def test_the_router_is_checked_like_its_peers() -> None:
    load = router_peer.Load(orders=1_500, warm_up=500, singles=100, shards=1)
    workload = Workload()
    stream, single = router_peer._measure(workload, make_shop(workload, load.planned), load, "arrow")
    assert (stream["orders"], single["orders"]) == (1_500, 100)
    assert stream["duplicates"] == workload.expected(1_500, load.first)["duplicates"]


def test_a_peer_that_cannot_run_is_left_out_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> None:
        raise PeerAbsent("not here; apt-get install it")

    ways = comparison.PEERS["redis"][1]
    rates = {name: {"orders_per_s": 50} for name in ("router_ndjson", "router_arrow", "router_one_by_one")}
    monkeypatch.setattr(comparison, "PEERS", {"redis": (absent, ways), "sqlite": comparison.PEERS["sqlite"]})
    monkeypatch.setattr(router_peer, "measure", lambda *_: rates)
    result = comparison.run(1_000)
    assert result["skipped"] == {"redis": "not here; apt-get install it"}
    assert list(result["ratio"]) == ["router_one_by_one : sqlite_over_http"]
    assert result["ratio"]["router_one_by_one : sqlite_over_http"] == pytest.approx(
        50 / result["sqlite_over_http"]["orders_per_s"], abs=0.01
    )
