"""Streams get a process of their own, so that reads never wait for a stream's decoding.

    client ──▶ front gateway: accepts, reads the first bytes of a request
                 │ they begin a stream: socket and bytes               ┌──▶ answered by the stream gateway from here on
                 ├────────────── link (Unix socket, SCM_RIGHTS) ───────┘
                 └ anything else: answered by the front

The link is a pair of sockets that take each message whole or not at all. Both ends belong to ``serve``, which
outlives either process: what is passed on while the stream gateway restarts waits in the link. A stream that was
sent before the answer to an earlier request of its connection stays where that connection is.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import Callable

from actors.gateway.http.limits import GatewayProtocol, GatewayServer
from actors.gateway.http.routes import ARROW

STREAM_HEAD = b"POST /v1/orders/stream "
EVENTS_HEAD = b"POST /v1/events "  # a stream unless its body is small
_BEGINNINGS = (STREAM_HEAD, EVENTS_HEAD)
SMALL_BODY_BYTES = 256 << 10  # some 1,500 events, decoded within milliseconds
HEAD_END = b"\r\n\r\n"
HEAD_BYTES_MAX = 16 << 10  # longer ones are not waited for; what is usual has some hundred
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r\n", re.IGNORECASE)
_STREAMED = re.compile(rb"\r\n(?:transfer-encoding:|content-type:[ \t]*%b\b)" % ARROW.encode(), re.IGNORECASE)
_AUTHORIZATION = re.compile(rb"\r\nauthorization:[ \t]*([^\r\n]*)\r\n", re.IGNORECASE)
_PASSED = b"stream"  # a message holds two descriptors: the client's socket and a file with its first bytes

Admits = Callable[[str, str, str | None], bool]  # method, path and ``Authorization`` of a request


class StreamSender:
    """The front's end of the link, a ``limits.PassOn``."""

    def __init__(self, link: socket.socket, admits: Admits) -> None:
        link.setblocking(False)
        self._link = link
        self._admits = admits

    def is_undecided(self, first: bytes) -> bool:
        """Whether a request that begins so may still turn out to be a stream, when the rest of its head is there."""
        if len(first) >= HEAD_BYTES_MAX or not any(first[: len(head)] == head[: len(first)] for head in _BEGINNINGS):
            return False
        return HEAD_END not in first and b"\n\n" not in first  # which the parser takes for an end, or refuses

    def __call__(self, transport: asyncio.BaseTransport, first: bytes) -> bool:
        """Whether the connection has a new owner. When not (no stream, no room in the link, a key that may not do this
        or is beyond its rate) it is served here, as any other is."""
        if not begins_stream(first):
            return False
        method, path = (word.decode() for word in first.split(b" ", 2)[:2])
        if not self._admits(method, path, _authorization(first)):
            return False
        client = transport.get_extra_info("socket")
        file = os.memfd_create("first-bytes")
        try:
            os.write(file, first)
            socket.send_fds(self._link, [_PASSED], [client.fileno(), file])
        except OSError:
            return False
        finally:
            os.close(file)
        return True


def begins_stream(first: bytes) -> bool:
    """Whether a request that begins so is answered while its body still arrives."""
    if first.startswith(STREAM_HEAD):
        return True
    end = first.find(HEAD_END)
    if end < 0 or not first.startswith(EVENTS_HEAD):
        return False
    length = _LENGTH.search(first, 0, end + 2)
    is_whole = length is not None and is_small(int(length[1]))
    return not is_whole or _STREAMED.search(first, 0, end + 2) is not None


def is_small(body_bytes: int | None) -> bool:
    """Whether a body of events is read whole and answered whole."""
    return body_bytes is not None and body_bytes <= SMALL_BODY_BYTES


def _authorization(first: bytes) -> str | None:
    """The header of that name; the process that takes the stream reads it again, with a whole parser."""
    found = _AUTHORIZATION.search(first, 0, first.find(HEAD_END) + 2)
    return None if found is None else found[1].decode("utf-8", "surrogateescape")


class StreamReceiver:
    """The stream gateway's end: connections come out of it as if they had been accepted here."""

    def __init__(self, link: socket.socket, server: GatewayServer) -> None:
        link.setblocking(False)
        self._link = link
        self._server = server
        self._adopting: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        asyncio.get_running_loop().add_reader(self._link, self._take)

    def stop(self) -> None:
        asyncio.get_running_loop().remove_reader(self._link)

    def _take(self) -> None:
        try:
            flags = socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC
            message, descriptors, _, _ = socket.recv_fds(self._link, len(_PASSED), 2, flags)
        except BlockingIOError:
            return
        if not message:  # front and supervisor have ended: a link that ended is readable for ever
            self.stop()
            return
        if len(descriptors) != 2:  # this process may open no more files: the connection is lost, as in accept()
            for descriptor in descriptors:
                os.close(descriptor)
            return
        task = asyncio.ensure_future(self._adopt(*descriptors))
        self._adopting.add(task)
        task.add_done_callback(self._adopting.discard)

    async def _adopt(self, client: int, file: int) -> None:
        connection = socket.socket(fileno=client)
        with os.fdopen(file, "rb") as first_bytes:
            first_bytes.seek(0)
            first = first_bytes.read()
        connection.setblocking(False)
        await asyncio.get_running_loop().connect_accepted_socket(self._protocol_with(first), connection)

    def _protocol_with(self, first: bytes) -> Callable[[], GatewayProtocol]:
        def make() -> GatewayProtocol:
            protocol = self._server()
            protocol.first_bytes = first
            return protocol

        return make
