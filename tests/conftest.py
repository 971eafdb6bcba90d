"""Rules of the whole suite: no test starts Ray by accident, kernel tests can be run apart, no test keeps memory."""

from __future__ import annotations

import functools
import gc
import os
import pathlib
import sys

import pytest

# Set before anything imports them: one thread each, as in a shard, and no report to the makers of Ray.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("OMP_NUM_THREADS", "1")

_WORTH_BYTES = 256 << 20


@functools.cache
def _compares_kernel_with_twin(path: pathlib.Path) -> bool:
    return "tests.reference" in path.read_text(encoding="utf-8")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _compares_kernel_with_twin(item.path):
            item.add_marker(pytest.mark.kernel)


@pytest.fixture(autouse=True)
def _no_ray(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines are plain classes; a test that needs Ray to run them has found a seam in the wrong place."""
    if request.node.get_closest_marker("ray") is None and "ray" in sys.modules:
        monkeypatch.setattr(sys.modules["ray"], "init", _refuse_ray)


def _refuse_ray(*_arguments: object, **_options: object) -> None:
    raise AssertionError("This test starts Ray; use the engines directly or mark it @pytest.mark.ray.")


class LeftBehind:
    """Memory that tests leave behind is taken from them where it is worth the time.

    Owners and benches in this process freeze what is alive then and tell the heap to keep what is freed, and a few
    objects in a circle hold all of a simulated router. Together that was 10 GB and more at the end of a run.
    """

    def __init__(self) -> None:
        self._bytes = 0

    def pytest_runtest_logfinish(self) -> None:
        if _own_bytes() < self._bytes + _WORTH_BYTES:
            return
        from actors.process.heap import give_back_memory  # Arrow, for which the environment is set above

        gc.unfreeze()
        give_back_memory()
        self._bytes = _own_bytes()


def _own_bytes() -> int:
    """Pages of this process alone."""
    resident, shared = pathlib.Path("/proc/self/statm").read_text().split()[1:3]
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(LeftBehind())
