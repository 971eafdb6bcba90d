"""How much memory this machine, or the control group that we run in, still has for us."""

from __future__ import annotations

import pathlib

_SPARE = 256 << 20  # for what grows meanwhile: logs under way, requests
_NO_LIMIT = 1 << 60


def memory_left() -> int:
    """Bytes that may be taken before somebody is killed for it; what caches hold counts as free."""
    return max(min(_machine_left(pathlib.Path("/proc")), _group_left(pathlib.Path("/"))) - _SPARE, 0)


def _machine_left(proc: pathlib.Path) -> int:
    for line in _text(proc / "meminfo").splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) << 10
    return _NO_LIMIT


def _group_left(root: pathlib.Path) -> int:
    """Of every control group from ours up to the root, of version 2 or 1."""
    left = _NO_LIMIT
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            folder, limit, used = root / "sys/fs/cgroup", "memory.max", "memory.current"
        elif controllers == "memory":
            folder, limit, used = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
        else:
            continue
        group = pathlib.PurePosixPath(path.lstrip("/"))
        for inner in (group, *group.parents):
            bound, taken = _text(folder / inner / limit).strip(), _text(folder / inner / used).strip()
            if bound.isdigit() and taken.isdigit():
                left = min(left, int(bound) - int(taken) + _cached(_text(folder / inner / "memory.stat")))
    return left


def _cached(stat: str) -> int:
    """Pages of files that the kernel gives up when memory is short; shared memory is none of them."""
    rows = dict(line.split(" ", 1) for line in stat.splitlines() if " " in line)
    return int(rows.get("total_inactive_file", rows.get("inactive_file", "0")))


def _text(path: pathlib.Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
