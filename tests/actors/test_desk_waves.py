"""Waves of a desk over a small router's logs: what waits, what is in a wave, what the books are told, step by step."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, select

from actors.store.data_folder import now_ms
from actors.store.desk import to_pick
from actors.store.desk.schema import TO_PICK
from router.tables.row_types import BinRow
from router.warehouse.bins import Bins
from router.warehouse.cartons import Carton, Unit
from router.warehouse.reports import BinAsked, WaveList, WaveReport
from router.warehouse.wave import Reported, WaveAsked
from router.work.item import WorkRefused
from tests.labs.desk_lab import DeskLab, Row
from tests.labs.feed_world import NODES, FeedWorld, order

BINS = [("A", "far", "cold", 90), ("A", "near", "dry", 10), ("B", "mid", "dry", 40)]


@pytest.fixture
def desk(tmp_path: pathlib.Path) -> Iterator[DeskLab]:
    world = FeedWorld(shards=2)
    world.stock(A=50, B=50)
    made = DeskLab(tmp_path / "desk", world, nodes=NODES)
    made.bins = Bins(
        BinRow(node=node, sku=sku, bin=name, zone=zone, walk=walk) for node in NODES for sku, name, zone, walk in BINS
    )
    made.begin()
    yield made
    made.database.close()


def placed(desk: DeskLab, *order_ids: str, node: str = "N1", **qty: int) -> None:
    """Orders whose lines L0, L1 … come from one node; "" = whichever is cheapest."""
    skus = qty or {"A": 2}
    lines = [
        {"line_id": f"L{number}", "sku": sku, "qty": units} | ({"node": node} if node else {})
        for number, (sku, units) in enumerate(skus.items())
    ]
    desk.world.orders(*(order(order_id, lines=lines) for order_id in order_ids))
    desk.read()


def make(desk: DeskLab, key: str = "k", **asked: Any) -> Row:
    wanted = WaveAsked(
        node=asked.pop("node", "N1"), zone=asked.pop("zone", ""), carrier=asked.pop("carrier", ""),
        due_before_ms=asked.pop("due_before_ms", 0), orders_max=asked.pop("orders_max", 50),
        lines_max=asked.pop("lines_max", 500), caller="ada", key=key, digest=str(asked), now_ms=now_ms(),
    )  # fmt: skip
    return dict(msgspec.json.decode(desk.waves.make(wanted)))


def report(desk: DeskLab, wave: Row, what: Any, *lines: tuple[Any, ...], key: str = "", reason: str = "") -> Row:
    said = tuple(Reported(*line) for line in lines)
    given = WaveReport(wave["wave_id"], what, said, reason, "ada", key, "d", now_ms())
    return dict(msgspec.json.decode(desk.waves.report(given)))


def seen(desk: DeskLab, wave: Row) -> Row:
    return dict(msgspec.json.decode(desk.waves.one(wave["wave_id"])))


def listed(desk: DeskLab, wave: Row) -> Row:
    return dict(msgspec.json.decode(desk.waves.pick_list(wave["wave_id"])))


def waiting(desk: DeskLab, node: str = "N1") -> int:
    """Orders that wait in no wave."""
    page = msgspec.json.decode(desk.waves.list(WaveList(node, (), "", 10)))
    return sum(row["orders"] for row in page["waiting"])


def figures(wave: Row) -> list[tuple[str, str, int, int, int, int]]:
    names = ("left", "picked", "short", "dropped")
    return [
        (each["order_id"], line["line_id"], *(line[name] for name in names))
        for each in wave["orders"]
        for line in each["lines"]
    ]  # fmt: skip


def told(desk: DeskLab, rounds: int = 5) -> None:
    """Letters are sent and what they changed is read, until nothing is left to do."""
    for _ in range(rounds):
        sent = desk.sender.send()
        desk.read()
        if not sent:
            return


def units_of(desk: DeskLab, order_id: str) -> Row:
    [answer] = desk.world.events(
        {"event_id": f"look-{desk.world.now_ms}", "order_id": order_id, "type": "close"}
    )  # refused while anything is under way, with what the books hold
    return dict(answer["units"])


def test_what_waits_becomes_a_wave_in_walking_order_and_is_picked(desk: DeskLab) -> None:
    placed(desk, "a", "b", A=2, B=1)
    assert (waiting(desk), waiting(desk, "N2")) == (2, 0)
    wave = make(desk)
    assert waiting(desk) == 0 and [each["tote"] for each in wave["orders"]] == [1, 2]
    assert [(stop["bin"], stop["sku"], stop["qty"]) for stop in listed(desk, wave)["stops"]] == [
        ("near", "A", 4), ("mid", "B", 2),
    ]  # fmt: skip
    assert wave["walking"] == {"wave": 80, "one_by_one": 160}
    report(desk, wave, "picked", ("a", "L0", 2), ("a", "L1", 1), ("b", "L0", 1))
    told(desk)
    assert units_of(desk, "a")["picked"] == 3 and units_of(desk, "b")["picked"] == 1
    assert seen(desk, wave)["left"] == 2 and seen(desk, wave)["state"] == "open"
    report(desk, wave, "picked", ("b", "L0", 1), ("b", "L1", 1))
    told(desk)
    assert seen(desk, wave)["state"] == "done" and waiting(desk) == 0
    desk.world.events(*({"event_id": each, "order_id": each, "type": "ship"} for each in "ab"))
    desk.read()
    with desk.database.read() as connection:
        assert to_pick.known(connection) == set()


def test_an_order_that_leaves_while_its_report_is_under_way_leaves_no_row_behind(desk: DeskLab) -> None:
    placed(desk, "a")
    wave = make(desk)
    report(desk, wave, "picked", ("a", "L0", 2))
    desk.world.events({"event_id": "s", "order_id": "a", "type": "ship"})
    desk.read()
    told(desk)
    assert seen(desk, wave)["state"] == "done"
    with desk.database.read() as connection:
        assert to_pick.known(connection) == set()


def test_what_was_picked_by_mistake_waits_again_when_that_is_taken_back(desk: DeskLab) -> None:
    placed(desk, "a")
    for event in ({"event_id": "p", "type": "ship"}, {"event_id": "r", "type": "reverse", "reversed_event_id": "p"}):
        desk.world.events({"order_id": "a", **event})
        desk.read()
        assert waiting(desk) == (event["type"] == "reverse")


def test_a_unit_is_in_one_wave_at_most(desk: DeskLab) -> None:
    placed(desk, "a", "b", "c")
    first, second = make(desk, "1", orders_max=2), make(desk, "2")
    ids = [{each["order_id"] for each in wave["orders"]} for wave in (first, second)]
    assert ids[0] | ids[1] == {"a", "b", "c"} and not ids[0] & ids[1]
    with pytest.raises(WorkRefused, match="Nothing of what waits at 'N1' fits"):
        make(desk, "3")


def test_the_same_request_makes_one_wave_and_reports_once(desk: DeskLab) -> None:
    placed(desk, "a")
    wave = make(desk)
    assert make(desk)["wave_id"] == wave["wave_id"]
    for _ in range(2):
        report(desk, wave, "picked", ("a", "L0", 1), key="r")
    told(desk)
    assert units_of(desk, "a")["picked"] == 1 and len(desk.outbox()) == 1


def test_what_is_not_found_is_planned_anew_and_its_bin_is_blocked(desk: DeskLab) -> None:
    placed(desk, "a", node="")
    node = "N1" if waiting(desk) else "N2"
    placed(desk, "b", node=node)
    wave = make(desk, orders_max=1, node=node)
    report(desk, wave, "short", ("a", "L0", 2), reason="shelf empty")
    told(desk)
    assert figures(seen(desk, wave)) == [("a", "L0", 0, 0, 2, 0)] and seen(desk, wave)["state"] == "done"
    assert waiting(desk, "N2" if node == "N1" else "N1") == 1, "the ledger found them at the other node"
    blocked = msgspec.json.decode(desk.waves.blocked(node))["blocked"]
    assert [(row["bin"], row["reason"], row["blocked_by"]) for row in blocked] == [("near", "shelf empty", "ada")]
    assert [stop["bin"] for stop in listed(desk, make(desk, "2", node=node))["stops"]] == ["far"]


def test_blocked_bins_keep_orders_out_until_they_are_free(desk: DeskLab) -> None:
    placed(desk, "b", B=1)
    desk.waves.bin(BinAsked("N1", "mid", True, "wet", "ada", 1))
    with pytest.raises(WorkRefused, match="1 lie in blocked bins"):
        make(desk)
    desk.waves.bin(BinAsked("N1", "mid", False, "", "ada", 2))
    assert figures(make(desk)) == [("b", "L0", 1, 0, 0, 0)]
    with pytest.raises(WorkRefused, match="not blocked"):
        desk.waves.bin(BinAsked("N1", "mid", False, "", "ada", 3))


@pytest.mark.parametrize(
    ("event", "left"),
    [
        ({"type": "cancel"}, 0),
        ({"type": "cancel", "lines": [{"line_id": "L0", "qty": 1}], "reason": "too many"}, 1),
        ({"type": "hold", "hold": "address"}, 0),
        ({"type": "move", "to_node": "N2"}, 0),
        ({"type": "pick"}, 0),
    ],
)
def test_what_happens_to_an_order_elsewhere_drops_it_out_of_its_wave(desk: DeskLab, event: Row, left: int) -> None:
    placed(desk, "a", "b")
    wave = make(desk)
    desk.world.events({"event_id": "e", "order_id": "a", **event})
    desk.read()
    [a, b] = figures(seen(desk, wave))
    assert a[2:] == (left, 0, 0, 2 - left) and b[2:] == (2, 0, 0, 0)
    [gone] = listed(desk, wave)["dropped"]
    assert gone["order_id"] == "a" and gone["why"].startswith(event["type"])
    if event["type"] == "hold":
        desk.world.events({"event_id": "f", "order_id": "a", "type": "release"})
        desk.read()
        assert figures(make(desk, "again")) == [("a", "L0", 2, 0, 0, 0)]


def test_a_report_that_the_books_refuse_takes_its_units_out_of_the_wave(desk: DeskLab) -> None:
    placed(desk, "a")
    wave = make(desk)
    desk.world.events({"event_id": "e", "order_id": "a", "type": "cancel"})  # not read yet
    report(desk, wave, "picked", ("a", "L0", 2))
    told(desk)
    [(*_, left, picked, short, gone)] = figures(seen(desk, wave))
    assert (left, picked, short, gone) == (0, 0, 0, 2) and seen(desk, wave)["state"] == "done"


SMALL = Carton("S", (200, 150, 100), 900, 40, 30, False)


def test_what_was_picked_is_packed_into_the_cartons_that_were_proposed(desk: DeskLab) -> None:
    desk.cartons, desk.unit_of = [SMALL], lambda sku: Unit(sku, (100, 150, 100), 300)
    desk.begin()
    placed(desk, "a", A=2, B=1)
    wave = make(desk)
    with pytest.raises(WorkRefused, match="nothing in tote 1 waits to be packed"):
        packed(desk, wave)
    report(desk, wave, "picked", ("a", "L0", 2), ("a", "L1", 1))
    slip = msgspec.json.decode(desk.waves.packing(wave["wave_id"], 1))
    assert [(each["carton"], each["weight_g"]) for each in slip["cartons"]] == [("S", 640), ("S", 340)]
    assert (slip["cost"], slip["cost_at_least"], slip["why"]) == (60, 45, None)
    packed(desk, wave)
    told(desk)
    assert units_of(desk, "a")["packed"] == 3
    [pick, pack] = [msgspec.json.decode(row["event"]) for row in desk.outbox()]
    assert (pick["type"], pack["type"], pack["cartons"]) == ("pick", "pack", 2)


def packed(desk: DeskLab, wave: Row, tote: int = 1) -> Row:
    given = WaveReport(wave["wave_id"], "packed", (), "", "ada", "", "d", now_ms(), tote, 2)
    return dict(msgspec.json.decode(desk.waves.report(given)))


def test_of_what_nobody_measured_no_carton_is_proposed_and_it_is_packed_all_the_same(desk: DeskLab) -> None:
    desk.cartons = [SMALL]
    placed(desk, "a")
    wave = make(desk)
    report(desk, wave, "picked", ("a", "L0", 2))
    slip = msgspec.json.decode(desk.waves.packing(wave["wave_id"], 1))
    assert slip["cartons"] is None and slip["not_measured"] == [{"sku": "A", "qty": 2}] and "length_mm" in slip["why"]
    packed(desk, wave)
    told(desk)
    assert units_of(desk, "a")["packed"] == 2


def test_a_release_puts_the_rest_back(desk: DeskLab) -> None:
    placed(desk, "a", "b")
    wave = make(desk)
    report(desk, wave, "picked", ("a", "L0", 1))
    report(desk, wave, "released")
    told(desk)
    assert seen(desk, wave)["state"] == "released"
    again = make(desk, "again")
    assert sorted(figures(again)) == [("a", "L0", 1, 0, 0, 0), ("b", "L0", 2, 0, 0, 0)]
    with pytest.raises(WorkRefused, match="released already"):
        report(desk, wave, "released")


def test_more_than_is_left_and_what_is_not_there_is_refused(desk: DeskLab) -> None:
    placed(desk, "a")
    wave = make(desk)
    for lines, words in (([("a", "L0", 3)], "2 units left"), ([("a", "L9", 1)], "no line 'L9'")):
        with pytest.raises(WorkRefused, match=words):
            report(desk, wave, "picked", *lines)
    assert desk.outbox() == []


def test_waves_are_grouped_by_zone_size_and_deadline(desk: DeskLab) -> None:
    placed(desk, "cold", "dry", A=1)
    placed(desk, "large", A=1, B=1)
    desk.waves.bin(BinAsked("N1", "near", True, "x", "ada", 1))  # A lies in the cold alone
    with pytest.raises(WorkRefused, match="3 are not in zone 'dry'"):
        make(desk, "1", zone="dry")
    wave = make(desk, "2", zone="cold", lines_max=1)
    assert len(wave["orders"]) == 1
    with pytest.raises(WorkRefused, match="Nothing"):
        make(desk, "3", due_before_ms=1)


def test_a_desk_that_reads_bit_by_bit_and_begins_anew_keeps_the_same(desk: DeskLab, tmp_path: pathlib.Path) -> None:
    other = DeskLab(tmp_path / "other", desk.world, nodes=NODES)
    events: Sequence[Row] = [
        {"event_id": "1", "order_id": "a", "type": "hold", "hold": "x"},
        {"event_id": "2", "order_id": "b", "type": "pick", "lines": [{"line_id": "L0", "qty": 1}]},
        {"event_id": "3", "order_id": "c", "type": "move", "to_node": "N2"},
        {"event_id": "4", "order_id": "a", "type": "release"},
        {"event_id": "5", "order_id": "d", "type": "ship"},
    ]
    placed(desk, "a", "b", "c", "d")
    for event in events:
        desk.world.events(event)
        desk.read(1)
        desk.begin()
    other.read()
    with desk.database.read() as one, other.database.read() as two:
        found = [to_pick.first(connection, node, "", 0, 99) for connection in (one, two) for node in NODES]
    assert found[:2] == found[2:] and [len(rows) for rows in found[:2]] == [2, 1]
    other.database.close()


class Died(Exception):
    """As if the process had ended."""


@contextmanager
def dying(desk: DeskLab, after: int) -> Iterator[None]:
    """Dies after so many steps, each before or after a transaction that writes."""
    write, left = desk.database.write, after

    def step() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Died

    @contextmanager
    def counted() -> Iterator[Connection]:
        step()
        with write() as connection:
            yield connection
        step()

    desk.database.write = counted  # type: ignore[method-assign]
    try:
        yield
    finally:
        desk.database.write = write  # type: ignore[method-assign]


def shift(desk: DeskLab) -> None:
    """What a shift does; each request is sent again with its key by whoever heard no answer."""
    wave = make(desk, "wave")
    report(desk, wave, "picked", ("a", "L0", 2), ("b", "L0", 1), key="picked")
    report(desk, wave, "short", ("b", "L0", 1), key="short", reason="empty")
    told(desk)


@pytest.mark.parametrize("after", range(0, 18, 2))
def test_whoever_dies_in_between_each_report_is_booked_once(desk: DeskLab, after: int) -> None:
    placed(desk, "a", "b")
    with contextlib.suppress(Died), dying(desk, after):
        shift(desk)
    desk.begin()
    shift(desk)
    statuses = [row["status"] for row in desk.outbox()]  # duplicate: the shard had it, its answer was not kept
    assert len(statuses) == 3 and set(statuses) <= {"applied", "duplicate"}
    assert units_of(desk, "a")["picked"] == 2 and units_of(desk, "b")["picked"] == 1
    with desk.database.read() as connection:
        rows = connection.execute(select(TO_PICK.c.wave_id, TO_PICK.c.units)).all()
    assert all(not wave_id for wave_id, _ in rows), "no order is left behind in a wave that is done"


def test_a_node_that_is_not_worked_here_is_refused(desk: DeskLab) -> None:
    with pytest.raises(WorkRefused, match="'N9' is not worked here"):
        make(desk, node="N9")
