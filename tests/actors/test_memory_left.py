"""Memory that is left is the least of what the machine and every control group around us have."""

from __future__ import annotations

import pathlib

import pytest

from actors.process import memory

GIB = 1 << 30


def _write(root: pathlib.Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_what_is_free_of_the_machine(tmp_path: pathlib.Path) -> None:
    _write(tmp_path, {"meminfo": "MemTotal:  100 kB\nMemAvailable:    2048 kB\n"})
    assert memory._machine_left(tmp_path) == 2048 << 10
    assert memory._machine_left(tmp_path / "none") == memory._NO_LIMIT


@pytest.mark.parametrize(
    ("cgroup", "files", "left"),
    [
        ("0::/a/b\n", {"a/b/memory.max": "max", "a/memory.max": f"{8 * GIB}", "a/memory.current": f"{3 * GIB}"}, 5),
        (
            "0::/a\n",
            {"a/memory.max": f"{8 * GIB}", "a/memory.current": f"{7 * GIB}", "a/memory.stat": f"inactive_file {GIB}"},
            2,
        ),
        (
            "4:memory:/x\n0::/\n",
            {"memory/x/memory.limit_in_bytes": f"{4 * GIB}", "memory/x/memory.usage_in_bytes": f"{GIB}"},
            3,
        ),
        ("4:cpu:/x\n", {}, memory._NO_LIMIT // GIB),
    ],
)
def test_what_is_left_of_the_control_groups(
    tmp_path: pathlib.Path, cgroup: str, files: dict[str, str], left: int
) -> None:
    _write(tmp_path, {"proc/self/cgroup": cgroup, **{f"sys/fs/cgroup/{name}": text for name, text in files.items()}})
    assert memory._group_left(tmp_path) == left * GIB


def test_this_machine_has_some() -> None:
    assert 0 < memory.memory_left() < memory._NO_LIMIT
