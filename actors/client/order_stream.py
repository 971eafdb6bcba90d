"""Sends blocks of orders over one streaming request and reads the answers while it sends.

    blocks ─▶ window ─▶ request body ─────▶ router
                │                              │
                ◀── answers, in order of arrival

A block leaves the window when all its orders are answered. When the connection breaks, what is still in the window
is sent again on a new one: an order that had been applied answers ``duplicate`` with its first decision, so nothing
is lost and nothing happens twice. Memory: the window.
"""

from __future__ import annotations

import asyncio
import collections
from collections.abc import AsyncIterator, Callable, Iterator

import aiohttp

from actors.client.asking import PASSES, problem_of, sentence
from actors.client.reach import reach
from actors.client.sources import Block
from actors.client.wire import Answer, Wire
from router.errors import Refused, Retryable, RouterError

ATTEMPTS_MAX = 20  # connections in a row that bring no answer: about a minute and a half
PAUSE_S_MAX = 5.0
SILENCE_S_MAX = 60.0  # without a byte from the router while orders wait
STREAM_PATH = "/v1/orders/stream"


class OrderStream:
    """``await OrderStream(...).run()``: sends everything; ``unanswered`` is what was given up."""

    def __init__(
        self,
        *,
        url: str,
        key: str,
        blocks: Iterator[Block],
        make_wire: Callable[[Callable[[list[Answer]], None]], Wire],
        on_answer: Callable[[Block, int, Answer], None],  # to which of the block's orders
        window_orders: int,
        on_pause: Callable[[str], None] = lambda _: None,  # why nothing is answered now, before the next attempt
    ) -> None:
        self._url = url.rstrip("/") + STREAM_PATH
        self._headers = {"Authorization": f"Bearer {key}"}
        self._blocks = blocks
        self._make_wire = make_wire
        self._on_answer = on_answer
        self._window_orders = window_orders
        self._on_pause = on_pause
        self._waiting: collections.deque[Block] = collections.deque()
        self._head_answered = 0  # orders of the first waiting block that are answered
        self._answered = 0
        self._exhausted = False
        self._pulling: asyncio.Future[Block | None] | None = None  # outlives the connection that asked for it
        self._ended_with: RouterError | None = None
        self._room = asyncio.Event()
        self.sent = 0
        self.reconnects = 0

    @property
    def is_all_sent(self) -> bool:
        """Whether the source was read to its end."""
        return self._exhausted

    @property
    def unanswered(self) -> int:
        return sum(len(block.rows) for block in self._waiting) - self._head_answered

    async def run(self) -> None:
        """Return when every order is answered; raise the last fault when the router stays away, within seconds where
        there is none to begin with."""
        await asyncio.to_thread(reach, self._url.removesuffix(STREAM_PATH))
        attempt = 0
        # no total limit: a stream lasts as long as its file
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10.0, sock_read=SILENCE_S_MAX)
        async with aiohttp.ClientSession(timeout=timeout, headers=self._headers) as session:
            while self._waiting or not self._exhausted:
                before = self._answered
                try:
                    await self._connection(session)
                    fault: Exception = Retryable("The router ended the stream before every order was answered.", 0)
                except (aiohttp.ClientError, TimeoutError, ConnectionError, Retryable) as caught:
                    fault = caught
                if not self._waiting and self._exhausted:
                    return
                attempt = 1 if self._answered > before else attempt + 1
                if attempt >= ATTEMPTS_MAX:
                    raise _given_up(fault)
                self.reconnects += 1
                self._on_pause(f"{_in_words(fault)}; connecting again (attempt {attempt + 1} of {ATTEMPTS_MAX})")
                await asyncio.sleep(_pause_s(fault, attempt))

    async def _connection(self, session: aiohttp.ClientSession) -> None:
        """One request: everything unanswered first, then the rest of the file.

        The head leaves with the first bytes of the body, and a router waits only so long for a head: so a source that
        thinks before it yields is heard first.
        """
        if not self._waiting:
            await asyncio.shield(self._reading())
        if self._head_answered:
            self._waiting[0] = self._waiting[0].after(self._head_answered)
            self._head_answered = 0
        for block in self._waiting:
            block.resent = True
        loop = asyncio.get_running_loop()
        wire = self._make_wire(lambda answers: _hand_over(loop, self._take, answers))
        try:
            async with session.post(
                self._url, data=self._body(wire, list(self._waiting)), headers={"Content-Type": wire.media_type}
            ) as response:
                if response.status != 200:
                    raise await _refusal(response)
                async for chunk in response.content.iter_any():
                    wire.feed(chunk)
        finally:
            await asyncio.to_thread(wire.close)
            await asyncio.sleep(0)  # answers handed over by the wire's thread are taken now
        if self._ended_with is not None:
            ended, self._ended_with = self._ended_with, None
            raise ended

    async def _body(self, wire: Wire, again: list[Block]) -> AsyncIterator[bytes]:
        for block in again:
            yield wire.encode(block)
        while not self._exhausted:
            while self.unanswered >= self._window_orders:
                self._room.clear()
                await self._room.wait()
            following = await self._next_block()
            if following is None:
                self._exhausted = True
                break
            self._waiting.append(following)
            self.sent += len(following.rows)
            yield wire.encode(following)
        end = wire.finish()
        if end:
            yield end

    async def _next_block(self) -> Block | None:
        """Read on; a connection that breaks meanwhile leaves the block that is being read to the next one."""
        block = await asyncio.shield(self._reading())
        self._pulling = None
        return block

    def _reading(self) -> asyncio.Future[Block | None]:
        if self._pulling is None:
            self._pulling = asyncio.ensure_future(asyncio.to_thread(next, self._blocks, None))
        return self._pulling

    def _take(self, answers: list[Answer]) -> None:
        for answer in answers:
            if answer.status == "error":
                self._ended_with = Retryable(f"The router ended the stream: {answer.detail or 'no reason given'}", 0)
                continue
            if not self._waiting:
                self._ended_with = Refused("The router answered more orders than were sent.")
                continue
            head = self._waiting[0]
            self._on_answer(head, self._head_answered, answer)
            self._answered += 1
            self._head_answered += 1
            if self._head_answered == len(head.rows):
                self._waiting.popleft()
                self._head_answered = 0
        self._room.set()


def _hand_over(loop: asyncio.AbstractEventLoop, take: Callable[[list[Answer]], None], answers: list[Answer]) -> None:
    """Answers are taken on the event loop, whichever thread decoded them."""
    try:
        on_loop = asyncio.get_running_loop() is loop
    except RuntimeError:
        on_loop = False
    if on_loop:
        take(answers)
    else:
        loop.call_soon_threadsafe(take, answers)


async def _refusal(response: aiohttp.ClientResponse) -> RouterError:
    """What a status other than 200 says, as a fault that may or may not pass."""
    text = sentence(response.status, problem_of(await response.read()))
    if response.status in PASSES:
        after = response.headers.get("Retry-After", "1")
        return Retryable(text, int(after) * 1000 if after.isdigit() else 1000)
    return Refused(text)


def _pause_s(fault: Exception, attempt: int) -> float:
    wanted_s = fault.retry_after_ms / 1000 if isinstance(fault, Retryable) else 0.0
    return min(max(wanted_s, 0.1 * float(1 << attempt)), PAUSE_S_MAX)


def _given_up(fault: Exception) -> Retryable:
    return Retryable(
        f"Gave up after {ATTEMPTS_MAX} connections without an answer. The last fault: {_in_words(fault)}", 0
    )


def _in_words(fault: Exception) -> str:
    """A timeout has no words of its own."""
    return str(fault) or f"no byte came for {SILENCE_S_MAX:.0f} s"
