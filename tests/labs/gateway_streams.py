"""Gateways over a scripted core that a test starts as it likes, and bodies that are sent to them piece by piece."""

from __future__ import annotations

import contextlib
import pathlib
import socket
from collections.abc import Callable, Iterator
from typing import Any

from tests.actors.test_gateway_http import Lab, start
from tests.labs.gateway_lab import body_of, connect

Starter = Callable[..., Lab]


@contextlib.contextmanager
def starting(folder: pathlib.Path, check: Callable[[Lab], None] = lambda lab: None) -> Iterator[Starter]:
    """What starts gateways, with limits by name; all of them end with it, leave no stream behind and pass a check."""
    labs: list[Lab] = []

    def begin(**options: Any) -> Lab:
        labs.append(start(folder, **options))
        return labs[-1]

    yield begin
    for lab in labs:
        lab.backend.before = None
        lab.thread.run(lab.service.drain(patience_s=0.1))
        assert not lab.core.streams, "no stream is left behind"
        assert lab.core.unpacking.held_bytes == 0, "nothing stays held"
        check(lab)
        lab.thread.close()


class SentBody:
    """A body in chunks over a raw socket, answered as the answer comes."""

    def __init__(self, lab: Lab, role: str, path: str, media_type: str, receive_buffer: int = 0) -> None:
        self.socket = connect(lab.port)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {lab.keys[role]}\r\n"
        self.socket.sendall(f"{head}Content-Type: {media_type}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        self.received = b""

    def send(self, body: bytes) -> None:
        self.socket.sendall(b"%x\r\n%s\r\n" % (len(body), body))

    def finish(self) -> None:
        self.socket.sendall(b"0\r\n\r\n")

    def read_until(self, text: bytes) -> None:
        while text not in self.received:
            part = self.socket.recv(1 << 16)
            assert part, f"closed before {text!r}"
            self.received += part

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body, up to the end of the answer."""
        while not _is_whole(self.received):
            try:
                part = self.socket.recv(1 << 20)
            except ConnectionResetError:
                break
            if not part:
                break
            self.received += part
        return body_of(self.received)


def _is_whole(answer: bytes) -> bool:
    head, found, body = answer.partition(b"\r\n\r\n")
    if not found:
        return False
    length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return len(body) >= int(length[0].split(b":")[1]) if length else answer.endswith(b"0\r\n\r\n")
