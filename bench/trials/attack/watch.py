"""What a router takes while it is attacked: memory of all its processes, bytes on its disk, processes that ended."""

from __future__ import annotations

import threading
import time

from bench.harness.processes import runs, title_of
from bench.harness.server import Server
from bench.trials.chaos.router import TITLES

LOOK_EVERY_S = 0.2
MIB = 1 << 20
SERVE = "serve"


class Watch(threading.Thread):
    """``with Watch(server) as watch: …``; memory is looked at again and again, from before the block on."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._over = threading.Event()
        self._before = self._peak = server.memory_bytes_of_parts()
        self._disk_bytes = server.disk_bytes()
        self._owners = owners(server)

    def __enter__(self) -> Watch:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        while not self._over.wait(LOOK_EVERY_S):
            self._peak = max(self._peak, self._server.memory_bytes_of_parts(), key=_sum)

    def extra_mib(self) -> dict[str, float]:
        """What all processes together had more than before when that was most, by part of the router."""
        return self._more(self._peak)

    def kept_mib(self, seconds: float, enough_mib: float) -> dict[str, float]:
        """What is more than before when so much time has passed, or as soon as it is little enough."""
        until_s = time.monotonic() + seconds
        while sum((kept := self._more(self._server.memory_bytes_of_parts())).values()) > enough_mib:
            if time.monotonic() > until_s:
                break
            time.sleep(LOOK_EVERY_S)
        return kept

    def _more(self, parts: dict[str, int]) -> dict[str, float]:
        return {part: round((size - self._before.get(part, 0)) / MIB, 1) for part, size in parts.items()}

    def written_bytes(self) -> int:
        return self._server.disk_bytes() - self._disk_bytes

    def ended(self) -> list[str]:
        """Processes that were there before and are not now, by what they do."""
        return sorted(kind for number, kind in self._owners.items() if not runs(number))


def _sum(parts: dict[str, int]) -> int:
    return sum(parts.values())


def owners(server: Server) -> dict[int, str]:
    """The router's own processes by number: not those that Ray starts and ends as it likes."""
    numbers = server.processes()
    titles = {number: title_of(number) for number in numbers}
    found = {number: kind for number, title in titles.items() for kind, mark in TITLES.items() if mark in title}
    return {**found, numbers[0]: SERVE}
