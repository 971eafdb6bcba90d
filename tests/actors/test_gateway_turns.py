"""Turns on the way to an owner: who waits is let in by key and not by time, and work is bounded as batches are."""

from __future__ import annotations

import asyncio

from actors.gateway.core.turns import Room, TurnQueue


class Visits:
    """Tasks that enter a room, and stay until they are told to go."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.came: list[str] = []
        self._gone: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def enter(self, name: str, work: int = 0) -> None:
        """``name`` is the sender and a number."""
        self._gone[name] = asyncio.Event()
        self.tasks[name] = asyncio.ensure_future(self._stay(name, work))
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def _stay(self, name: str, work: int) -> None:
        async with self.room.enter(name[0], work):
            self.came.append(name)
            await self._gone[name].wait()

    async def leave(self, name: str) -> None:
        self._gone[name].set()
        for _ in range(4):
            await asyncio.sleep(0)


def test_a_neighbour_is_next_however_many_came_before() -> None:
    async def inside() -> list[str]:
        visits = Visits(Room(2, 100))
        for number in range(6):
            await visits.enter(f"a{number}")
        await visits.enter("b0")
        await visits.enter("c0")
        for name in ("a0", "a1", "a2", "b0", "c0", "a3", "a4", "a5"):
            await visits.leave(name)
        assert visits.room.batches == 0
        return visits.came

    assert asyncio.run(inside()) == ["a0", "a1", "a2", "b0", "c0", "a3", "a4", "a5"]


def test_work_inside_is_bounded_and_what_is_more_comes_in_alone() -> None:
    async def inside() -> list[str]:
        visits = Visits(Room(8, 10))
        for name, work in (("a0", 6), ("b0", 5), ("c0", 1), ("d0", 50)):
            await visits.enter(name, work)
        assert visits.came == ["a0"]  # c0 would have room, but b0 was there first and must not wait for ever
        await visits.leave("a0")
        assert visits.came == ["a0", "b0", "c0"]
        await visits.leave("b0")
        assert visits.came == ["a0", "b0", "c0"]
        await visits.leave("c0")
        assert visits.room.batches == 1
        await visits.leave("d0")
        return visits.came

    assert asyncio.run(inside()) == ["a0", "b0", "c0", "d0"]


def test_who_gives_up_leaves_no_place_behind() -> None:
    async def inside() -> int:
        visits = Visits(Room(1, 10))
        for name in ("a0", "a1", "b0", "a2"):
            await visits.enter(name, 1)
        visits.tasks["a1"].cancel()
        await visits.leave("a0")
        assert visits.came == ["a0", "a2"]  # the turn is the sender's
        visits.tasks["b0"].cancel()
        await visits.leave("a2")
        assert visits.room.batches == 0
        await visits.enter("c0", 10)
        assert visits.came == ["a0", "a2", "c0"]
        visits.tasks["c0"].cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return visits.room.batches

    assert asyncio.run(inside()) == 0


def test_a_place_given_to_one_who_gave_up_at_that_moment_is_given_on() -> None:
    async def inside() -> list[str]:
        visits = Visits(Room(1, 10))
        for name in ("a0", "b0", "c0"):
            await visits.enter(name)
        visits._gone["a0"].set()
        while visits.room.batches and not visits.came[1:]:
            await asyncio.sleep(0)
            visits.tasks["b0"].cancel()
        for _ in range(4):
            await asyncio.sleep(0)
        return visits.came

    assert asyncio.run(inside())[-1] == "c0"


def test_a_queue_gives_one_of_each_sender_in_turn() -> None:
    queue: TurnQueue[str] = TurnQueue()
    for item in ("a0", "a1", "a2", "b0"):
        queue.put(item[0], item)
    assert [queue.take(), queue.take()] == ["a0", "b0"]
    queue.put("c", "c0")
    assert [queue.take() for _ in range(len(queue))] == ["a1", "c0", "a2"] and len(queue) == 0
