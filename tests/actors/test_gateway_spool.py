"""Answers that wait: order, bounds, the way through the file and back."""

from __future__ import annotations

import asyncio
import os
import random

import pytest

from actors.gateway.core.spool import AnswerSpool, SpoolFull


def test_answers_come_out_in_order_through_memory_and_file_in_random_walks() -> None:
    async def walk(seed: int) -> None:
        draw = random.Random(seed)
        spool = AnswerSpool(memory_bytes_max=draw.randint(1, 200), bytes_max=1 << 30)
        put, taken = bytearray(), bytearray()
        for _ in range(draw.randint(0, 60)):
            if draw.random() < 0.6 or spool.waiting_bytes == 0:
                answers = draw.randbytes(draw.randint(0, 120))
                put += answers
                spool.put(answers)
            else:
                taken += await spool.take()
            assert spool.waiting_bytes == len(put) - len(taken)
        spool.end()
        while answers := await spool.take():
            taken += answers
        assert taken == put
        spool.close()

    for seed in range(300):
        asyncio.run(walk(seed))


def test_a_waiting_reader_is_woken_by_answers_and_by_the_end() -> None:
    async def scene() -> None:
        spool = AnswerSpool(100, 1000)
        reader = asyncio.ensure_future(spool.take())
        await asyncio.sleep(0)
        spool.put(b"a")
        assert await reader == b"a"
        reader = asyncio.ensure_future(spool.take())
        await asyncio.sleep(0)
        spool.end()
        assert await reader == b""

    asyncio.run(scene())


def test_beyond_the_bound_nothing_is_taken_in_but_the_last_words() -> None:
    async def scene() -> None:
        spool = AnswerSpool(10, 30)
        spool.put(b"x" * 20)
        with pytest.raises(SpoolFull):
            spool.put(b"y" * 11)
        spool.put(b"the problem that ends the stream", last=True)
        spool.end()
        assert await spool.take() == b"x" * 20
        assert await spool.take() == b"the problem that ends the stream"

    asyncio.run(scene())


def test_a_disk_without_room_counts_as_a_full_spool(monkeypatch: pytest.MonkeyPatch) -> None:
    class FullDisk:
        def seek(self, _: int) -> None: ...

        def write(self, _: bytes) -> int:
            raise OSError(28, "No space left on device")

        def close(self) -> None: ...

    async def scene() -> None:
        monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: FullDisk())
        spool = AnswerSpool(10, 1000)
        spool.put(b"x" * 10)
        with pytest.raises(SpoolFull):
            spool.put(b"y" * 10)

    asyncio.run(scene())


def test_the_file_is_unlinked_from_the_start(tmp_path: object) -> None:
    async def scene() -> None:
        spool = AnswerSpool(1, 1000, folder=str(tmp_path))
        spool.put(b"x" * 10)
        spool.put(b"y" * 10)
        assert os.listdir(str(tmp_path)) == []
        spool.close()

    asyncio.run(scene())
