"""Whether somebody listens at an address, said within seconds: a name that nothing resolves, or a host that swallows
packets, would keep a command for minutes."""

from __future__ import annotations

import socket
import threading
import urllib.parse

from router.errors import Misconfigured, Retryable

REACH_S_MAX = 4.0
_PORTS = {"http": 80, "https": 443}


def reach(url: str) -> None:
    """Return when a connection was made, and closed again; raises Retryable where none is, Misconfigured where there is
    no address."""
    host, port = address_of(url)
    fault: list[str] = [f"nothing answered within {REACH_S_MAX:g} s"]

    def connect() -> None:
        try:
            socket.create_connection((host, port), REACH_S_MAX).close()
            fault.clear()
        except OSError as caught:
            fault[:] = [caught.strerror or str(caught)]

    thread = threading.Thread(target=connect, daemon=True)  # resolving a name cannot be cut short
    thread.start()
    thread.join(REACH_S_MAX)
    if fault:
        raise Retryable(f"No router answers at {url} ({fault[0]}). {REMEDY}", 1_000)


REMEDY = (
    "Start one with `order-router serve --data DIR --port 8080`, wait for its line `ready`, or name another one with "
    "--url."
)


def address_of(url: str) -> tuple[str, int]:
    """Host and port; raises Misconfigured where the text is no address of a router."""
    parts = urllib.parse.urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
        parts = parts._replace(scheme="")
    if parts.scheme not in _PORTS or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise Misconfigured(f"--url {url!r} is no address of a router; write it as http://127.0.0.1:8080")
    return parts.hostname, port or _PORTS[parts.scheme]
