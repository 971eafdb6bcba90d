"""Processes of this machine by number, as /proc tells of them; one that has just ended is told as nothing."""

from __future__ import annotations

import os
import pathlib

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_STATE, _PARENT, _USER, _SYSTEM = 0, 1, 11, 12  # fields of stat after the name, which may hold anything


def tree_of(root: int) -> list[int]:
    """A process and all below it, parents first."""
    children: dict[int, list[int]] = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            children.setdefault(_parent(int(entry.name)), []).append(int(entry.name))
    tree = [root]
    for number in tree:
        tree += children.get(number, [])
    return tree


def title_of(number: int) -> str:
    """Its command line; Ray names its workers after the actor they run."""
    try:
        return pathlib.Path(f"/proc/{number}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def runs(number: int) -> bool:
    """Also while it is stopped; not when it only waits for its parent to look."""
    fields = _stat(number)
    return bool(fields) and fields[_STATE] != "Z"


def processor_s(number: int) -> float:
    """Used so far, user and kernel."""
    fields = _stat(number)
    return (int(fields[_USER]) + int(fields[_SYSTEM])) / _TICKS_PER_S if fields else 0.0


def memory_bytes(number: int) -> int:
    """Heap and its part of shared memory. Without mapped files: pages of the log are the system's cache and go when
    memory is short."""
    try:
        text = pathlib.Path(f"/proc/{number}/smaps_rollup").read_text()
    except OSError:
        return 0
    wanted = ("Pss_Anon:", "Pss_Shmem:")
    return sum(int(line.split()[1]) << 10 for line in text.splitlines() if line.startswith(wanted))


def _parent(number: int) -> int:
    fields = _stat(number)
    return int(fields[_PARENT]) if fields else 0


def _stat(number: int) -> list[str]:
    try:
        return pathlib.Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
