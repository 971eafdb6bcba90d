"""How an engine's process ends when it must: at once, so that Ray starts it again and it recovers from its log."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

SWITCH_INTERVAL_S = 0.0005  # the commit thread needs the interpreter back quickly
EXIT_CODE = 70
OWNER_PATIENCE_S = 30.0  # a restarted owner waits so long for the process before it, which may still be dying


def or_die(work: Callable[[], T], passing: tuple[type[Exception], ...] = ()) -> T:
    """A bug or a fenced log must not leave a half-finished batch in memory: stop, restart, recover.

    Faults of the kinds ``passing`` are the caller's, raised before anything was changed.
    """
    try:
        return work()
    except passing:
        raise
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(EXIT_CODE)
