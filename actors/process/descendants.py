"""Every process below this one, and their end."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import time

_LOOKS_EVERY_S = 0.02


def descendants(number: int) -> list[int]:
    """Processes below one, parents before their children; those that have ended and are not waited for are left out."""
    below: dict[int, list[int]] = {}
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has just ended
            state, parent = (entry / "stat").read_bytes().rpartition(b")")[2].split()[:2]
            if state not in (b"Z", b"X"):
                below.setdefault(int(parent), []).append(int(entry.name))
    found = list(below.get(number, []))
    for child in found:
        found += below.get(child, [])
    return found


def end_descendants(patience_s: float) -> None:
    """Kill all of them; parents first, so that none starts another."""
    deadline_s = time.monotonic() + patience_s
    while (below := descendants(os.getpid())) and time.monotonic() < deadline_s:
        for number in below:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        time.sleep(_LOOKS_EVERY_S)
