"""The gateway processes of one router: each port listener has a partner that takes its order streams."""

from __future__ import annotations

import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass

from actors.store.data_folder import DataFolder

_COMMAND = (sys.executable, "-m", "actors.gateway.main")


@dataclass
class _Place:
    """One process that is to run, and the one that does."""

    options: list[str]
    link: socket.socket  # its end; kept open here, so that a successor takes over where it stopped
    process: subprocess.Popen[bytes]


class GatewayProcesses:
    def __init__(
        self, data: DataFolder, host: str, port: int, pairs: int, config_file: pathlib.Path, ray_address: str
    ) -> None:
        common = ["--data", str(data.path), "--config", str(config_file), "--ray-address", ray_address]
        self._meeting_place = data.gateways
        self._forget()
        self._places: list[_Place] = []
        for _ in range(pairs):
            front, streams = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            listens = ["--host", host, "--port", str(port), "--streams-to", str(front.fileno())]
            receives = ["--streams-from", str(streams.fileno())]
            self._places += [_start(common + listens, front), _start(common + receives, streams)]

    def have_started(self) -> bool:
        """Whether each has made the socket on which the others find it."""
        return len(list(self._meeting_place.glob("*.sock"))) >= len(self._places)

    def ended(self) -> list[int]:
        """Exit codes of those that do not run."""
        return [code for place in self._places if (code := place.process.poll()) is not None]

    def restart_ended(self) -> None:
        for number, place in enumerate(self._places):
            code = place.process.poll()
            if code is not None:
                print(f"gateway {place.process.pid} ended with {code}, starting another", file=sys.stderr)
                self._places[number] = _start(place.options, place.link)

    def end(self, timeout_s: float) -> None:
        """SIGTERM and wait, then SIGKILL; without a timeout SIGKILL at once."""
        running = [place.process for place in self._places if place.process.poll() is None]
        for process in running:
            process.send_signal(signal.SIGTERM if timeout_s else signal.SIGKILL)
        deadline = time.monotonic() + timeout_s
        for process in running:
            try:
                process.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for place in self._places:
            place.link.close()
        self._places = []
        self._forget()

    def _forget(self) -> None:
        """Sockets of processes that have ended."""
        shutil.rmtree(self._meeting_place, ignore_errors=True)


def _start(options: list[str], link: socket.socket) -> _Place:
    return _Place(options, link, subprocess.Popen([*_COMMAND, *options], pass_fds=(link.fileno(),)))
