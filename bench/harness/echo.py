"""The bare limit of single POSTs: an aiohttp server that reads the order and answers with fixed bytes.

Run as a process: prints its port, serves until it is ended.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop
from aiohttp import web

from bench.harness.server import free_port


async def _serve(answer: bytes) -> None:
    async def echo(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=answer, content_type="application/json")

    app = web.Application()
    app.router.add_post("/v1/orders", echo)
    await listen(app)
    await asyncio.Event().wait()


async def listen(app: web.Application) -> None:
    """On loopback; whoever started this process reads the port from its output."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print(port, flush=True)


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1].encode()))
