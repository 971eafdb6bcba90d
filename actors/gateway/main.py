"""A gateway process: ``python -m actors.gateway.main --data DIR --port N --ray-address ADDR``.

Started and restarted by ``serve``; it never outlives its supervisor and holds nothing that must survive.
SIGTERM drains: no new connection, streams may end by themselves for a while, then are ended with a problem.
With ``--streams-to`` it passes streams of orders and events on to another one, which was started with
``--streams-from`` instead of a port (``handover.py``).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import pathlib
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from importlib import metadata

import uvloop
from aiohttp import web

from actors.gateway.core.backend import Backend
from actors.gateway.core.core import Core
from actors.gateway.core.logs import JsonLog
from actors.gateway.core.problems import Problem
from actors.gateway.core.readers import Logs, logs_of
from actors.gateway.core.reference import Reference
from actors.gateway.core.siblings import Siblings
from actors.gateway.endpoints.table import routes_of
from actors.gateway.http.app import Gateway
from actors.gateway.http.auth import KeyRing
from actors.gateway.http.handover import StreamReceiver, StreamSender
from actors.process.heap import freeze_heap, keep_freed_memory
from actors.process.parent import die_with_parent
from actors.store.bell import Bell
from actors.store.data_folder import DataFolder
from router.config import Config, load_config

DRAIN_S = 10.0  # streams that have not ended by then are ended
FINISH_S = 15.0  # then their last answers have this long
ORPHANED_S_MAX = 2.0  # a gateway outlives its supervisor by this, and by one look
SUPERVISOR_LOOK_S = 0.25
STREAMS_NICENESS = 5  # so that the gateway that reads wait for gets the processor at once
SWITCH_INTERVAL_S = 0.0005  # the event loop gets the interpreter back from a decoding thread after this
VERSION = metadata.version("order-router")


def build(
    backend: Backend, folder: pathlib.Path, config: Config, log: JsonLog, logs: Logs | None = None
) -> tuple[Gateway, Core]:
    """The gateway of a data folder, ready to serve; call inside the running loop. ``logs`` are its own where this
    process has them open already."""
    data = DataFolder(folder)
    reference = Reference(data.tables, config.policy, log)
    core = Core(backend, reference, config, VERSION, log, Bell(data.events_bell))
    keys = KeyRing(
        folder,
        config.limits.requests_per_second_max,
        time.monotonic,
        lambda fault: log.write("error", "keys_unreadable", detail=fault),
    )
    return Gateway(core, keys, routes_of(core, data, logs_of(data) if logs is None else logs)), core


class Service:
    """A gateway with a way in: a port, a link from another gateway, or both."""

    def __init__(self, gateway: Gateway, core: Core, streams_to: socket.socket | None = None) -> None:
        self._core = core
        self._server = gateway.server()
        if streams_to is not None:
            self._server.pass_on = StreamSender(streams_to, gateway.admits)
        self._runner = web.ServerRunner(self._server)
        self._receiver: StreamReceiver | None = None
        self.port = 0

    async def listen(self, host: str, port: int, reuse_port: bool = False) -> None:
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, reuse_port=reuse_port, backlog=1024)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def receive(self, link: socket.socket) -> None:
        """Serve the connections that another gateway passes on."""
        await self._runner.setup()
        self._receiver = StreamReceiver(link, self._server)
        self._receiver.start()

    async def drain(self, patience_s: float = DRAIN_S) -> None:
        """Stop accepting, let streams end, end the others, finish what is in flight."""
        self._core.draining.set()
        self._server.pass_on = None  # the other one drains too
        for site in self._runner.sites:
            await site.stop()
        deadline = time.monotonic() + patience_s
        while self._core.streams and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        for stream in list(self._core.streams):
            again = f"Send the {stream.noun} without an answer again."
            stream.stop(Problem("shutting_down", f"The router is shutting down. {again}"))
        deadline = time.monotonic() + FINISH_S
        while self._core.streams and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        await self._core.finish(FINISH_S)
        if self._receiver is not None:
            self._receiver.stop()
        await self._runner.cleanup()
        self._core.close()


async def serve(arguments: argparse.Namespace, backend: Backend, config: Config) -> None:
    log = JsonLog()
    gateway, core = build(backend, arguments.data, config, log)
    core.siblings = Siblings(DataFolder(arguments.data).gateways, core.metrics)
    service = Service(gateway, core, _link(arguments.streams_to))
    link = _link(arguments.streams_from)
    if link is None:
        await service.listen(arguments.host, arguments.port, reuse_port=config.gateways > 1)
        log.write("info", "listening", host=arguments.host, port=service.port, pid=os.getpid())
    else:
        await service.receive(link)
        log.write("info", "receiving", pid=os.getpid())
    await core.siblings.start()  # by which `serve` knows that we, and not somebody else, have the port
    freeze_heap()  # what was made at the start stays; later collections need not look at it
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    log.write("info", "draining", pid=os.getpid())
    await service.drain()
    core.siblings.close()


def _link(descriptor: int | None) -> socket.socket | None:
    """One end of a link that ``serve`` made."""
    return None if descriptor is None else socket.socket(fileno=descriptor)


def end_after(supervisor: int) -> None:
    """End soon after the supervisor, whatever happens: a call into a Ray that has died holds the event loop for up to
    a minute, and with it the signal, the drain and every client that waits."""
    while os.getppid() == supervisor:
        time.sleep(SUPERVISOR_LOOK_S)
    time.sleep(ORPHANED_S_MAX)
    os._exit(0)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m actors.gateway.main", description="One HTTP gateway of a router.")
    made.add_argument("--data", type=pathlib.Path, required=True, help="data folder")
    made.add_argument("--host", default="127.0.0.1", help="address to listen on")
    way_in = made.add_mutually_exclusive_group(required=True)
    way_in.add_argument("--port", type=int, help="port to listen on")
    way_in.add_argument("--streams-from", type=int, metavar="FD", help="link that streams come from")
    made.add_argument("--streams-to", type=int, metavar="FD", help="link to the gateway that takes streams")
    made.add_argument("--ray-address", required=True, help="address of the Ray cluster that runs shards and ledger")
    made.add_argument("--config", type=pathlib.Path, help="JSON configuration, complete, as serve writes it")
    made.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop", help="event loop")
    return made


def main(given: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(given)
    die_with_parent()
    threading.Thread(target=end_after, args=(os.getppid(),), daemon=True).start()
    if arguments.streams_from is not None:
        os.nice(STREAMS_NICENESS)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    keep_freed_memory()
    config = load_config(arguments.config.read_bytes()) if arguments.config else Config()
    from actors.gateway.core.ray_backend import connect  # Ray starts threads: only the process itself pays for it

    backend = connect(arguments.data, arguments.ray_address, config)
    runner = uvloop.run if arguments.loop == "uvloop" else asyncio.run
    runner(serve(arguments, backend, config))
    return 0


if __name__ == "__main__":
    sys.exit(main())
