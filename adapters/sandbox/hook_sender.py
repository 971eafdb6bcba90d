"""The sandbox's webhooks: signed, sent until they are taken, and wrong on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp

from adapters._signing import sign
from adapters.sandbox.faults import Fault
from adapters.sandbox.reply import Notice

SIGNATURE_HEADER = "Sandbox-Signature"
ANSWER_S_MAX = 10.0
STALE_S = 3_600
TAKEN = 200


class HookSender:
    """Deliveries to one address; those that are under way end with ``close``."""

    def __init__(self, url: str, secret: str, now_ms: Callable[[], int], pauses_s: tuple[float, ...]) -> None:
        """``pauses_s``: before the second and each later attempt; after the last the delivery is given up."""
        self._url = url
        self._secret = secret
        self._now_ms = now_ms
        self._pauses_s = pauses_s
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_S_MAX))
        self._under_way: set[asyncio.Task[None]] = set()
        self.answers: list[tuple[str, int]] = []  # (notice, status; 0 = none), in order

    def send(self, notices: list[Notice], fault: Fault | None) -> list[asyncio.Task[None]]:
        times = 2 if fault is Fault.HOOK_TWICE else 1
        tasks = [asyncio.ensure_future(self._deliver(notice, fault)) for notice in notices for _ in range(times)]
        for task in tasks:
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return tasks

    async def _deliver(self, notice: Notice, fault: Fault | None) -> None:
        if fault is Fault.HOOK_LATE:
            await asyncio.sleep(self._pauses_s[0])
        if await self._attempt(notice, fault) == TAKEN:
            return
        for pause_s in self._pauses_s:
            await asyncio.sleep(pause_s)
            if await self._attempt(notice, None) == TAKEN:
                return

    async def _attempt(self, notice: Notice, fault: Fault | None) -> int:
        body, at_s = notice.body(), self._now_ms() // 1_000
        if fault is Fault.HOOK_STALE:
            at_s -= STALE_S
        secret = "another secret" if fault is Fault.HOOK_UNSIGNED else self._secret
        headers = {SIGNATURE_HEADER: sign(secret, body, at_s), "Content-Type": "application/json"}
        status = 0
        try:
            async with self._session.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
                status = response.status
        except (aiohttp.ClientError, TimeoutError):
            status = 0
        self.answers.append((notice.notice_id, status))
        return status

    async def close(self) -> None:
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._session.close()
