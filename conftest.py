"""Kernels are compiled before a test or a bench imports any: on all cores, not one by one by whoever comes first."""

from __future__ import annotations

from actors.cli.first_start import compile_kernels


def pytest_sessionstart() -> None:
    compile_kernels()
