"""The two clients of the benches: what they send, keep and time, against a router that misbehaves when told to."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from http.client import HTTPResponse
from typing import Any

import msgspec
import numpy as np
import pytest

from bench.harness import asking, resending
from bench.harness.answers import Answers
from bench.harness.asking import Load, ask_all, drive, pace, request_bytes
from bench.harness.pieces import make_pieces
from bench.harness.resending import Resending
from bench.harness.streaming import (
    NDJSON,
    ORDER_STREAM,
    Arriving,
    Exchange,
    Piece,
    StreamBroken,
    Way,
    converse,
    exchange,
    framed,
    head_of,
    line_ends,
)
from bench.harness.wires import WIRES, Rows
from bench.harness.workload import Workload
from tests.labs.fake_router import FakeRouter, running

ORDERS = 400
EVENTS = Way("/v1/events", NDJSON, line_ends)


def address(fake: FakeRouter) -> tuple[str, int]:
    parts = urllib.parse.urlsplit(fake.url)
    return str(parts.hostname), int(parts.port or 0)


def orders(stream_format: str) -> list[Piece]:
    return make_pieces(Workload(), stream_format, ORDERS, 0)


# --- streaming -----------------------------------------------------------------------------------


@pytest.mark.parametrize("stream_format", ["ndjson", "arrow"])
def test_a_stream_times_and_counts_every_answer(stream_format: str) -> None:
    pieces = orders(stream_format)
    assert sum(piece.rows for piece in pieces) == ORDERS
    with running(FakeRouter()) as fake:
        told = exchange(address(fake), "k", ORDER_STREAM[stream_format], pieces)
    answers = Answers()
    answers.add(stream_format, told.body)
    assert answers.count == told.answered()[-1] == ORDERS
    assert answers.duplicates == Workload().expected(ORDERS)["duplicates"]
    assert answers.total_minor == 100 * ORDERS
    waited_ms = told.latencies_ms(pieces)
    assert len(waited_ms) == len(pieces) and 0 <= waited_ms.min() <= told.elapsed_s * 1000
    assert told.arrived_bytes[-1] == len(told.body) and (np.diff(told.arrived_bytes) >= 0).all()


def test_both_media_types_give_the_same_checksum() -> None:
    checksums = set()
    for stream_format, way in ORDER_STREAM.items():
        with running(FakeRouter()) as fake:
            told = exchange(address(fake), "k", way, orders(stream_format))
        answers = Answers()
        answers.add(stream_format, told.body)
        checksums.add(answers.checksum)
    assert len(checksums) == 1


def test_a_stream_that_breaks_off_is_no_result() -> None:
    with running(FakeRouter(break_after=[5])) as fake, pytest.raises(StreamBroken, match="broke|reset"):
        exchange(address(fake), "k", ORDER_STREAM["ndjson"], orders("ndjson"))
    with running(FakeRouter(refuse_with=[503])) as fake, pytest.raises(StreamBroken, match="503"):
        exchange(address(fake), "k", ORDER_STREAM["ndjson"], orders("ndjson"))


def test_rows_of_another_kind_go_another_way() -> None:
    """Events, whose answer has a length instead of chunks."""
    events = [b'{"event_id":"e-%d"}\n' % number for number in range(50)]
    with running(FakeRouter()) as fake:
        told = exchange(address(fake), "k", EVENTS, [Piece(event, 1) for event in events])
    assert [json.loads(line)["event_id"] for line in told.body.splitlines()] == [f"e-{n}" for n in range(50)]
    assert told.answered()[-1] == 50 and len(told.latencies_ms([Piece(event, 1) for event in events])) == 50


def test_a_stream_ends_before_the_piece_that_is_not_to_go() -> None:
    """With what closes its body; pieces that were sent are timed."""
    pieces, left = [Piece(b'{"event_id":"e-%d"}\n' % number, 1) for number in range(9)], iter([True, False])
    way = EVENTS._replace(end=b'{"event_id":"end"}\n')
    with running(FakeRouter()) as fake:
        told = exchange(address(fake), "k", way, pieces, lambda: next(left))
    assert [json.loads(line)["event_id"] for line in told.body.splitlines()] == ["e-0", "e-1", "end"]
    assert len(told.latencies_ms(pieces[:2])) == 2


Read = Callable[[Arriving, socket.socket], object]


def answered(read: Read, *parts: bytes) -> Exchange:
    """What an answer comes to that arrives in these parts."""
    arriving = Arriving(100)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with server.accept()[0] as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # so that each part travels alone
                connection.recv(4_096)
                for part in parts:
                    connection.sendall(part)
                    time.sleep(0.02)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4_096):
                    pass

        threading.Thread(target=answer, daemon=True).start()
        where = server.getsockname()
        talk = converse(where, head_of(where, "k", EVENTS.path, EVENTS.media_type), [], lambda c: read(arriving, c))
    return Exchange.of(EVENTS, talk, arriving)


def test_an_answer_that_is_cut_off_is_no_result_however_it_is_read() -> None:
    parts = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b"{}\n{}\n"
    with pytest.raises(StreamBroken, match="6 of 9 bytes"):
        answered(Arriving.read, *parts)
    with pytest.raises(StreamBroken, match="IncompleteRead"):
        answered(lambda arriving, connection: arriving.follow(HTTPResponse.read, connection), *parts)


def test_rows_are_complete_with_their_last_byte_and_a_reader_may_stop_before_the_end() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    parts = b"3\r\n{}", b"\n\r\n6\r\n{}\n{", b"}\n\r\n", b"0\r\n\r\n"
    first_line: Read = lambda arriving, connection: arriving.follow(HTTPResponse.readline, connection)  # noqa: E731
    for read in (Arriving.read, first_line):
        told = answered(read, head, *parts)
        assert told.body == b"{}\n{}\n{}\n" and told.answered().tolist() == [0, 0, 2, 3, 3]


def test_pieces_that_come_when_they_are_due_are_answered_meanwhile_and_kept() -> None:
    """What a client sees that looks at answers while they arrive, and what is kept, are the same bytes."""
    pieces, arriving, way = orders("ndjson")[0].body.splitlines(keepends=True), Arriving(0), ORDER_STREAM["ndjson"]
    seen: list[bytes] = []

    def one_by_one() -> Iterator[bytes]:
        for number, line in enumerate(pieces):
            until_s = time.monotonic() + 10
            while number >= 10 and not seen and time.monotonic() < until_s:
                time.sleep(0.001)
            yield framed(line)

    with running(FakeRouter()) as fake:
        head = head_of(address(fake), "k", way.path, way.media_type)
        talk = converse(address(fake), head, one_by_one(), lambda c: arriving.follow(seen.extend, c))
    told = Exchange.of(way, talk, arriving)
    assert b"".join(seen) == told.body and len(seen) == len(talk.sent_s) == ORDERS
    assert told.arrived_s[0] < talk.sent_s[10], "the eleventh order waited for the first answer"


def test_a_reader_that_fails_ends_the_stream_and_is_told() -> None:
    def read(_: socket.socket) -> None:
        raise ValueError("no")

    with running(FakeRouter()) as fake:
        endless = iter(lambda: framed(b"{}\n" * 1_000), None)
        talk = converse(address(fake), head_of(address(fake), "k", "/v1/orders/stream", NDJSON), endless, read)
    assert isinstance(talk.fault, ValueError)


# --- going on --------------------------------------------------------------------------------------


class Ack(msgspec.Struct):
    order_id: str
    duplicate: bool


class Heard(list[Ack]):
    """A caller of ``Resending`` that takes note of everything."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals: list[int] = []

    def hear(self, answers: list[Ack]) -> int:
        self.extend(answers)
        return len(answers)

    def refused(self, status: int, _: bytes) -> None:
        self.refusals.append(status)


def rows_of(stream_format: str, size: int = 40) -> Iterator[Rows]:
    if stream_format == "arrow":
        for batch in Workload().arrow(ORDERS):
            yield from (batch.slice(start, size) for start in range(0, ORDERS, size))
        return
    lines = b"".join(Workload().ndjson(ORDERS)).splitlines(keepends=True)
    yield from (lines[start : start + size] for start in range(0, ORDERS, size))


def sending(fake: FakeRouter, stream_format: str, source: Iterator[Rows], heard: Any) -> Resending:
    way = ORDER_STREAM[stream_format]
    return Resending(address(fake), "k", way.path, lambda: WIRES[stream_format](Ack), source, heard.hear, heard.refused)


@pytest.mark.parametrize("stream_format", ["ndjson", "arrow"])
def test_every_row_is_answered_once_over_connections_that_break(stream_format: str) -> None:
    heard = Heard()
    with running(FakeRouter(refuse_with=[503], break_after=[45, 10, 0], swallow=3)) as fake:
        client = sending(fake, stream_format, rows_of(stream_format), heard)
        client.run()
    sent = [row["order_id"] for batch in Workload().arrow(ORDERS) for row in batch.select(["order_id"]).to_pylist()]
    assert [ack.order_id for ack in heard] == sent, "each once, in order"
    assert client.answered == ORDERS and client.taken == client.whole == 10 and heard.refusals == [503]
    assert client.streams == 5 and client.cut in (3, 4), "the refusal may come before anything was sent"
    again = Workload().expected(ORDERS)["duplicates"] + 4 + 4
    assert sum(ack.duplicate for ack in heard) == again, "what was applied and not answered was sent again"


def test_a_client_that_shall_stop_waits_for_its_answers() -> None:
    heard = Heard()
    lines = next(rows_of("ndjson"))
    with running(FakeRouter()) as fake:
        client = sending(fake, "ndjson", iter(lambda: lines, None), heard)
        runs = threading.Thread(target=client.run)
        runs.start()
        while client.answered < 1_000:
            time.sleep(0.001)
        client.finish()
        runs.join(10)
    assert not runs.is_alive() and len(heard) == client.answered == 40 * client.taken


def test_what_the_caller_does_not_take_ends_the_run() -> None:
    class Strict(Heard):
        def refused(self, status: int, _: bytes) -> None:
            raise StreamBroken(f"answered {status}")

        def hear(self, answers: list[Ack]) -> int:
            raise KeyError("unexpected")

    with running(FakeRouter(refuse_with=[401])) as fake:
        with pytest.raises(StreamBroken, match="401"):
            sending(fake, "ndjson", rows_of("ndjson"), Strict()).run()
        with pytest.raises(KeyError, match="unexpected"):
            sending(fake, "ndjson", rows_of("ndjson"), Strict()).run()


def test_a_router_that_stays_away_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resending, "SILENCE_S_MAX", 0.3)
    with running(FakeRouter()) as fake:
        client = sending(fake, "ndjson", rows_of("ndjson"), Heard())
    with pytest.raises(StreamBroken, match="no answer"):
        client.run()


# --- asking ----------------------------------------------------------------------------------------


def puts(fake: FakeRouter, count: int) -> list[bytes]:
    """Each of another length, so that the router's side can tell them apart."""
    return [request_bytes("PUT", "/v1/tables/skus", address(fake), "k", b"{}\n" * n) for n in range(1, count + 1)]


def test_the_closed_loop_sends_every_request_once() -> None:
    load = Load()
    with running(FakeRouter()) as fake:
        load.elapsed_s = drive(address(fake), iter(puts(fake, 50)), 4, load.note, seconds_max=20)
        assert sorted(len(body) for _, _, body in fake.puts) == [3 * n for n in range(1, 51)]
    assert load.statuses == {200: 50} and len(load.waited_ms) == 50 and load.requests_per_s > 0
    assert b"version" in load.first_body


def test_the_closed_loop_ends_when_its_time_is_used_up() -> None:
    load = Load()
    with running(FakeRouter(put_takes_s=0.01)) as fake:
        endless = iter(lambda: puts(fake, 1)[0], None)
        load.elapsed_s = drive(address(fake), endless, 4, load.note, seconds_max=0.3)
    assert 0.3 <= load.elapsed_s < 1 and 4 <= load.statuses[200] <= 120


def test_the_open_loop_sends_when_due_and_counts_the_wait_for_a_free_connection() -> None:
    load, crowded, due_s = Load(), Load(), [0.01 * n for n in range(40)]
    with running(FakeRouter()) as fake:
        load.elapsed_s = pace(address(fake), puts(fake, 40), due_s, 4, load.note)
        assert sorted(len(body) for _, _, body in fake.puts) == [3 * n for n in range(1, 41)]
        fake.put_takes_s = 0.02
        crowded.elapsed_s = pace(address(fake), puts(fake, 40), due_s, 1, crowded.note)
    assert load.statuses == {200: 40} and 0.39 <= load.elapsed_s < 2, "40 requests at 100 a second"
    assert crowded.elapsed_s >= 40 * 0.02, "one connection, one request at a time"
    assert np.median(crowded.waited_ms) > 100, "the request behind nineteen others waited for all of them"


def test_the_open_loop_begins_at_a_moment_and_leaves_out_what_is_too_late() -> None:
    noted: dict[int, float] = {}
    with running(FakeRouter(put_takes_s=0.05)) as fake:
        began_s = time.perf_counter()
        at_s = began_s + 0.2
        pace(
            address(fake), puts(fake, 20), [0.0] * 20, 1, lambda number, ms, *_: noted.update({number: ms}), at_s, 0.22
        )
        assert time.perf_counter() - began_s >= 0.4
    assert 1 < len(noted) <= 5 and list(noted) == list(range(len(noted))), "one connection takes five in 0.22 s"
    assert noted[1] > noted[0] >= 50, "all were due at the beginning"


def test_all_are_asked_and_replies_keep_the_order_of_requests() -> None:
    with running(FakeRouter()) as fake:
        events = [b'{"event_id":"e-%d"}\n' % number for number in range(30)]
        where = address(fake)
        asked = ask_all(where, [request_bytes("POST", "/v1/events", where, "k", event, NDJSON) for event in events], 4)
    assert [json.loads(reply.body)["event_id"] for reply in asked.replies] == [f"e-{n}" for n in range(30)]
    assert (asked.waited_ms > 0).all() and asked.elapsed_s > 0


def test_a_server_that_hangs_up_or_says_nothing_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "ANSWER_S_MAX", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        where, taken = server.getsockname(), []
        request = request_bytes("GET", "/", where, "k")

        def hang_up() -> None:
            with server.accept()[0] as connection:
                connection.recv(100)
            taken.append(server.accept()[0])

        threading.Thread(target=hang_up, daemon=True).start()
        with pytest.raises(ConnectionError):
            ask_all(where, [request], 1)
        with pytest.raises(TimeoutError, match="no answer"):
            ask_all(where, [request], 1)


def test_what_a_note_raises_ends_the_run() -> None:
    def note(*_: object) -> None:
        raise KeyError("wrong answer")

    with running(FakeRouter()) as fake, pytest.raises(KeyError, match="wrong answer"):
        drive(address(fake), puts(fake, 3), 1, note)
