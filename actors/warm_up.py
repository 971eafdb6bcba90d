"""Compile every kernel once, before any process that needs them starts; the only importer of kernels here.

Processes that compile at the same time would race for the cache, and the first order would pay.
"""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import kernels


def compile_kernels() -> int:
    """Import every kernel module; with explicit signatures that compiles or loads it. Returns how many."""
    names = [module.name for module in pkgutil.iter_modules(kernels.__path__) if not module.name.startswith("_")]
    for name in names:
        importlib.import_module(f"kernels.{name}")
    return len(names)


def warm_up() -> None:
    """Fill the cache from a process of its own, so that the caller's memory stays free of the compiler."""
    subprocess.run([sys.executable, "-m", "actors.warm_up"], check=True)


if __name__ == "__main__":
    compile_kernels()
