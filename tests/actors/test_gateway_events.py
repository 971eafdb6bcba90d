"""Events on real sockets: whole bodies and streams, JSON lines and Arrow, order over batches, and every way to end."""

from __future__ import annotations

import asyncio
import json
import pathlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
import requests

from actors.gateway.core.backend import ShardUnavailable
from actors.gateway.core.lanes import Lane
from actors.gateway.core.problems import Problem
from actors.gateway.http.handover import SMALL_BODY_BYTES, begins_stream
from actors.gateway.http.routes import ARROW
from router.life.refusals import REFUSALS
from tests.actors.test_gateway_http import JSON, NDJSON, Lab, start
from tests.labs.event_cases import events_to_arrow, plain_event
from tests.labs.gateway_streams import SentBody, Starter, starting
from tests.labs.wire_cases import stream


@pytest.fixture
def starter(tmp_path: pathlib.Path) -> Iterator[Starter]:
    with starting(tmp_path, _logged_no_error) as begin:
        yield begin


def _logged_no_error(lab: Lab) -> None:
    assert [line for line in lab.log if line["level"] == "error" and line.get("route") != "/v1/events"] == []


def lines(*events: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def event(number: int, order: str = "", **fields: Any) -> dict[str, Any]:
    return plain_event(number, **{"order_id": order or f"o-{number}", **fields})


class Stream(SentBody):
    """A raw event stream."""

    def __init__(self, lab: Lab, media_type: str = "application/x-ndjson") -> None:
        super().__init__(lab, "service", "/v1/events", media_type)

    def results(self) -> list[dict[str, Any]]:
        status, headers, body = self.answer()
        assert (status, headers["content-type"]) == (200, "application/x-ndjson"), body
        return [json.loads(line) for line in body.splitlines()]

    def problem(self) -> dict[str, Any]:
        status, headers, body = self.answer()
        assert headers["content-type"] == "application/problem+json" and json.loads(body)["status"] == status
        return dict(json.loads(body))


def ids(results: list[dict[str, Any]]) -> list[str]:
    return [result["event_id"] for result in results]


def hold(lab: Lab) -> threading.Event:
    """Shards answer nothing until the event is set."""
    gate = threading.Event()

    async def wait(shard: int, batch_id: tuple[int, int]) -> None:
        while not gate.is_set():
            await asyncio.sleep(0.002)

    lab.backend.before = wait
    return gate


# --- whole bodies -----------------------------------------------------------------------------------------


def test_a_small_body_is_answered_whole(starter: Starter) -> None:
    lab = starter(shards=3)
    events = [event(number) for number in range(40)]
    status, headers, body = lab.ask("POST", "/v1/events", lines(*events), role="service", **NDJSON)
    assert (status, headers["content-type"], int(headers["content-length"])) == (200, "application/x-ndjson", len(body))
    results = [json.loads(line) for line in body.splitlines()]
    assert ids(results) == [f"e-{number}" for number in range(40)]
    states = {"state": "picking", "payment_state": "paid"}
    assert results[0] == {"event_id": "e-0", "order_id": "o-0", "status": "applied", **states, "version": 2}
    assert {shard for shard, _, _ in lab.backend.batches} == {0, 1, 2}, "one batch a shard"
    again = lab.ask("POST", "/v1/events", lines(*events), **NDJSON)[2]
    assert {json.loads(line)["status"] for line in again.splitlines()} == {"duplicate"}


def test_one_event_as_json_may_be_written_over_lines(starter: Starter) -> None:
    lab = starter()
    body = json.dumps(event(1), indent=2).encode()
    status, headers, answer = lab.ask("POST", "/v1/events", body, **JSON)
    assert (status, headers["content-type"]) == (200, "application/x-ndjson")
    assert [json.loads(line)["status"] for line in answer.splitlines()] == ["applied"]
    answer = lab.ask("POST", "/v1/events", lines(event(2), event(3)), **JSON)[2]
    assert len(answer.splitlines()) == 2


def test_every_refusal_is_told_in_its_place(starter: Starter) -> None:
    events = [event(0), event(1, "unknown"), event(2, "refuse"), event(3, type="dance"), event(4, amount=5), event(5)]
    answer = starter().ask("POST", "/v1/events", lines(*events), **NDJSON)[2]
    results = [json.loads(line) for line in answer.splitlines()]
    reasons = [None, "order_unknown", REFUSALS[min(REFUSALS)].code, "event_type_unknown", "malformed_event", None]
    assert [result.get("reason") for result in results] == reasons
    assert [result.get("line") for result in results] == [None, None, None, 4, 5, None]
    assert results[2]["units"]["shipped"] == 1 and results[2]["money"]["total"] == 5
    assert all(result["order_id"] == sent["order_id"] for result, sent in zip(results, events, strict=True))


def test_what_people_wrote_goes_with_the_documents(starter: Starter) -> None:
    lab = starter()
    lab.ask("POST", "/v1/events", lines(event(0), event(1, type="note", text="call Zoë")), **NDJSON)
    assert [batch.column("text").to_pylist() for batch in lab.backend.documents] == [["", "call Zoë"]]


@pytest.mark.parametrize("media_type", ["text/csv", "application/vnd.apache.parquet", ""])
def test_another_media_type_is_refused(starter: Starter, media_type: str) -> None:
    problem = starter().problem("POST", "/v1/events", b"", Content_Type=media_type)
    assert (problem["status"], problem["code"]) == (415, "unsupported_media_type") and ARROW in problem["detail"]


def test_an_empty_body_has_no_results(starter: Starter) -> None:
    lab = starter()
    assert lab.ask("POST", "/v1/events", b"", **NDJSON)[::2] == (200, b"")
    stream_ = Stream(lab)
    stream_.finish()
    assert stream_.results() == []


def test_a_shard_that_stays_away_is_503(starter: Starter, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(shard: int, batch_id: tuple[int, int]) -> None:
        raise ShardUnavailable("restarting", 10)

    monkeypatch.setattr("actors.gateway.core.lanes.RETRY_DEADLINE_S", 0.2)
    lab = starter()
    lab.backend.before = fail
    problem = lab.problem("POST", "/v1/events", lines(event(0)), **NDJSON)
    assert (problem["status"], problem["code"], problem["retry_after"]) == (503, "shard_unavailable", "5")
    streamed = Stream(lab)
    streamed.send(lines(event(0)))
    streamed.finish()
    assert streamed.problem()["code"] == "shard_unavailable"
    arrow = stream(events_to_arrow([event(0)]))
    assert lab.problem("POST", "/v1/events", arrow, Content_Type=ARROW)["status"] == 503


# --- streams ----------------------------------------------------------------------------------------------


def test_an_event_is_answered_while_the_body_is_still_open(starter: Starter) -> None:
    streamed = Stream(starter())
    for number in range(5):
        streamed.send(lines(event(number)))
        streamed.read_until(f'"e-{number}"'.encode())
    streamed.finish()
    results = streamed.results()
    assert ids(results) == [f"e-{number}" for number in range(5)]
    assert b"transfer-encoding: chunked" in streamed.received.lower()


def test_a_stream_whose_answers_are_all_there_says_their_length(starter: Starter) -> None:
    lab = starter()
    gate, streamed = hold(lab), Stream(lab)
    streamed.send(lines(event(0), event(1)))
    streamed.finish()
    time.sleep(0.1)  # the body has ended before the first answer
    gate.set()
    _, headers, body = streamed.answer()
    assert int(headers["content-length"]) == len(body) and len(body.splitlines()) == 2


def test_a_client_that_writes_everything_before_it_reads_gets_every_answer(starter: Starter) -> None:
    lab = starter(shards=2, answers_memory_bytes=10_000, batch_bytes_max=200_000)
    body = lines(*(event(number) for number in range(40_000)))
    assert len(body) > SMALL_BODY_BYTES
    headers = {"Authorization": f"Bearer {lab.keys['service']}", "Content-Type": "application/x-ndjson"}
    answer = requests.post(f"http://127.0.0.1:{lab.port}/v1/events", data=body, headers=headers, timeout=60)
    assert ids([json.loads(line) for line in answer.content.splitlines()]) == [f"e-{n}" for n in range(40_000)]
    assert len(lab.backend.batches) > 4


@pytest.mark.parametrize("shards", [1, 3])
def test_arrow_events_are_answered_as_arrow_in_order(starter: Starter, shards: int) -> None:
    lab = starter(shards=shards, batch_rows_max=512)
    events = [event(number, type="ship", tracking_number=f"t-{number}") for number in range(3_000)]
    events[700] |= {"amount": 5}
    batches = [events_to_arrow(events[first : first + 400], dictionary=False) for first in range(0, 3_000, 400)]
    status, headers, answer = lab.ask("POST", "/v1/events", stream(*batches), role="service", Content_Type=ARROW)
    assert (status, headers["content-type"]) == (200, ARROW)
    rows = pa.ipc.open_stream(answer).read_all().to_pylist()
    assert ids(rows) == [f"e-{number}" for number in range(3_000)]
    assert [row["line"] for row in rows if row["status"] == "refused"] == [701]
    assert {row["state"] for row in rows} == {"picking", None}
    nothing = lab.ask("POST", "/v1/events", stream(batches[0].slice(0, 0)), Content_Type=ARROW)[2]
    assert pa.ipc.open_stream(nothing).read_all().num_rows == 0


def test_events_of_an_order_keep_their_order_over_batches_and_turns(starter: Starter) -> None:
    """A short pick waits for the ledger: what is behind it in its order goes with a later batch, and later batches
    of the stream do not overtake it."""
    lab = starter(batch_rows_max=50, gateway_stream_batches=6)
    delays = iter([0.05, 0.0, 0.02, 0.0, 0.0] * 200)

    async def delay(shard: int, batch_id: tuple[int, int]) -> None:
        await asyncio.sleep(next(delays))

    kinds = ("pick", "refuse", "pack", "refuse", "short_pick")
    events = [event(number, f"o-{number % 7}", type=kinds[number % 5]) for number in range(500)]
    reached: list[tuple[str, str]] = []
    first_report = lab.backend._report

    def report(shard: int, each: dict[str, Any]) -> dict[str, Any]:
        reached.append((each["order_id"], each["event_id"]))
        return dict(first_report(shard, each))

    lab.backend._report = report
    lab.backend.before = delay
    streamed = Stream(lab)
    for first in range(0, 500, 50):
        streamed.send(lines(*events[first : first + 50]))
    streamed.finish()
    assert ids(streamed.results()) == [f"e-{number}" for number in range(500)]
    for order in range(7):
        sent = [each["event_id"] for each in events if each["order_id"] == f"o-{order}"]
        assert [event_id for order_id, event_id in reached if order_id == f"o-{order}"] == sent
    assert len(lab.backend.batches) > 10


def test_a_batch_that_failed_is_sent_again_before_any_later_one(starter: Starter) -> None:
    lab = starter(batch_rows_max=10)
    begun: list[int] = []
    failing = {2: 3, 3: 1}

    async def fail(shard: int, batch_id: tuple[int, int]) -> None:
        if failing.get(batch_id[1], 0):
            failing[batch_id[1]] -= 1
            await asyncio.sleep(0.01)
            raise ShardUnavailable("restarting", 10)
        begun.append(batch_id[1])

    lab.backend.before = fail
    streamed = Stream(lab)
    streamed.send(lines(*(event(number, "same") for number in range(200))))
    streamed.finish()
    results = streamed.results()
    assert {result["status"] for result in results} == {"applied"}
    after = begun[begun.index(2) :]
    assert after == sorted(after) and 3 in after, "what had not been sent waits for what failed"


def test_a_later_batch_waits_while_an_earlier_one_has_failed() -> None:
    """Alone in a lane: the second is given up with its own deadline, and sent once the first is answered."""
    sent: list[int] = []
    attempts = iter([ShardUnavailable("no", 1), ShardUnavailable("no", 1), None])

    async def first(batch_id: tuple[int, int], now_ms: int) -> str:
        sent.append(1)
        fault = next(attempts)
        if fault is not None:
            raise fault
        return "first"

    async def second(batch_id: tuple[int, int], now_ms: int) -> str:
        sent.append(2)
        return "second"

    async def both() -> list[str]:
        lane = Lane("Shard 0", 1, 8, lambda: None)
        one = asyncio.ensure_future(lane.submit(first))
        await asyncio.sleep(0.02)  # it has failed once by now
        return [await lane.submit(second), await one]

    assert asyncio.run(both()) == ["second", "first"] and sent == [1, 1, 1, 2]


# --- how streams end --------------------------------------------------------------------------------------


def test_a_fault_before_the_first_answer_is_an_answer_of_its_own(starter: Starter) -> None:
    lab = starter()
    damaged = stream(events_to_arrow([event(0)]))[:200]
    problem = lab.problem("POST", "/v1/events", damaged, Content_Type=ARROW)
    assert (problem["status"], problem["code"], problem["reason"]) == (400, "stream_malformed", "arrow_truncated")
    unknown = stream(pa.RecordBatch.from_pydict({"event_id": ["a"], "colour": ["red"]}))
    problem = lab.problem("POST", "/v1/events", unknown, Content_Type=ARROW)
    assert problem["reason"] == "arrow_schema" and "colour is no field of an event" in problem["detail"]
    streamed = Stream(lab)
    streamed.send(b'{"event_id"')
    streamed.socket.shutdown(socket.SHUT_WR)
    assert (streamed.problem()["code"], streamed.received[9:12]) == ("body_truncated", b"400")


def test_a_fault_behind_the_first_answer_is_the_last_row(starter: Starter) -> None:
    lab = starter(batch_rows_max=2)
    body = stream(*[events_to_arrow([event(number), event(number + 1)]) for number in (0, 2)])
    status, _, answer = lab.ask("POST", "/v1/events", body[:-40] + b"\x99" * 40, Content_Type=ARROW)
    rows = pa.ipc.open_stream(answer).read_all().to_pylist()
    assert status == 200 and ids(rows)[:2] == ["e-0", "e-1"]
    assert (rows[-1]["status"], rows[-1]["reason"]) == ("error", "arrow_damaged")
    streamed = Stream(lab)
    streamed.send(lines(event(9)) + b'{"event_id"')
    streamed.read_until(b'"e-9"')
    streamed.socket.shutdown(socket.SHUT_WR)
    results = streamed.results()
    assert len(results) == 2 and (results[1]["status"], results[1]["code"]) == ("error", "body_truncated")
    assert results[1]["http_status"] == 400


def test_a_body_that_falls_silent_is_ended(starter: Starter) -> None:
    lab = starter(body_idle_timeout_ms=300)
    silent = Stream(lab)
    assert (silent.problem()["code"], silent.problem()["status"]) == ("body_timeout", 408)
    streamed = Stream(lab)
    streamed.send(lines(event(0)))
    results = streamed.results()
    assert [results[0]["event_id"], results[1]["code"]] == ["e-0", "body_timeout"]
    assert streamed.socket.recv(10) == b"", "the connection is closed"


def test_a_body_without_events_may_not_go_on_for_ever(starter: Starter) -> None:
    lab = starter(body_bytes_max=100_000, batch_bytes_max=10_000, line_bytes_max=5_000)
    for filling in (b"\n" * 10_000, b" " * 10_000):
        streamed = Stream(lab)
        try:
            for _ in range(50):
                streamed.send(filling)
        except ConnectionError:
            pass
        assert streamed.problem()["code"] == "body_too_large"
    streamed = Stream(lab)
    for number in range(30):  # with events in it a stream has no such bound
        streamed.send(lines(*(event(number * 100 + each) for each in range(100))))
    streamed.finish()
    assert len(streamed.results()) == 3_000


def test_events_in_flight_are_finished_when_the_client_goes_away(starter: Starter) -> None:
    lab = starter()
    gate, streamed = hold(lab), Stream(lab)
    streamed.send(lines(event(0)))
    while not lab.core.streams:
        time.sleep(0.005)
    time.sleep(0.1)
    streamed.socket.close()
    time.sleep(0.1)
    gate.set()
    deadline = time.monotonic() + 5
    while lab.core.streams and time.monotonic() < deadline:
        time.sleep(0.01)
    assert lab.backend.events["o-0"] == ["e-0"] and not lab.core.streams


def test_one_stream_too_many_is_429(starter: Starter) -> None:
    lab = starter(streams_max=1)
    first = Stream(lab)
    first.send(lines(event(0)))
    first.read_until(b'"e-0"')
    problem = lab.problem("POST", "/v1/events", stream(events_to_arrow([event(1)])), Content_Type=ARROW)
    assert (problem["status"], problem["code"], problem["retry_after"]) == (429, "streams_limit", "1")
    assert lab.ask("POST", "/v1/events", lines(event(2)), **NDJSON)[0] == 200, "a small body is no stream"
    first.finish()
    assert ids(first.results()) == ["e-0"]


def test_draining_ends_an_open_stream_with_a_problem_after_its_answers(tmp_path: pathlib.Path) -> None:
    lab = start(tmp_path)
    answered, waiting = Stream(lab), Stream(lab)
    answered.send(lines(event(0)))
    answered.read_until(b'"e-0"')
    done = asyncio.run_coroutine_threadsafe(lab.service.drain(patience_s=0.2), lab.thread.loop)
    results = answered.results()
    assert (results[-1]["code"], results[-1]["status"]) == ("shutting_down", "error")
    assert waiting.problem()["code"] == "shutting_down"
    done.result(10)
    lab.thread.close()


def test_a_bug_in_a_stream_is_told_without_details(tmp_path: pathlib.Path) -> None:
    lab = start(tmp_path)

    async def burst(*_: object) -> None:
        raise ZeroDivisionError("secret of the customer")

    lab.backend.before = burst
    streamed = Stream(lab)
    streamed.send(lines(event(0)))
    streamed.finish()
    assert streamed.problem()["status"] == 500 and b"secret" not in streamed.received
    assert [line["fault"] for line in lab.log if line["level"] == "error"] == ["ZeroDivisionError"]
    lab.thread.run(lab.service.drain(patience_s=0.1))
    lab.thread.close()


def test_a_problem_while_shards_are_asked_one_by_one_is_told(starter: Starter) -> None:
    async def fail(shard: int, batch_id: tuple[int, int]) -> None:
        if batch_id[1] == 2:
            raise Problem("shard_unavailable", "gone")

    lab = starter()
    lab.backend.before = fail
    twice = lines(event(0, "same", type="refuse"), event(1, "same"), event(2, "same"))
    assert lab.problem("POST", "/v1/events", twice, **NDJSON)["code"] == "shard_unavailable"
    assert lab.backend.events["same"] == ["e-0"]


# --- beside all that --------------------------------------------------------------------------------------


def test_metrics_count_events_as_they_count_orders(starter: Starter) -> None:
    lab = starter()
    lab.ask("POST", "/v1/events", lines(event(0), event(0), event(1, "unknown"), event(2, type="dance")), **NDJSON)
    lab.ask("POST", "/v1/events", stream(events_to_arrow([event(3)])), Content_Type=ARROW)
    text = lab.ask("GET", "/metrics", role="viewer")[2].decode()
    for line in (
        'router_event_results_total{format="ndjson",status="applied"} 1.0',
        'router_event_results_total{format="ndjson",status="duplicate"} 1.0',
        'router_event_results_total{format="ndjson",status="refused"} 2.0',
        'router_event_results_total{format="arrow",status="applied"} 1.0',
        'router_event_reasons_total{reason="order_unknown"} 1.0',
        'router_events_total{outcome="accepted"} 3.0',
        'router_events_total{outcome="refused"} 2.0',
        'router_event_batch_events_count{format="ndjson"} 1.0',
        'router_event_duration_seconds_count{format="arrow"} 1.0',
    ):
        assert line in text
    assert 'router_event_bytes_total{format="arrow"}' in text and "order_id" not in text


@pytest.mark.parametrize(
    ("head", "wanted"),
    [
        ("POST /v1/orders/stream HTTP/1.1\r\nHost", True),
        ("POST /v1/events HTTP/1.1\r\nContent-Length: 10\r\nContent-Type: application/x-ndjson\r\n\r\n", False),
        (f"POST /v1/events HTTP/1.1\r\nContent-Length: {SMALL_BODY_BYTES}\r\n\r\n", False),
        (f"POST /v1/events HTTP/1.1\r\ncontent-length:{SMALL_BODY_BYTES + 1}\r\n\r\n", True),
        ("POST /v1/events HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", True),
        ("POST /v1/events HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", True),
        (f"POST /v1/events HTTP/1.1\r\nContent-Length: 10\r\nContent-Type: {ARROW}; x=y\r\n\r\n", True),
        ("POST /v1/events HTTP/1.1\r\nContent-Length: 10", False),
        (f"POST /v1/events HTTP/1.1\r\nContent-Length: 10\r\n\r\nx\r\nContent-Type: {ARROW}\r\n", False),
        ("POST /v1/eventsx HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", False),
        ("GET /v1/events HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", False),
    ],
)
def test_bodies_of_events_change_their_process_unless_they_are_small(head: str, wanted: bool) -> None:
    assert begins_stream(head.encode()) is wanted
