"""Order streams on real sockets: both directions at once, order of answers, bounds, and every way to end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import pathlib
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pyarrow as pa
import pytest
import requests

from actors.gateway.core import core, decide
from actors.gateway.core.backend import ShardUnavailable
from actors.gateway.core.problems import Problem
from actors.gateway.endpoints.ingest import BodyStream
from actors.gateway.endpoints.order_stream import OrderTraffic
from actors.gateway.http.routes import ARROW
from router.wire.batch import WireBatch
from tests.actors.test_gateway_http import NDJSON, Lab, start
from tests.labs.event_cases import plain_event
from tests.labs.gateway_backend import order
from tests.labs.gateway_lab import connect
from tests.labs.gateway_streams import SentBody, Starter, starting
from tests.labs.serve_fixture import until
from tests.labs.wire_cases import rows_to_arrow, stream


@pytest.fixture
def starter(tmp_path: pathlib.Path) -> Iterator[Starter]:
    with starting(tmp_path) as begin:
        yield begin


class Stream(SentBody):
    """A raw order stream."""

    def __init__(self, lab: Lab, receive_buffer: int = 0) -> None:
        super().__init__(lab, "channel", "/v1/orders/stream", "application/x-ndjson", receive_buffer)

    def answers(self) -> list[dict[str, Any]]:
        status, headers, body = self.answer()
        assert (status, headers["content-type"]) == (200, "application/x-ndjson")
        return [json.loads(line) for line in body.splitlines()]


def ids(answers: list[dict[str, Any]]) -> list[str]:
    return [answer["order_id"] for answer in answers]


def test_an_order_is_answered_while_the_body_is_still_open(starter: Starter) -> None:
    stream = Stream(starter())
    stream.read_until(b"\r\n\r\n")  # the head comes before anything was sent
    for number in range(5):
        stream.send(order(f"o{number}") + b"\n")
        stream.read_until(f'"o{number}"'.encode())
    stream.finish()
    assert ids(stream.answers()) == [f"o{number}" for number in range(5)]


def test_a_client_that_writes_everything_before_it_reads_gets_every_answer(starter: Starter) -> None:
    lab = starter(answers_memory_bytes=10_000, batch_bytes_max=200_000)
    stream = Stream(lab, receive_buffer=1 << 16)
    wanted = [f"o{number}" for number in range(40_000)]
    for first in range(0, len(wanted), 1000):
        stream.send(b"".join(order(one) + b"\n" for one in wanted[first : first + 1000]))
    stream.finish()
    assert ids(stream.answers()) == wanted


def test_the_requests_library_does_not_deadlock(starter: Starter) -> None:
    lab = starter()
    body = b"".join(order(f"o{number}") + b"\n" for number in range(20_000))
    headers = {"Authorization": f"Bearer {lab.keys['channel']}", "Content-Type": "application/x-ndjson"}
    answer = requests.post(f"http://127.0.0.1:{lab.port}/v1/orders/stream", data=body, headers=headers, timeout=60)
    assert len(answer.content.splitlines()) == 20_000


def test_answers_keep_the_order_of_arrival_when_batches_finish_out_of_order(starter: Starter) -> None:
    lab = starter(shards=3, gateway_stream_batches=8, batch_rows_max=16)
    draw = random.Random(5)

    async def delay(shard: int, batch_id: tuple[int, int]) -> None:
        await asyncio.sleep(draw.random() * 0.02)

    lab.backend.before = delay
    stream = Stream(lab)
    wanted = [f"o{number}" for number in range(1000)]
    for first in range(0, len(wanted), 50):
        stream.send(b"".join(order(one) + b"\n" for one in wanted[first : first + 50]))
    stream.finish()
    answers = stream.answers()
    assert ids(answers) == wanted
    assert {answer["cursor"].split(":")[0] for answer in answers} == {"0", "1", "2"}


def test_lines_that_are_no_orders_are_answered_in_their_place(starter: Starter) -> None:
    lines = [order(f"o{number}") for number in range(100)]
    lines[70] = b'{"order_id": "o70", "lines": ['
    lines[80] = b"\xff\xfe"
    stream = Stream(starter(shards=2))
    stream.send(b"\n".join(lines))  # the last line needs no newline
    stream.finish()
    answers = stream.answers()
    assert len(answers) == 100
    assert (answers[70]["status"], answers[70]["line"]) == ("rejected", 71)
    assert (answers[80]["status"], answers[80]["line"]) == ("rejected", 81)
    assert [answer["order_id"] for answer in answers[:70]] == [f"o{number}" for number in range(70)]


def test_one_line_larger_than_the_limit_is_refused_and_the_next_goes_on(starter: Starter) -> None:
    stream = Stream(starter(line_bytes_max=10_000, batch_bytes_max=50_000))
    stream.send(order("a") + b"\n")
    for _ in range(100):
        stream.send(b"x" * 10_000)
    stream.send(b"\n" + order("b") + b"\n")
    stream.finish()
    answers = stream.answers()
    assert [answer["status"] for answer in answers] == ["allocated", "rejected", "allocated"]
    assert answers[1]["line"] == 2


def test_reading_stops_when_the_window_is_full(starter: Starter) -> None:
    lab = starter(gateway_stream_batches=2, batch_bytes_max=50_000)
    gate = threading.Event()

    async def hold(shard: int, batch_id: tuple[int, int]) -> None:
        while not gate.is_set():
            await asyncio.sleep(0.002)

    lab.backend.before = hold
    stream = Stream(lab)
    stream.socket.settimeout(0.5)
    body = b"".join(order(f"o{number}") + b"\n" for number in range(200_000))
    with pytest.raises(TimeoutError):  # far more than socket buffers, inbox and window hold together
        stream.send(body)
    until(lambda: len(lab.backend.batches) == 2, "the window is full")
    time.sleep(0.3)  # a third would have come by now
    assert len(lab.backend.batches) == 2
    gate.set()
    stream.socket.close()


def test_orders_that_trickle_in_gather_instead_of_queueing_as_small_batches(starter: Starter) -> None:
    lab = starter(gateway_stream_batches=6)
    gate = threading.Event()

    async def hold(shard: int, batch_id: tuple[int, int]) -> None:
        while not gate.is_set():
            await asyncio.sleep(0.002)

    lab.backend.before = hold
    stream = Stream(lab)
    for number in range(12):
        stream.send(order(f"o{number}") + b"\n")
        time.sleep(0.02)
    assert len(lab.backend.batches) == 2
    gate.set()
    stream.finish()
    assert ids(stream.answers()) == [f"o{number}" for number in range(12)]
    assert 3 <= len(lab.backend.batches) <= 4, "what had gathered was decided together"


def test_a_client_that_ends_its_body_and_shuts_down_gets_all_answers(starter: Starter) -> None:
    stream = Stream(starter())
    stream.send(b"".join(order(f"o{number}") + b"\n" for number in range(3000)))
    stream.finish()
    stream.socket.shutdown(socket.SHUT_WR)
    assert ids(stream.answers()) == [f"o{number}" for number in range(3000)]


def test_a_body_cut_off_has_its_whole_orders_answered_and_then_the_problem(starter: Starter) -> None:
    stream = Stream(starter())
    stream.send(order("a") + b"\n" + order("b") + b"\n" + order("c")[:50])
    stream.socket.shutdown(socket.SHUT_WR)
    answers = stream.answers()
    assert ids(answers[:2]) == ["a", "b"] and len(answers) == 3
    assert (answers[2]["status"], answers[2]["code"]) == ("error", "body_truncated")


def test_broken_chunk_framing_ends_the_stream_with_a_problem(starter: Starter) -> None:
    stream = Stream(starter())
    stream.send(order("a") + b"\n")
    stream.read_until(b'"a"')
    stream.socket.sendall(b"zz\r\n")
    answers = stream.answers()
    assert answers[-1]["code"] == "body_truncated"


def test_a_body_that_falls_silent_is_ended(starter: Starter) -> None:
    stream = Stream(starter(body_idle_timeout_ms=300))
    stream.send(order("a") + b"\n")
    began = time.monotonic()
    answers = stream.answers()
    assert [answers[0]["order_id"], answers[1]["code"]] == ["a", "body_timeout"]
    assert 0.2 < time.monotonic() - began < 3
    assert stream.socket.recv(10) == b"", "the connection is closed"


def test_orders_in_flight_are_finished_when_the_client_goes_away(starter: Starter) -> None:
    lab = starter()
    gate = threading.Event()

    async def hold(shard: int, batch_id: tuple[int, int]) -> None:
        while not gate.is_set():
            await asyncio.sleep(0.002)

    lab.backend.before = hold
    stream = Stream(lab)
    stream.send(order("a") + b"\n")
    while not lab.backend.batches:
        time.sleep(0.005)
    stream.socket.close()
    time.sleep(0.1)
    gate.set()
    deadline = time.monotonic() + 5
    while lab.core.streams and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "a" in lab.backend.seen and not lab.core.streams
    assert [line for line in lab.log if line["level"] == "error"] == [], "nothing to complain about"


def test_one_stream_too_many_is_429(starter: Starter) -> None:
    lab = starter(streams_max=1)
    first = Stream(lab)
    first.read_until(b"\r\n\r\n")
    problem = lab.problem("POST", "/v1/orders/stream", order("a"), **NDJSON)
    assert (problem["status"], problem["code"], problem["retry_after"]) == (429, "streams_limit", "1")
    first.finish()
    assert first.answers() == []
    time.sleep(0.05)
    assert lab.ask("POST", "/v1/orders/stream", order("a"), **NDJSON)[0] == 200


@pytest.mark.parametrize("form", ["ndjson", "arrow"])
def test_batches_of_orders_are_smaller_while_events_come(starter: Starter, form: str) -> None:
    """An event waits until the batch of orders before it is through."""
    lab = starter(batch_rows_max=64, batch_rows_beside_events=16)
    rows = [order(f"o{number}") for number in range(128)]
    body = b"\n".join([*rows, b""]) if form == "ndjson" else stream(rows_to_arrow([json.loads(row) for row in rows]))
    given = {"Content_Type": "application/x-ndjson" if form == "ndjson" else ARROW}
    assert lab.ask("POST", "/v1/orders/stream", body, **given)[0] == 200
    assert [count for _, _, count in lab.backend.batches] == [64, 64]
    assert lab.ask("POST", "/v1/events", json.dumps(plain_event(1)).encode(), role="service", **NDJSON)[0] == 200
    lab.backend.batches.clear()
    assert lab.ask("POST", "/v1/orders/stream", body, **given)[0] == 200
    assert [count for _, _, count in lab.backend.batches] == [16] * 8


def test_a_shard_that_restarts_in_the_middle_of_a_stream_is_waited_for(starter: Starter) -> None:
    lab = starter(batch_rows_max=100)
    failing = iter([False, True, True, True])

    async def fail(shard: int, batch_id: tuple[int, int]) -> None:
        if next(failing, False):
            raise ShardUnavailable("restarting", 10)

    lab.backend.before = fail
    stream = Stream(lab)
    stream.send(b"".join(order(f"o{number}") + b"\n" for number in range(1000)))
    stream.finish()
    answers = stream.answers()
    assert ids(answers) == [f"o{number}" for number in range(1000)]
    assert not any(answer["duplicate"] for answer in answers), "a batch sent again is the same batch"


def test_a_shard_that_stays_away_ends_the_stream_after_the_answers_before(
    starter: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.gateway.core.lanes.RETRY_DEADLINE_S", 0.2)
    lab = starter(batch_rows_max=10)

    async def fail(shard: int, batch_id: tuple[int, int]) -> None:
        if batch_id[1] > 2:
            raise ShardUnavailable("gone", 10)

    lab.backend.before = fail
    stream = Stream(lab)
    stream.send(b"".join(order(f"o{number}") + b"\n" for number in range(100)))
    answers = stream.answers()
    assert ids(answers[:-1]) == [f"o{number}" for number in range(20)]
    assert (answers[-1]["status"], answers[-1]["code"]) == ("error", "shard_unavailable")
    assert answers[-1]["http_status"] == 503


def test_answers_that_nobody_reads_end_the_stream_at_the_bound(
    starter: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_up = threading.Event()
    give_up = BodyStream._give_up

    def gives_up(self: BodyStream[Any, Any], problem: Problem) -> None:
        give_up(self, problem)
        given_up.set()

    monkeypatch.setattr(BodyStream, "_give_up", gives_up)
    stream = Stream(starter(answers_memory_bytes=1000, answers_bytes_max=20_000, batch_rows_max=50), 4096)
    stream.socket.settimeout(0.3)
    orders = b"".join(order(f"o{number}") + b"\n" for number in range(1000))
    with contextlib.suppress(TimeoutError):  # the gateway reads no further
        while not given_up.is_set():
            stream.send(orders)
    assert given_up.wait(10)
    stream.socket.settimeout(10)  # and waits longer for a reader than it lingers for one who only sends
    answers = stream.answers()
    assert (answers[-1]["status"], answers[-1]["code"]) == ("error", "answers_not_read")


def test_lines_of_nothing_are_answered_before_many_more_are_read(
    starter: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three bytes are a refusal with a sentence: what was decoded and waits is bounded by that, not by the body."""
    packed, waiting = [0], list[int]()
    pack, encode = OrderTraffic.pack, OrderTraffic.encode

    def packs(self: OrderTraffic, wire: WireBatch) -> Any:
        packed[0] += 1
        waiting.append(packed[0])
        return pack(self, wire)

    def encodes(self: OrderTraffic, *batch: Any) -> Any:
        packed[0] -= 1
        return encode(self, *batch)

    monkeypatch.setattr(OrderTraffic, "pack", packs)
    monkeypatch.setattr(OrderTraffic, "encode", encodes)
    stream = Stream(starter(body_bytes_max=1 << 20, batch_rows_max=500))
    stream.send(b"{}\n" * 50_000)
    stream.finish()
    assert len(stream.answers()) == 50_000
    assert max(waiting) < 25, "a hundred batches came at once"


def test_a_client_that_neither_sends_nor_reads_is_cut_off(starter: Starter) -> None:
    lab = starter(body_idle_timeout_ms=300, answers_memory_bytes=1000)
    stream = Stream(lab, receive_buffer=4096)
    stream.send(b"".join(order(f"o{number}") + b"\n" for number in range(30_000)))
    stream.finish()
    deadline = time.monotonic() + 5
    while not lab.core.streams and time.monotonic() < deadline:
        time.sleep(0.01)
    while lab.core.streams and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not lab.core.streams


def test_draining_ends_an_open_stream_with_a_problem_after_its_answers(tmp_path: pathlib.Path) -> None:
    lab = start(tmp_path)
    stream = Stream(lab)
    stream.send(order("a") + b"\n")
    stream.read_until(b'"a"')
    done = asyncio.run_coroutine_threadsafe(lab.service.drain(patience_s=0.2), lab.thread.loop)
    answers = stream.answers()
    assert (answers[-1]["code"], answers[-1]["status"]) == ("shutting_down", "error")
    done.result(10)
    with pytest.raises(ConnectionRefusedError):
        connect(lab.port)
    lab.thread.close()


def test_draining_waits_for_a_stream_that_ends_by_itself(tmp_path: pathlib.Path) -> None:
    lab = start(tmp_path)
    stream = Stream(lab)
    stream.send(order("a") + b"\n")
    stream.read_until(b'"a"')
    done = asyncio.run_coroutine_threadsafe(lab.service.drain(patience_s=5), lab.thread.loop)
    time.sleep(0.1)
    stream.send(order("b") + b"\n")
    stream.finish()
    assert ids(stream.answers()) == ["a", "b"]
    done.result(10)
    lab.thread.close()


# --- Arrow ----------------------------------------------------------------------------------------------


def arrow_batch(order_ids: list[str]) -> pa.RecordBatch:
    count = len(order_ids)
    line = pa.struct([("sku", pa.string()), ("qty", pa.int32()), ("unit_price", pa.int64())])
    columns: dict[str, Any] = {
        "order_id": order_ids,
        "channel": ["web"] * count,
        "placed_at": pa.array([1_772_366_400_000] * count, pa.timestamp("ms", "UTC")),
        "currency": ["EUR"] * count,
        "customer_id": ["c"] * count,
        "customer_name": ["Ada"] * count,
        "ship_to_name": ["Ada"] * count,
        "ship_to_line1": ["Street 1"] * count,
        "ship_to_city": ["Berlin"] * count,
        "ship_to_country": ["DE"] * count,
        "lines": pa.array([[{"sku": "A", "qty": 1, "unit_price": 5}]] * count, pa.list_(line)),
    }
    return pa.RecordBatch.from_pydict(columns)


def arrow_body(batches: list[pa.RecordBatch]) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batches[0].schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def ask_arrow(lab: Lab, body: bytes) -> pa.Table:
    status, headers, answer = lab.ask("POST", "/v1/orders/stream", body, role="channel", Content_Type=ARROW)
    assert (status, headers["content-type"]) == (200, ARROW)
    return pa.ipc.open_stream(answer).read_all()


def test_arrow_orders_are_answered_as_arrow_in_order(starter: Starter) -> None:
    batches = [arrow_batch([f"o{first + row}" for row in range(500)]) for first in range(0, 5000, 500)]
    answers = ask_arrow(starter(shards=3), arrow_body(batches))
    assert answers.column("order_id").to_pylist() == [f"o{number}" for number in range(5000)]
    assert set(answers.column("status").to_pylist()) == {"allocated"}


def test_an_arrow_row_without_an_id_is_refused_in_its_place(starter: Starter) -> None:
    answers = ask_arrow(starter(), arrow_body([arrow_batch(["a", "", "c"])]))
    assert answers.column("status").to_pylist() == ["allocated", "rejected", "allocated"]
    assert answers.column("line").to_pylist() == [None, 2, None]


def test_an_empty_arrow_stream_is_answered_with_an_empty_one(starter: Starter) -> None:
    assert ask_arrow(starter(), arrow_body([arrow_batch([])])).num_rows == 0


@pytest.mark.parametrize(
    "damage", [lambda body: body[:-100], lambda body: body[:-40] + b"\x99" * 40, lambda _: b"junk" * 9]
)
def test_damaged_arrow_ends_the_stream_with_an_error_row_after_what_came_before(
    starter: Starter, damage: Callable[[bytes], bytes]
) -> None:
    first, second = arrow_batch(["a", "b"]), arrow_batch(["c", "d"])
    answers = ask_arrow(starter(), damage(arrow_body([first, second])))
    assert answers.column("status").to_pylist()[-1] == "error"
    assert answers.column("detail").to_pylist()[-1]
    assert set(answers.column("order_id").to_pylist()) <= {"a", "b", "c", "d", None}


def test_streams_of_keys_take_turns_on_the_way_to_a_shard(starter: Starter) -> None:
    """A key whose batches wait lets the order of another key pass, however many of them came before."""
    lab = starter(batch_rows_max=1, in_flight_batches_max=2, gateway_stream_batches=2)
    gate = threading.Event()

    async def hold(*_: object) -> None:
        while not gate.is_set():
            await asyncio.sleep(0.001)

    lab.backend.before = hold
    many = [Stream(lab) for _ in range(8)]
    for number, each in enumerate(many):
        each.send(b"".join(order(f"m{number}-{at}") + b"\n" for at in range(20)))
    room = lab.core.lanes[0]._room
    until(lambda: len(room._waiting._by_sender.get("channel", ())) == 14, "all streams of the first key wait for room")
    other = SentBody(lab, "ops", "/v1/orders/stream", "application/x-ndjson")
    other.send(order("other") + b"\n")
    until(lambda: "ops" in room._waiting._by_sender, "the other key waits, too")
    gate.set()
    other.read_until(b'"other"')
    assert lab.backend.seen["other"][1] <= 4, "two were under way, one had its turn"
    for each in [*many, other]:
        each.finish()
        each.answer()


def test_a_batch_of_long_orders_goes_in_parts(starter: Starter, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = starter()
    monkeypatch.setattr(decide, "cut_batch", partial(decide.cut_batch, most=40_000))
    long = [{"sku": f"S{at}", "qty": 1} for at in range(100)]  # 17 us each
    wanted = [order(f"o{number}", lines=long) for number in range(8)]
    stream = Stream(lab)
    stream.send(b"\n".join([*wanted[:3], b"[]", *wanted[3:]]) + b"\n")
    stream.finish()
    answers = stream.answers()
    assert ids(answers[:3] + answers[4:]) == [f"o{number}" for number in range(8)]
    assert (answers[3]["status"], answers[3]["line"]) == ("rejected", 4)
    assert max(rows for _, _, rows in lab.backend.batches) == 2


def test_memory_is_given_back_when_no_stream_has_been_open_for_a_while(
    starter: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_back = threading.Event()
    monkeypatch.setattr(core, "REST_AFTER_S", 0.05)
    monkeypatch.setattr(core, "give_back_memory", given_back.set)
    lab = starter()
    assert not given_back.wait(0.2)
    ask_arrow(lab, arrow_body([arrow_batch(["a"])]))
    assert given_back.wait(10)
