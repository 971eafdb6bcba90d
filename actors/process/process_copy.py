"""A copy of this process that writes its state down as it is now, while the process itself goes on.

The kernel shares the pages until one side changes them, so the process stands only while its page tables are copied:
some 30 ms for each GB, where copying the memory itself took 0.7 to 0.9 s. Memory that is mapped shared
(``actors/store/mapped.py``) is no part of it: what lies there has to be copied before.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import threading
import time
from collections.abc import Callable

from ray._raylet import setproctitle  # type: ignore[attr-defined]  # its stubs leave it out

PATIENCE_S = 600.0  # then it is taken for stuck
_NICENESS = 5  # it may not slow down what goes on
_DESCRIPTORS_MAX = 1 << 20
_LOOKS_EVERY_S = 0.1


class ProcessCopy:
    """One piece of work, begun at once. The work may use memory and open files of its own; no lock, no other thread of
    this process and no connection exists in the copy."""

    def __init__(self, title: str, work: Callable[[], object]) -> None:
        parent = os.getpid()
        self._until_s = time.monotonic() + PATIENCE_S
        self._number = os.fork()
        if self._number == 0:
            _be_copy(title, parent, work)

    def runs(self) -> bool:
        """Whether it is still at work; one that is stuck is ended here."""
        if self._number and time.monotonic() > self._until_s:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._number, signal.SIGKILL)
        return self._number != 0 and not self._has_ended()

    def join(self) -> None:
        while self.runs():
            time.sleep(_LOOKS_EVERY_S / 10)

    def _has_ended(self) -> bool:
        try:
            number, _ = os.waitpid(self._number, os.WNOHANG)
        except ChildProcessError:  # somebody else waited for it
            number = self._number
        if number:
            self._number = 0
        return bool(number)


def _be_copy(title: str, parent: int, work: Callable[[], object]) -> None:
    """Never returns: what the process would do at its end is not the copy's to do."""
    code = 1
    try:
        gc.disable()  # what it would find belongs to libraries whose threads do not exist here
        os.closerange(3, _DESCRIPTORS_MAX)  # peers of the process must see it end, and its files' locks go with it
        setproctitle(title)
        os.nice(_NICENESS)
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
        work()
        code = 0
    except BaseException as fault:
        os.write(2, f"{title}: {type(fault).__name__}: {fault}\n".encode())
    finally:
        os._exit(code)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOKS_EVERY_S)
    os._exit(1)
