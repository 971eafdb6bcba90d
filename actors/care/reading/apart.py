"""Work in a process of its own, for what may end by a signal: reading mapped files of a disk that fails, or LMDB on a
file that is not what it wrote."""

from __future__ import annotations

import faulthandler
import multiprocessing
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TypeVar

import lmdb

from router.errors import Damaged, RouterError

_T = TypeVar("_T")
Show = Callable[[str], None]


class ReaderEnded(Damaged):
    """The process that read a file was ended by the system: what it touched cannot be read."""


def apart(work: Callable[[Show], _T], show: Show) -> _T:
    """What ``work`` returns, computed in a fork of this process; texts it shows are passed on to ``show``."""
    forking = multiprocessing.get_context("fork")
    receiver, sender = forking.Pipe(duplex=False)
    child = forking.Process(target=_work, args=(work, sender), daemon=True)
    child.start()
    sender.close()
    try:
        while True:
            kind, told = receiver.recv()
            if kind == "result":
                result: _T = told
                return result
            if kind == "fault":
                raise RouterError(told)
            show(told)
    except EOFError:
        child.join()
        raise ReaderEnded(_in_words(child.exitcode or 0)) from None
    finally:
        receiver.close()
        child.join()


def _work(work: Callable[[Show], object], sender: Connection) -> None:
    """Faults of the outside world cross as their sentence; a bug ends this process with its traceback."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the parent says that it was interrupted
    faulthandler.disable()  # and which signal ended this process
    try:
        sender.send(("result", work(lambda text: sender.send(("show", text)))))
    except (RouterError, lmdb.Error, OSError) as fault:
        sender.send(("fault", str(fault)))
    sender.close()


def _in_words(exit_code: int) -> str:
    if exit_code >= 0:
        return f"the process that read it ended with {exit_code}; see its last words above"
    name = signal.Signals(-exit_code).name
    why = "the disk could not give a page of it" if name == "SIGBUS" else "it leads LMDB outside its file"
    return f"the process that read it was ended by {name}: {why}"
