"""What every bench says besides its result: where it ran, on what, and how sure one may be."""

from __future__ import annotations

import importlib.metadata
import os
import pathlib
import platform
import subprocess
from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.harness.arrays import F64

PACKAGES = ("aiohttp", "lmdb", "msgspec", "numba", "numpy", "pyarrow", "ray", "uvloop")
ROOT = pathlib.Path(__file__).parents[2]


def conditions() -> dict[str, Any]:
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(_memory_bytes() / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        "commit": _commit(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _cpu_model() -> str:
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith(("model name", "Model")):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_bytes() -> int:
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def _commit() -> str:
    """The commit measured, with a plus when files differ from it."""
    found = subprocess.run(
        ["git", "describe", "--always", "--dirty=+"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "unknown"


def percentiles_ms(waited_ms: F64) -> dict[str, float]:
    if not len(waited_ms):
        return {}
    return {f"p{mark}_ms": round(float(np.percentile(waited_ms, mark)), 3) for mark in (50, 90, 99)}


def processor_us(used_s: Mapping[str, float], rows: int) -> dict[str, float]:
    """Microseconds a row by part, the dearest first."""
    dearest = sorted(used_s.items(), key=lambda used: used[1], reverse=True)
    return {part: round(seconds * 1e6 / rows, 2) for part, seconds in dearest}


def as_text(result: dict[str, Any]) -> str:
    """Figures first, conditions last; one line each."""
    lines = []
    for name, value in result.items():
        if name == "conditions":
            continue
        if isinstance(value, dict):
            value = ", ".join(f"{key} {_figure(item)}" for key, item in value.items())
        lines.append(f"{name.replace('_', ' '):<26}{_figure(value)}")
    said = result["conditions"]
    packages = " ".join(f"{name} {version}" for name, version in said["packages"].items())
    lines.append(
        f"{'conditions':<26}{said['cpu']}, {said['cores']} cores, {said['memory_gib']} GiB, Linux {said['kernel']}, "
        f"Python {said['python']}, {packages}, commit {said['commit']}, load before {said['load_before']}"
    )
    return "\n".join(lines)


def _figure(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
