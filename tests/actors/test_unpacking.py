"""What streams unpack together is bounded, however many they are, and one sender leaves room for the others."""

from __future__ import annotations

import asyncio
import gc
import json
import pathlib
import threading
import time
from collections.abc import Iterator

import pyarrow as pa
import pytest

from actors.gateway.core.problems import Problem
from actors.gateway.core.unpacking import Unpacking
from actors.gateway.endpoints.drain import Drained
from actors.gateway.http.routes import ARROW
from router.wire.batch import WireBatch
from tests.actors.test_gateway_http import start
from tests.labs.gateway_backend import order
from tests.labs.serve_fixture import until
from tests.labs.wire_cases import rows_to_arrow, stream

MIB = 1 << 20


def test_streams_unpack_in_turn_up_to_the_bound_and_one_sender_half_of_it() -> None:
    async def inside() -> list[str]:
        unpacking, came = Unpacking(100), list[str]()

        async def unpack(name: str) -> None:
            async with unpacking.turn(name[0]):
                await asyncio.sleep(0)
                unpacking.hold(name[0], 40)
            came.append(name)

        tasks = [asyncio.ensure_future(unpack(name)) for name in ("a0", "a1", "a2", "b0", "c0")]
        await asyncio.sleep(0.01)
        assert came == ["a0", "a1", "b0"], "a has its half, and with b it is full"
        unpacking.give_back("b", 40)
        await asyncio.sleep(0.01)
        assert came[3:] == ["c0"], "a waits for its own"
        for sender in "aac":
            unpacking.give_back(sender, 40)
        await asyncio.gather(*tasks)
        unpacking.give_back("a", 40)
        assert unpacking.held_bytes == 0
        return came

    assert asyncio.run(inside()) == ["a0", "a1", "b0", "c0", "a2"]


def test_who_gives_up_while_it_waits_or_unpacks_leaves_the_turn_to_others() -> None:
    async def inside() -> None:
        unpacking = Unpacking(100)

        async def stay() -> None:
            async with unpacking.turn("a"):
                await asyncio.sleep(60)

        first, second = asyncio.ensure_future(stay()), asyncio.ensure_future(stay())
        await asyncio.sleep(0)
        for task in (second, first):
            task.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
        async with asyncio.timeout(1), unpacking.turn("a"):
            pass

    asyncio.run(inside())


def test_a_sender_keeps_half_but_for_its_first_stream_and_nobody_waits_for_another_sender() -> None:
    async def inside() -> list[str]:
        unpacking, may = Unpacking(100), list[str]()

        async def read(name: str) -> None:
            await unpacking.room_to_keep(name[0], name, 5)
            may.append(name)

        unpacking.keep("a", "a0", 30)
        unpacking.keep("a", "a1", 30)
        tasks = [asyncio.ensure_future(read(name)) for name in ("a1", "a0", "a2", "b0")]
        await asyncio.sleep(0.01)
        assert may == ["a0", "b0"], "the first goes on, or nobody of a ever would; b is not concerned"
        unpacking.keep("a", "a0", 0)
        await asyncio.gather(*tasks)
        unpacking.keep("a", "a1", 60)
        with pytest.raises(Problem, match="Streams of this key keep"):
            await unpacking.room_to_keep("a", "a2", 0.01)
        await unpacking.room_to_keep("a", "a1", 0.01)
        return may

    assert asyncio.run(inside()) == ["a0", "b0", "a1", "a2"]


def test_pieces_of_messages_of_many_streams_are_kept_up_to_half(tmp_path: pathlib.Path) -> None:
    """Each sends most of a message of almost a megabyte: the first is read on, the others wait their turn."""
    lab = start(tmp_path, body_bytes_max=MIB, body_idle_timeout_ms=1_500)
    rows = [json.loads(order(f"p{at}")) for at in range(10)]
    body = stream(rows_to_arrow(rows).append_column("extra", pa.array(["x" * 80_000] * 10)))
    step, answers = len(body) // 40, list[tuple[int, bytes]]()

    def pieces(go_on: threading.Event) -> Iterator[bytes]:
        for at in range(0, len(body), step):
            yield body[at : at + step]
            time.sleep(0.02)
            if at >= len(body) - 4 * step:
                go_on.wait(20)

    def send(go_on: threading.Event) -> None:
        status, _, answer = lab.ask("POST", "/v1/orders/stream", pieces(go_on), role="channel", Content_Type=ARROW)
        answers.append((status, answer))

    events = [threading.Event() for _ in range(6)]
    clients = [threading.Thread(target=send, args=(event,)) for event in events]
    for client in clients:
        client.start()
    until(lambda: lab.core.unpacking.kept_bytes > MIB, "pieces are kept")
    time.sleep(1.0)
    kept = lab.core.unpacking.kept_bytes
    for event in events:
        event.set()
    for client in clients:
        client.join(20)
    assert [status for status, _ in answers] == [200] * 6
    assert kept <= 2.5 * MIB, "one sender's half, the first one's message, and a chunk of each of the others"
    until(lambda: lab.core.unpacking.kept_bytes == 0, "all streams ended")


def test_many_streams_of_packed_texts_hold_no_more_than_one(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve bodies of a few kilobytes stand for 36 MB; nothing of them is answered before all wait."""
    lab = start(tmp_path, body_bytes_max=MIB, expansion_max=1_000_000)
    gate, held = threading.Event(), list[int]()
    hold = Unpacking.hold

    def holds(self: Unpacking, sender: str, size: int) -> None:
        hold(self, sender, size)
        held.append(self.held_bytes)

    async def before(shard: int, batch_id: tuple[int, int]) -> None:
        while not gate.is_set():
            await asyncio.sleep(0.002)

    monkeypatch.setattr(Unpacking, "hold", holds)
    lab.backend.before = before
    answers = list[int]()

    def send(number: int) -> None:
        rows = (json.loads(order(f"s{number}-{at}")) for at in range(10))
        batches = [rows_to_arrow([row]).append_column("extra", pa.array(["x" * 300_000])) for row in rows]
        body = stream(*batches, compression="zstd")
        assert len(body) < 100_000
        answers.append(lab.ask("POST", "/v1/orders/stream", body, role="channel", Content_Type=ARROW)[0])

    clients = [threading.Thread(target=send, args=(number,)) for number in range(12)]
    for client in clients:
        client.start()
    threading.Timer(1.0, gate.set).start()
    for client in clients:
        client.join(20)
    assert answers == [200] * 12
    assert len(held) > 12, "they would have held more"
    assert max(held) <= 4 * MIB, "one sender's half of two bodies, and what one turn unpacks beyond it"
    assert lab.core.unpacking.held_bytes == 0


def test_a_stream_that_broke_keeps_nothing_of_its_batches(tmp_path: pathlib.Path) -> None:
    """Nothing waits for the collector: eight streams kept a gigabyte until it came."""
    lab = start(tmp_path)
    rows = rows_to_arrow([json.loads(order("a"))])
    gc.collect()
    gc.disable()
    try:
        body = stream(rows)[:-8] + b"\xff\xff\xff\xff\x08\x00\x00\x00" + b"\xff" * 8  # no message
        _, _, answer = lab.ask("POST", "/v1/orders/stream", body, role="channel", Content_Type=ARROW)
        assert b"arrow_damaged" in answer
        until(lambda: not lab.core.streams, "the stream ended")
        kept = [thing for thing in gc.get_objects() if isinstance(thing, (WireBatch, Drained))]
        assert not kept
    finally:
        gc.enable()
