"""What every command does first that needs kernels: compile those that are missing, and say what takes so long."""

from __future__ import annotations

import time

from actors.cli.output import Progress

FIRST = "This needs its kernels compiled, once on a machine and release: a minute or three; later starts find them."
LINE_EVERY_S = 5.0  # where standard error is no terminal


def compile_kernels() -> None:
    """Call before anything is imported that imports ``router``. Says nothing when all are there."""
    from actors.run.warm_up import warm_up  # imports numba

    progress, began_s = Progress(LINE_EVERY_S), time.monotonic()
    told = list[str]()

    def show(text: str) -> None:
        if not told:  # at once: whoever sees nothing for a minute presses Ctrl-C
            told.append(text)
            progress.say(FIRST)
        progress.show(text)

    if count := warm_up(show):
        progress.say(f"compiled kernels: {count} modules in {time.monotonic() - began_s:.0f} s")
