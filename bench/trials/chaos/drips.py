"""Connections that bring a byte a second or nothing at all; one that is closed on is opened anew.

A process of its own, so that it takes nothing from the honest clients: ``python -m bench.trials.chaos.drips`` reads one
JSON line ``{"host", "port", "key", "counts": {kind: connections}}``, says ``open`` when each connection has been opened
once, drips until its input ends, and prints how many connections it has opened.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from typing import Any

DRIP_EVERY_S = 1.0
KINDS = ("head", "body", "stream", "silent")


def opening(kind: str, key: str) -> bytes:
    """What a connection of a kind sends first."""
    common = f"Host: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/x-ndjson\r\n"
    return {
        "head": "GET /livez HTTP/1.1\r\nX-Drip: ",
        "body": f"POST /v1/events HTTP/1.1\r\n{common}Content-Length: 100000\r\n\r\n",
        "stream": f"POST /v1/orders/stream HTTP/1.1\r\n{common}Transfer-Encoding: chunked\r\n\r\n",
        "silent": "",
    }[kind].encode()


DROP = {"head": b"a", "body": b" ", "stream": b"1\r\n \r\n", "silent": b""}


class Drips:
    def __init__(self, host: str, port: int, key: str, counts: dict[str, int]) -> None:
        self._address = (host, port)
        self._key = key
        self._kinds = [kind for kind in KINDS for _ in range(counts.get(kind, 0))]
        self._connections: list[socket.socket | None] = [None] * len(self._kinds)
        self.opened = 0
        self.all_open = threading.Event()  # set after the first round over them

    def run(self, stopped: threading.Event) -> None:
        while not stopped.is_set():
            for place in range(len(self._kinds)):
                self._drip(place)
                if stopped.wait(DRIP_EVERY_S / len(self._kinds)):
                    return
            self.all_open.set()

    def _drip(self, place: int) -> None:
        kind, connection = self._kinds[place], self._connections[place]
        try:
            if connection is None:
                self._connections[place] = socket.create_connection(self._address, timeout=5)
                self.opened += 1
                self._connections[place].sendall(opening(kind, self._key))  # type: ignore[union-attr]
            else:
                connection.sendall(DROP[kind])
        except OSError:
            if connection is not None:
                connection.close()
            self._connections[place] = None


def main() -> None:
    given: dict[str, Any] = json.loads(sys.stdin.readline())
    drips, stopped = Drips(**given), threading.Event()
    thread = threading.Thread(target=drips.run, args=(stopped,))
    thread.start()
    drips.all_open.wait()
    print("open", flush=True)
    sys.stdin.read()
    stopped.set()
    thread.join()
    print(drips.opened)


if __name__ == "__main__":
    main()
