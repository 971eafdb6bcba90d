"""Benches are checked on a small scale: their clients read what a router says, and say the same of both media types."""

from __future__ import annotations

import urllib.parse

import numpy as np
import pytest

from bench import _harness
from bench._answers import Answers
from bench._closed_loop import drive, request_bytes
from bench._limits import decode_orders_per_s
from bench._pieces import make_pieces
from bench._stream_client import StreamBroken, exchange
from bench.workload import Workload
from tests.fake_router import FakeRouter, running

ORDERS = 400


def address(fake: FakeRouter) -> tuple[str, int]:
    parts = urllib.parse.urlsplit(fake.url)
    return str(parts.hostname), int(parts.port or 0)


@pytest.mark.parametrize("stream_format", ["ndjson", "arrow"])
def test_the_stream_client_times_and_counts_every_answer(stream_format: str) -> None:
    pieces = make_pieces(Workload(), stream_format, ORDERS, 0)
    assert sum(piece.orders for piece in pieces) == ORDERS
    with running(FakeRouter()) as fake:
        response = exchange(address(fake), "k", stream_format, pieces)
    answers = Answers()
    answers.add(stream_format, response.body)
    assert answers.count == len(response.order_ends()) == ORDERS
    assert answers.duplicates == Workload().expected(ORDERS)["duplicates"]
    assert answers.total_minor == 100 * ORDERS
    waited_ms = response.latencies_ms(pieces)
    assert len(waited_ms) == len(pieces) and 0 <= waited_ms.min() <= response.elapsed_s * 1000
    assert response.arrived_bytes[-1] == len(response.body)


def test_both_media_types_give_the_same_checksum() -> None:
    checksums = set()
    for stream_format in ("ndjson", "arrow"):
        with running(FakeRouter()) as fake:
            response = exchange(address(fake), "k", stream_format, make_pieces(Workload(), stream_format, ORDERS, 0))
        answers = Answers()
        answers.add(stream_format, response.body)
        checksums.add(answers.checksum)
    assert len(checksums) == 1


def test_a_stream_that_breaks_off_is_no_result() -> None:
    with running(FakeRouter(break_after=[5])) as fake, pytest.raises(StreamBroken):
        exchange(address(fake), "k", "ndjson", make_pieces(Workload(), "ndjson", ORDERS, 0))
    with running(FakeRouter(refuse_with=[503])) as fake, pytest.raises(StreamBroken, match="503"):
        exchange(address(fake), "k", "ndjson", make_pieces(Workload(), "ndjson", ORDERS, 0))


@pytest.mark.parametrize("stream_format", ["ndjson", "arrow"])
def test_the_bare_limit_decodes_the_same_bytes(stream_format: str) -> None:
    assert decode_orders_per_s(stream_format, make_pieces(Workload("bad_input"), stream_format, ORDERS, 0)) > 0


def test_the_closed_loop_sends_every_request_once() -> None:
    with running(FakeRouter()) as fake:
        where = address(fake)
        requests = [request_bytes("PUT", "/v1/tables/skus", where, "k", b"{}\n" * n) for n in range(1, 51)]
        load = drive(where, iter(requests), connections=4, seconds_max=20)
        assert sorted(len(body) for _, _, body in fake.puts) == [3 * n for n in range(1, 51)]
    assert load.statuses == {200: 50} and len(load.waited_ms) == 50
    assert b"version" in load.first_body


def test_conditions_are_complete_and_printed() -> None:
    result = {"bench": "none", "orders": 12_345, "latency": {"p50_ms": 1.5}, "conditions": _harness.conditions()}
    text = _harness.as_text(result)
    assert "12,345" in text and "p50_ms 1.5" in text
    assert all(str(result["conditions"][name]) in text for name in ("cpu", "kernel", "commit"))  # type: ignore[index]
    assert _harness.percentiles_ms(np.zeros(0)) == {}
