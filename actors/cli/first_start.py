"""What every command does first that needs kernels: compile those that are missing, and say what takes so long."""

from __future__ import annotations

import time

from actors.cli.output import Progress

LINE_EVERY_S = 5.0  # where standard error is no terminal


def compile_kernels() -> None:
    """Call before anything is imported that imports ``router``. Says nothing when all are there."""
    from actors.run.warm_up import warm_up  # imports numba

    progress, began_s = Progress(LINE_EVERY_S), time.monotonic()
    if count := warm_up(progress.show):
        progress.say(f"compiled kernels: {count} modules in {time.monotonic() - began_s:.0f} s")
