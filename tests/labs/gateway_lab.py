"""A gateway on a real socket for tests: the loop runs in a thread, the test talks to it with blocking sockets."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop


class LoopThread:
    """An event loop in a thread."""

    def __init__(self, kind: str = "uvloop") -> None:
        self.loop = uvloop.new_event_loop() if kind == "uvloop" else asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any], timeout_s: float = 30.0) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout_s)

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        async def inside() -> Any:
            return function(*arguments)

        return self.run(inside())

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


def connect(port: int, timeout_s: float = 10.0) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
    client.settimeout(timeout_s)
    return client


def read_all(client: socket.socket) -> bytes:
    """Everything until the server closes."""
    parts = []
    while True:
        try:
            part = client.recv(1 << 20)
        except ConnectionResetError:
            break
        if not part:
            break
        parts.append(part)
    return b"".join(parts)


def body_of(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body (chunks joined) of one HTTP answer that was read to its end."""

    class _Once:
        def makefile(self, *_: Any, **__: Any) -> Any:
            import io

            return io.BytesIO(answer)

    response = http.client.HTTPResponse(_Once())  # type: ignore[arg-type]
    response.begin()
    return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()


def request(
    port: int, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        client.request(method, path, body=body, headers=headers or {})
        response = client.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        client.close()
