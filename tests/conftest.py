"""Rules of the whole suite: no test starts Ray by accident, and kernel tests can be run apart."""

from __future__ import annotations

import functools
import os
import pathlib
import sys

import pytest

# Set before anything imports them: one thread each, as in a shard, and no report to the makers of Ray.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("OMP_NUM_THREADS", "1")


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
