"""A client of the streams of orders and events, as small as it can be: it sends lines, and reads answers meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import aiohttp

Answer = dict[str, Any]
ORDERS, EVENTS = "/v1/orders/stream", "/v1/events"
LINES_A_PIECE = 1_000
SILENCE_S_MAX = 60.0


def stream(
    url: str, key: str, lines: Sequence[bytes], watch: Callable[[int], object] = lambda _: None, path: str = ORDERS
) -> list[Answer]:  # fmt: skip
    """Answers in the order of the lines, fewer when the connection broke; ``watch`` is told how many there are."""
    return asyncio.run(_stream(url + path, key, lines, watch))


async def _stream(url: str, key: str, lines: Sequence[bytes], watch: Callable[[int], object]) -> list[Answer]:
    answers: list[Answer] = []
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/x-ndjson"}
    timeout = aiohttp.ClientTimeout(total=None, sock_read=SILENCE_S_MAX)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        try:
            async with session.post(url, data=_pieces(lines)) as response:
                async for line in response.content:
                    answers.append(json.loads(line))
                    watch(len(answers))
        except (aiohttp.ClientError, ConnectionError):
            pass  # what came before the break counts, the rest can be sent again
    return answers


async def _pieces(lines: Sequence[bytes]) -> AsyncIterator[bytes]:
    for first in range(0, len(lines), LINES_A_PIECE):
        yield b"".join(lines[first : first + LINES_A_PIECE])
