"""Compile every kernel once, before any process that needs them starts; the only importer of kernels here.

Processes that compile at the same time would race for the cache, and the first order would pay.
"""

from __future__ import annotations

import contextlib
import importlib
import subprocess
import sys
from collections.abc import Sequence

from kernels._jit import modules

# The modules that take longest to compile, shared out so that two cores are busy; the rest is quick.
_SHARES = (
    ("claim.claim", "claim.serve", "claim.forget", "plan.available"),
    ("text.scan_orders", "text.ack_json", "money.price", "money.promote", "rows.index"),
)


def compile_kernels(names: Sequence[str]) -> None:
    """Import kernel modules, all where none is named; with explicit signatures that compiles or loads them."""
    for name in names or modules():
        importlib.import_module(f"kernels.{name}")


def warm_up() -> None:
    """Fill the cache from processes of its own, so that the caller's memory stays free of the compiler.

    The shares build on different modules, so they do not meet in the cache; the last process fills the gaps.
    """
    command = [sys.executable, "-m", "actors.run.warm_up"]
    with contextlib.ExitStack() as running:
        shares = [running.enter_context(subprocess.Popen([*command, *share])) for share in _SHARES]
    if any(share.returncode for share in shares):
        raise RuntimeError("the kernels could not be compiled; see the message above")
    subprocess.run(command, check=True)


if __name__ == "__main__":
    compile_kernels(sys.argv[1:])
