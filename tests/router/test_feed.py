"""The feed: every change once, in order, from any cursor, an even share of every shard; and the stream on top of it."""

from __future__ import annotations

import json
import operator
import random
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from router.feed.changes import ChangeReader
from router.feed.columns import COLUMNS, schema_of
from router.feed.feed import Feed
from router.feed.lag import Lag, lag_of
from router.log.cursor import CursorError, cursor_text
from router.queries import ChangeFilter, Follower, end_cursor, stream
from router.queries.change_lines import COLUMNS as LINE_COLUMNS
from router.queries.change_lines import change_events
from router.queries.sight import Sight
from tests.labs.feed_rows import rows_of
from tests.labs.feed_world import FeedWorld, any_story, order
from tests.labs.large_log import large_log

Row = dict[str, Any]
INSIDE, OUTSIDE = Sight(internal=True), Sight(internal=False)


def follower(sources: list[Any], cursor: str | None = None, sight: Sight = INSIDE, **wanted: set[str]) -> Follower:
    values = {name: frozenset(value) for name, value in wanted.items()}
    return Follower(ChangeReader(sources, LINE_COLUMNS), sources, cursor, ChangeFilter(**values), sight)


def drained(follower: Follower, limit: int = 1000) -> list[Row]:
    rows: list[Row] = []
    while True:
        page = follower.page(limit)
        assert page.rows <= limit and page.rows == page.text.count(b"\n")
        rows += map(json.loads, page.text.splitlines())
        if page.is_last:
            return rows


class Expected:
    """What the row-wise stream gave."""

    def __init__(self, sources: list[Any]) -> None:
        self.of_shard = [rows_of(source) for source in sources]
        self._places = {
            (row["order_id"], row["version"]): (shard, number)
            for shard, rows in enumerate(self.of_shard)
            for number, row in enumerate(rows)
        }

    def assert_follows(self, rows: list[Row], cursor: str | None = None) -> None:
        """These are all changes behind a cursor; in each shard in their order, each with the cursor behind itself."""
        next_row = [0] * len(self.of_shard) if cursor is None else self.taken(cursor)
        for row in rows:
            shard, number = self._places[row["order_id"], row["version"]]
            assert number == next_row[shard]
            next_row[shard] += 1
            wanted = dict(self.of_shard[shard][number])
            sequence, at = wanted.pop("place")
            assert row["cursor"].split(",")[shard] == f"{shard}:{sequence}.{at + 1}"
            assert self.taken(row["cursor"]) == next_row
            assert {name: value for name, value in row.items() if name != "cursor"} == wanted
        assert next_row == [len(shard) for shard in self.of_shard]

    def taken(self, cursor: str) -> list[int]:
        """Rows of each shard before a cursor."""
        places = [tuple(map(int, entry.partition(":")[2].split("."))) for entry in cursor.split(",")]
        return [sum(row["place"] < place for row in rows) for rows, place in zip(self.of_shard, places, strict=True)]


def told(seed: int, shards: int = 2, steps: int = 12) -> FeedWorld:
    world = FeedWorld(shards)
    any_story(world, random.Random(seed), steps)
    return world


@pytest.mark.parametrize("seed", range(32))
def test_the_feed_gives_what_the_row_wise_stream_gave_at_any_page_size(seed: int) -> None:
    sources = told(seed, shards=1 + seed % 4).sources
    expected = Expected(sources)
    for limit in (1, 2, 3, 7, 50, 1000):
        expected.assert_follows(drained(follower(sources), limit))


@pytest.mark.parametrize("seed", range(6))
def test_the_stream_resumes_exactly_behind_any_row(seed: int) -> None:
    sources = told(seed, shards=3, steps=6).sources
    expected = Expected(sources)
    for row in drained(follower(sources), 5):
        expected.assert_follows(drained(follower(sources, row["cursor"]), 4), row["cursor"])


def test_stories_have_every_kind_of_change_and_of_field() -> None:
    """Else the two tests above prove less than they seem to."""
    rows = [row for seed in range(32) for row in drained(follower(told(seed, 1 + seed % 4).sources))]
    assert {"order", "grant", "ship", "note", "scan", "short_pick", "payment_captured"} <= {row["type"] for row in rows}
    fields = {name for row in rows for name in row.get("payload", {})}
    assert {"lines", "note", "text", "public", "amount", "eta", "cartons", "source", "carrier", "disposition"} <= fields
    assert {row["seller"] is None for row in rows} == {True, False} and any(row["reasons"] for row in rows)


def test_the_old_lines_stand_at_the_beginning_of_the_new_ones() -> None:
    """Programs that look for a text instead of reading JSON see what they saw."""
    world = FeedWorld(1)
    world.stock(A=5)
    world.orders(order("a"))
    line = follower(world.sources).page(1).text.decode()
    assert line.startswith(
        '{"order_id":"a","version":1,"type":"order","status":"allocated","state":"allocated",'
        '"payment_state":"unpaid","reasons":[],"at":"2025-11-21T21:00:00.014Z","cursor":"0:1.1",'
    )


def test_an_acknowledgements_cursor_stands_behind_its_order_and_at_the_beginning_of_other_shards() -> None:
    sources = told(3, shards=2).sources
    behind = Expected(sources)
    rows = drained(follower(sources, "1:2:0"))
    places = [(1, 0), (2, 1)]
    behind.assert_follows(rows, cursor_text(places))


def test_a_shard_with_a_million_rows_keeps_no_other_one_waiting() -> None:
    """The idle shard's row is the newest of all, and it is in the first turn."""
    world = FeedWorld(1)
    world.stock(A=5)
    world.orders(order("idle"))
    sources = [large_log(rows=1 << 20, now_ms=1), *world.sources]
    feed = Feed(ChangeReader(sources, ("order_id",)))
    first = [part.changes for part in feed.turn(rows_max=10_000)]
    assert [part.shard for part in first] == [0, 1]
    assert first[1].batch.column("order_id").to_pylist() == ["idle"]
    assert sum(part.count for part in first) <= 10_000
    page = follower(sources).page(100)
    assert "idle" in [json.loads(line)["order_id"] for line in page.text.splitlines()[:51]]


def test_shards_with_news_share_a_turn_evenly() -> None:
    sources = [large_log(rows=50_000), large_log(rows=50_000), large_log(rows=100), large_log(rows=0)]
    feed = Feed(ChangeReader(sources, ("hash_lo",)))
    taken = [0] * 4
    for part in feed.turn(rows_max=30_000):
        taken[part.changes.shard] += part.changes.count
    assert taken == [10_000, 10_000, 100, 0]


def test_a_turn_too_small_for_all_begins_with_who_waits_longest() -> None:
    """A client that asks for one row at a time, each time anew, starves no shard either."""
    sources = [large_log(rows=10, now_ms=30), large_log(rows=10, now_ms=10), large_log(rows=10, now_ms=20)]
    (part,) = Feed(ChangeReader(sources, ("order_id",))).turn(rows_max=1)
    assert (part.changes.shard, part.changes.count) == (1, 1)
    feed = Feed(ChangeReader(sources, ("order_id",)), part.cursor)
    assert [part.changes.shard for part in feed.turn(rows_max=2)] == [1, 2]


def test_a_turn_is_bounded_by_bytes_too_and_gives_a_row_at_least() -> None:
    feed = Feed(ChangeReader([large_log(rows=40_000)], ("order_id", "hash_lo", "hash_hi")))
    (part,) = feed.turn(rows_max=1 << 20, bytes_max=100_000)
    assert 1_000 < part.changes.count < 4_000 and part.changes.batch.nbytes <= 110_000
    (part,) = feed.turn(rows_max=1 << 20, bytes_max=1)
    assert part.changes.count == 1


def once() -> Callable[[], bool]:
    """There is time for one piece."""
    answers = iter((True,))
    return lambda: next(answers, False)


def test_a_turn_ends_when_its_time_is_over_and_the_next_begins_with_whom_it_left_out() -> None:
    """However much older the rows of another shard are; first comes who waits longest."""
    sources = [large_log(rows=300, now_ms=now_ms, record_rows=1) for now_ms in (10, 30, 20)]
    feed = Feed(ChangeReader(sources, ("order_id",)))
    taken = [[part.changes.shard for part in feed.turn(goes_on=once())] for _ in range(6)]
    assert taken == [[0], [2], [1]] * 2
    before = feed.places
    assert list(feed.turn(goes_on=lambda: False)) == [] and feed.places == before


@pytest.mark.parametrize("wanted", [{}, {"channel": {"web"}}, {"order_id": {"nobody"}}])
def test_pages_cut_by_time_show_the_same(wanted: dict[str, set[str]]) -> None:
    world = FeedWorld(3)
    any_story(world, random.Random(5), steps=60)
    cut, pages, rows = follower(world.sources, **wanted), 0, list[Row]()
    while not (page := cut.page(50, once())).is_last:
        rows += map(json.loads, page.text.splitlines())
        pages += 1
    rows += map(json.loads, page.text.splitlines())
    key = operator.itemgetter("order_id", "version")
    whole = drained(follower(world.sources, **wanted))
    assert sorted(map(key, rows)) == sorted(map(key, whole)) and pages > 2
    if not wanted:
        Expected(world.sources).assert_follows(rows)


def test_who_stops_in_the_middle_of_a_turn_goes_on_there() -> None:
    sources = [large_log(rows=100), large_log(rows=100)]
    reader = ChangeReader(sources, ("order_id",))
    feed, seen = Feed(reader), []
    while feed.has_news:
        for part in feed.turn(rows_max=40):
            changes = part.changes.slice(0, 7)
            feed.stop_behind(changes)
            seen += [(changes.shard, text) for text in changes.batch.column("order_id").to_pylist()]
            assert Feed(reader, feed.cursor).places == feed.places
            break
    assert sorted(seen) == sorted((shard, f"large-{row:07d}") for shard in (0, 1) for row in range(100))


def test_the_feed_goes_on_with_what_is_written_later() -> None:
    world = FeedWorld(1)
    world.stock(A=9)
    world.orders(order("a"))
    rows, cursor = stream(None, world.sources, 10)
    assert [row["order_id"] for row in rows] == ["a"] and cursor == end_cursor(world.sources) == "0:2.0"
    assert stream(cursor, world.sources, 10) == ([], cursor)
    world.events({"event_id": "e", "order_id": "a", "type": "pick"})
    rows, cursor = stream(cursor, world.sources, 10)
    assert [(row["version"], row["type"], row["state"]) for row in rows] == [(2, "pick", "picking")]


@pytest.mark.parametrize(
    "text",
    ["", "0", "0:1", "0:1.", "0:1.0,", "1:1.0,0:1.0", "0:1.0", "0:1.0,1:1.0,2:1.0", "0:01.0,1:1.0", " 0:1.0,1:1.0",
     "0:1.0,1:1.65537", "0:-1.0,1:1.0", "0:1.0,1:9999999999999999999.0", "0:1.0,1:1.0\n", "0:1.0,1:١.0", "x" * 10_000,
     "0:1.0,1:9.0", "2:1:0"],
)  # fmt: skip
def test_a_cursor_that_was_not_given_out_is_refused_in_words(text: str) -> None:
    with pytest.raises(CursorError, match="cursor") as refusal:
        Feed(ChangeReader(FeedWorld(2).sources, ("order_id",)), text)
    assert len(str(refusal.value)) < 200


def test_records_without_a_change_and_without_an_outcome_are_passed_over() -> None:
    world = FeedWorld(1)
    world.orders(order("a"))
    for number in range(300):
        world.events({"event_id": f"e{number}", "order_id": "nobody", "type": "pick"})
    world.orders(order("b"))
    del world.sources[0]._records[200, 1]  # the outcome of one of them
    assert [row["order_id"] for row in drained(follower(world.sources))] == ["a", "b"]


def test_events_of_records_from_before_this_form_show_what_they_have() -> None:
    """Old folders are read through real processes in test_old_folders.py; here columns that are not there are."""
    batch = pa.RecordBatch.from_pylist([], schema_of(COLUMNS))
    assert batch.num_rows == 0 and batch.schema.metadata == {b"feed": b"1"}


def grown() -> FeedWorld:
    """a and b of web, c of shop for a seller; a and c shipped with remarks."""
    world = FeedWorld(2)
    world.stock(A=9)
    world.orders(order("a"), order("b"), order("c", channel="shop", seller="zoe"))
    world.events(
        {"event_id": "e1", "order_id": "a", "type": "ship", "carrier": "dhl", "tracking_number": "T1", "source": "wms"},
        {"event_id": "e2", "order_id": "c", "type": "hold", "hold": "fraud", "note": "looks odd"},
        {"event_id": "e3", "order_id": "c", "type": "note", "text": "call her", "public": False},
        {"event_id": "e4", "order_id": "c", "type": "note", "text": "thank you", "public": True},
        {"event_id": "e5", "order_id": "a", "type": "scan", "tracking_number": "T1", "text": "left with neighbour"},
    )
    return world


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"channel": {"shop"}}, {("c", 1), ("c", 2), ("c", 3), ("c", 4)}),
        ({"seller": {"zoe"}}, {("c", 1), ("c", 2), ("c", 3), ("c", 4)}),
        ({"seller": {"nobody"}}, set()),
        ({"order_id": {"a", "b"}}, {("a", 1), ("a", 2), ("a", 3), ("b", 1)}),
        ({"type": {"order"}}, {("a", 1), ("b", 1), ("c", 1)}),
        ({"type": {"ship", "hold"}}, {("a", 2), ("c", 2)}),
        ({"state": {"held"}}, {("c", 2), ("c", 3), ("c", 4)}),
        ({"state": {"held"}, "type": {"note"}, "channel": {"shop", "web"}}, {("c", 3), ("c", 4)}),
        ({"state": {"shipped"}, "channel": {"shop"}}, set()),
    ],
)
def test_filters_leave_what_matches_all_of_them(wanted: dict[str, set[str]], found: set[tuple[str, int]]) -> None:
    sources = grown().sources
    for limit in (1, 2, 100):
        rows = drained(follower(sources, **wanted), limit)
        assert {(row["order_id"], row["version"]) for row in rows} == found and len(rows) == len(found)


def test_a_page_says_how_far_it_looked_though_nothing_matched() -> None:
    sources = [large_log(rows=100_000)]
    watched = follower(sources, order_id={"large-0099999"})
    page = watched.page(10)
    assert (page.rows, page.is_last) == (0, False) and page.cursor != "0:1.0"
    assert [row["order_id"] for row in drained(follower(sources, page.cursor, order_id={"large-0099999"}))] == [
        "large-0099999"
    ]


def test_what_people_wrote_inside_the_house_stays_there() -> None:
    sources = grown().sources
    inside = {row["version"]: row["payload"] for row in drained(follower(sources, order_id={"c"}))[1:]}
    assert (inside[2]["note"], inside[3]["text"], inside[4]["text"]) == ("looks odd", "call her", "thank you")
    outside = drained(follower(sources, sight=OUTSIDE))
    told = [
        (name, text) for row in outside for name, text in row.get("payload", {}).items() if name in ("note", "text")
    ]
    assert told == [("text", "thank you")]


def test_words_that_were_erased_are_gone_at_once() -> None:
    world = FeedWorld(1)
    world.orders(order("a"))
    world.events({"event_id": "e", "order_id": "a", "type": "note", "text": "gone", "public": True})
    reader = ChangeReader(world.sources, LINE_COLUMNS)

    def shown() -> Row:
        one = Follower(reader, world.sources, None, ChangeFilter(type=frozenset({"note"})), INSIDE)
        payload: Row = drained(one)[0]["payload"]
        return payload

    assert shown()["text"] == "gone"
    assert world.sources[0].erase_document(2, 0)
    assert "text" not in shown()


def test_a_column_named_note_in_an_orders_document_is_not_taken_for_a_remark() -> None:
    world = FeedWorld(1)
    world.orders(order("a", note="of the customer"))
    assert "customer" not in json.dumps(drained(follower(world.sources)))


def test_an_sse_stream_has_the_same_lines_with_their_cursors_as_ids() -> None:
    sources = told(5).sources
    lines = drained(follower(sources))
    events = Follower(ChangeReader(sources, LINE_COLUMNS), sources, None, ChangeFilter(), INSIDE, change_events)
    blocks = events.page(1000).text.decode().split("\n\n")[:-1]
    assert [block.split("\ndata: ")[0] for block in blocks] == [f"id: {row['cursor']}" for row in lines]
    assert [json.loads(block.split("\ndata: ")[1]) for block in blocks] == lines


def test_lag_counts_rows_and_the_time_of_who_waits_longest() -> None:
    sources = [large_log(rows=40_000, now_ms=5_000), large_log(rows=10, now_ms=2_000)]
    feed = Feed(ChangeReader(sources, ("hash_lo",)))
    assert lag_of(feed.places, sources, 9_000) == Lag(40_010, 7_000)
    list(feed.turn(rows_max=200))
    assert lag_of(feed.places, sources, 9_000) == Lag(39_900, 4_000)
    while feed.has_news:
        list(feed.turn())
    assert lag_of(feed.places, sources, 9_000) == Lag(0, 0)
    assert lag_of([(3, 7_232), (1, 10)], sources, 9_000) == Lag(0, 0)  # behind the last row, as a row's cursor says it


def test_lag_is_estimated_where_many_records_are_behind() -> None:
    source = large_log(rows=3_000, record_rows=3)
    assert lag_of([(1, 0)], [source], 1_500) == Lag(3_000, 500)
    assert lag_of([(11, 1)], [source], 1_500).rows == pytest.approx(2_969, abs=10)


def test_a_head_that_cannot_be_read_counts_nothing() -> None:
    source = large_log(rows=3, record_rows=3)
    raw = source._records[1, 1]
    for damaged in (b"", raw[:50], raw[:100], raw[:80] + bytes(len(raw) - 80)):
        source._records[1, 1] = damaged
        assert lag_of([(1, 0)], [source], 5_000).rows == 0


def test_readers_of_the_same_columns_share_what_was_decoded() -> None:
    reads = []

    class Counting:
        def __init__(self, source: Any) -> None:
            self.last_sequence = source.last_sequence
            self._source = source

        def read(self, sequence: int, part: int) -> Any:
            reads.append((sequence, part))
            return self._source.read(sequence, part)

    reader = ChangeReader([Counting(large_log(rows=40_000))], ("hash_lo",))
    for _ in range(5):
        feed = Feed(reader)
        while feed.has_news:
            list(feed.turn(rows_max=1_000))
    assert len(reads) == len(set(reads)) == 6


def test_columns_of_every_kind_of_record_are_there() -> None:
    world = grown()
    world.stock(B=0)
    world.orders(order("late", lines=[{"sku": "B", "qty": 2}]))
    world.stock(B=5)
    feed = Feed(ChangeReader(world.sources, tuple(COLUMNS)))
    rows = [row for part in feed.turn() for row in part.changes.batch.to_pylist()]
    by_change = {(row["order_id"], row["version"]): row for row in rows}
    new, shipped, granted = by_change["c", 1], by_change["a", 2], by_change["late", 2]
    assert (new["event"], new["status"], new["total_minor"], new["order_lines"][0]["qty"]) == (-1, 0, 1740, 1)
    assert new["decided_lines"][0]["allocations"][0]["qty"] == 1 and new["amount_minor"] == -1
    assert (shipped["carrier"], shipped["status"], shipped["whole"], shipped["channel"]) == ("dhl", -1, 1, "web")
    assert shipped["order"] == by_change["a", 1]["reference"] and shipped["placed_at_ms"] == -1
    assert granted["event"] == 32 and sum(row["qty"] for row in granted["granted_units"]) == 2
    assert granted["units"] or granted["whole"]
