"""Single orders that pass aiohttp by: the same answers, in the same order, however the bytes arrive."""

from __future__ import annotations

import asyncio
import json
import pathlib
import random
import re
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from actors.gateway.http import limits, quick
from actors.store.keys import revoke_key
from tests.actors.test_gateway_http import Lab, start
from tests.labs.gateway_backend import order
from tests.labs.gateway_lab import connect, read_all

LIVEZ = b"GET /livez HTTP/1.1\r\nHost: router\r\n\r\n"


@pytest.fixture
def lab(tmp_path: pathlib.Path, request: pytest.FixtureRequest) -> Iterator[Lab]:
    running = start(tmp_path, **getattr(request, "param", {}))
    yield running
    running.thread.run(running.service.drain(patience_s=0.1))
    running.thread.close()


def post(lab: Lab, order_id: str, role: str = "channel", **headers: str) -> bytes:
    return post_body(lab, order(order_id), role, **headers)


def post_body(lab: Lab, body: bytes, role: str = "channel", **headers: str) -> bytes:
    """The bytes of a request; a header given replaces the usual one, an empty one leaves it out."""
    sent = {
        "Host": "router",
        "Authorization": f"Bearer {lab.keys[role]}",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
    }
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in sent.items() if value)
    return f"POST /v1/orders HTTP/1.1\r\n{head}\r\n".encode() + body


class Client:
    """A connection whose answers are read one by one."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.socket = connect(lab.port)
        self._answers = self.socket.makefile("rb")

    def send(self, *pieces: bytes) -> Client:
        """Each piece arrives by itself."""
        for number, piece in enumerate(pieces):
            if number:
                time.sleep(0.02)
            self.socket.sendall(piece)
        return self

    def answer(self) -> tuple[int, dict[str, str], Any]:
        status = int(self._answers.readline().split()[1])
        headers: dict[str, str] = {}
        while (line := self._answers.readline().decode().rstrip()) != "":
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        return status, headers, json.loads(self._answers.read(int(headers["content-length"])))

    def ask(self, request: bytes) -> tuple[int, dict[str, str], Any]:
        return self.send(request).answer()

    def passed_by(self, request: bytes) -> bool:
        """Whether a request was answered without aiohttp."""
        before = seen_by_aiohttp(self._lab)
        self.ask(request)
        return seen_by_aiohttp(self._lab) == before


def seen_by_aiohttp(lab: Lab) -> int:
    server = lab.service._runner.server
    assert server is not None
    return server.requests_count


def teach(lab: Lab, *order_ids: str) -> Client:
    """A client whose head for ids of this length is known."""
    client = Client(lab)
    for order_id in order_ids or ("o-00",):
        client.ask(post(lab, order_id))
    return client


def test_a_head_is_parsed_once_and_then_known_on_every_connection(lab: Lab) -> None:
    client = Client(lab)
    assert not client.passed_by(post(lab, "o-01"))
    assert client.passed_by(post(lab, "o-02"))
    assert Client(lab).passed_by(post(lab, "o-03"))
    assert not client.passed_by(post(lab, "another-length"))
    assert client.passed_by(post(lab, "o-04"))


def test_both_ways_give_the_same_answer(lab: Lab) -> None:
    for first, second, status in (
        ("o-01", "o-02", 200),
        ("refuse-1", "refuse-2", 422),
        ("conflict-1", "conflict-2", 409),
    ):
        client = Client(lab)
        slow, fast = client.ask(post(lab, first)), client.ask(post(lab, second))
        assert (slow[0], fast[0]) == (status, status)
        assert all([headers.pop("date") for _, headers, _ in (slow, fast)])
        assert _same_for_all(slow[1:], first) == _same_for_all(fast[1:], second)


def _same_for_all(answer: object, order_id: str) -> object:
    """An answer without what differs from order to order."""
    text = json.dumps(answer).replace(order_id, "ID")
    return json.loads(re.sub(r'"cursor": "[^"]*"', '"cursor": "C"', text))


def test_a_body_that_is_no_json_is_refused_both_ways(lab: Lab) -> None:
    client = Client(lab)
    for _ in range(2):
        status, headers, problem = client.ask(post_body(lab, b'{"order_id'))
        assert (status, problem["code"], headers["content-type"]) == (400, "bad_json", "application/problem+json")
    assert client.passed_by(post_body(lab, b"[1, 2, 3, "))


def test_a_key_is_judged_at_every_request(lab: Lab, tmp_path: pathlib.Path) -> None:
    client = teach(lab)
    assert Client(lab).ask(post(lab, "o-01", role="viewer"))[0] == 403
    assert Client(lab).ask(post(lab, "o-02", role="viewer"))[2]["code"] == "forbidden"
    revoke_key(tmp_path, "channel")
    time.sleep(0.6)
    before = seen_by_aiohttp(lab)
    status, headers, problem = client.ask(post(lab, "o-03"))
    assert (status, problem["code"]) == (401, "unauthorized") and "www-authenticate" in headers
    assert seen_by_aiohttp(lab) == before


@pytest.mark.parametrize("lab", [{"requests_per_second_max": 3}], indirect=True)
def test_the_rate_limit_counts_requests_that_pass_aiohttp_by(lab: Lab) -> None:
    client = Client(lab)
    answers = [client.ask(post(lab, f"o-{number:02}")) for number in range(6)]
    assert {status for status, _, _ in answers} == {200, 429}
    assert answers[-1][1]["retry-after"] == "1"


def test_heads_that_ask_for_more_go_the_long_way(lab: Lab) -> None:
    for headers in (
        {"Expect": "nothing"},
        {"Content_Encoding": "identity"},
        {"Content_Type": "application/x-ndjson"},
        {"Connection": "close"},
    ):
        for _ in range(2):
            before, client = seen_by_aiohttp(lab), Client(lab)
            assert client.ask(post(lab, "o-01", **headers))[0] == 200
            assert seen_by_aiohttp(lab) == before + 1, headers


def test_requests_that_come_while_one_is_under_way_wait_for_its_answer(lab: Lab) -> None:
    client = teach(lab)
    lab.backend.before = lambda *_: asyncio.sleep(0.1)
    client.send(post(lab, "o-01"), post(lab, "o-02"), LIVEZ, post(lab, "o-03"))
    assert [client.answer()[2].get("order_id", "alive") for _ in range(4)] == ["o-01", "o-02", "alive", "o-03"]


def test_a_body_that_looks_like_a_request_stays_a_body(lab: Lab) -> None:
    client = teach(lab)
    inner = post(lab, "o-99")
    outer = post_body(lab, b"x" * 10 + inner)
    cut = len(outer) - len(inner)
    client.send(outer[:cut], inner)
    assert client.answer()[0] == 400
    assert client.passed_by(post(lab, "o-01")), "after the body the connection is between two requests again"
    assert "o-99" not in lab.backend.seen


def test_a_chunk_that_looks_like_a_request_stays_a_chunk(lab: Lab) -> None:
    client = teach(lab)
    inner = post(lab, "o-99")
    chunked = post_body(lab, b"", Content_Length="", Transfer_Encoding="chunked")
    client.send(chunked + b"%x\r\n" % len(inner), inner, b"\r\n0\r\n\r\n")
    assert client.answer()[0] == 400
    assert client.ask(post(lab, "o-01"))[0] == 200
    assert "o-99" not in lab.backend.seen


def test_any_cut_of_any_sequence_gives_one_answer_a_request_in_order(lab: Lab) -> None:
    teach(lab, "o-0000", "refuse-0000")
    lab.backend.before = lambda *_: asyncio.sleep(0.002)
    for seed in range(40):
        chance = random.Random(seed)
        wanted, pieces = [], list[bytes]()
        for number in range(chance.randrange(2, 8)):
            kind = chance.choice(("o", "o", "o", "refuse", "livez", "chunked"))
            order_id = f"{'o' if kind == 'chunked' else kind}-{seed:02}{number:02}"
            wanted.append("alive" if kind == "livez" else order_id)
            pieces.append(_request(lab, kind, order_id))
        client = Client(lab).send(*_cut(pieces, chance))
        answers = [client.answer()[2] for _ in wanted]
        assert [answer.get("order_id", answer.get("status")) for answer in answers] == wanted, seed


def _request(lab: Lab, kind: str, order_id: str) -> bytes:
    if kind == "livez":
        return LIVEZ
    if kind != "chunked":
        return post(lab, order_id)
    body = order(order_id)
    head = post_body(lab, b"", Content_Length="", Transfer_Encoding="chunked")
    return head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


def _cut(pieces: list[bytes], chance: random.Random) -> list[bytes]:
    """The requests as they are, or joined and cut anywhere."""
    if chance.random() < 0.4:
        return pieces
    whole = b"".join(pieces)
    marks = sorted({0, len(whole), *(chance.randrange(len(whole)) for _ in range(chance.randrange(4)))})
    return [whole[begin:end] for begin, end in zip(marks, marks[1:], strict=False)]


def test_a_client_that_shut_down_its_side_gets_its_answer_and_then_the_end(lab: Lab) -> None:
    client = teach(lab)
    lab.backend.before = lambda *_: asyncio.sleep(0.1)
    client.send(post(lab, "o-01"))
    time.sleep(0.02)
    client.socket.shutdown(socket.SHUT_WR)
    assert client.answer()[2]["order_id"] == "o-01"
    assert read_all(client.socket) == b""


def test_a_client_that_went_away_leaves_the_others_their_answers(lab: Lab) -> None:
    gone, other = teach(lab), teach(lab, "o-01")
    lab.backend.before = lambda *_: asyncio.sleep(0.1)
    gone.send(post(lab, "o-02"))
    other.send(post(lab, "o-03"))
    time.sleep(0.02)
    gone.socket.close()
    del gone
    assert other.answer()[2]["order_id"] == "o-03"
    assert not [line for line in lab.log if line["level"] == "error"]


def test_a_shutdown_waits_for_the_answers_under_way(lab: Lab) -> None:
    client = teach(lab)
    lab.backend.before = lambda *_: asyncio.sleep(0.3)
    client.send(post(lab, "o-01"))
    time.sleep(0.05)
    ended = asyncio.run_coroutine_threadsafe(lab.service.drain(patience_s=0.0), lab.thread.loop)
    assert client.answer()[2]["order_id"] == "o-01"
    ended.result(10)


def test_an_answer_may_take_longer_than_an_idle_connection_is_kept(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (limits, quick):
        monkeypatch.setattr(module, "KEEP_ALIVE_S", 0.2)
    lab = start(tmp_path)
    client = teach(lab)
    lab.backend.before = lambda *_: asyncio.sleep(0.7)
    client.send(post(lab, "o-01"))
    assert client.answer()[2]["order_id"] == "o-01"
    began = time.monotonic()
    assert read_all(client.socket) == b"" and 0.1 < time.monotonic() - began < 2
    lab.thread.run(lab.service.drain(patience_s=0.1))
    lab.thread.close()


def test_so_many_heads_are_known_and_the_oldest_makes_room(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick, "HEADS_MAX", 2)
    client = teach(lab, "o-1", "o-12", "o-123")
    assert client.passed_by(post(lab, "p-123")) and client.passed_by(post(lab, "p-12"))
    assert not client.passed_by(post(lab, "p-1"))
