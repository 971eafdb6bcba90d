"""The gateway processes of one router, as they ask each other what they have counted.

Each answers on a Unix socket of its own below the router's shared folder; one that is gone is left out.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pathlib

import msgspec

from actors.gateway.core.metric_sums import Family
from actors.gateway.core.metrics import Metrics
from actors.store.private import make_folder

ANSWER_S_MAX = 1.0


class Siblings:
    """This process among them."""

    def __init__(self, folder: pathlib.Path, metrics: Metrics) -> None:
        self._path = folder / f"{os.getpid()}.sock"
        self._metrics = metrics
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Answer from now on."""
        make_folder(self._path.parent)
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._tell, self._path)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self._path.unlink(missing_ok=True)

    async def counted(self) -> list[list[Family]]:
        """What every other process has counted."""
        others = [path for path in self._path.parent.glob("*.sock") if path != self._path]
        told = await asyncio.gather(*(_ask(path) for path in others))
        return [families for families in told if families is not None]

    async def _tell(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(msgspec.json.encode(self._metrics.families()))
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()


async def _ask(path: pathlib.Path) -> list[Family] | None:
    try:
        async with asyncio.timeout(ANSWER_S_MAX):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                return msgspec.json.decode(await reader.read(), type=list[Family])
            finally:
                writer.close()
    except (OSError, TimeoutError, msgspec.DecodeError):
        return None
