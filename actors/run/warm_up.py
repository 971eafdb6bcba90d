"""Compile every kernel once, before any process that needs them starts; the only importer of kernels here.

Processes that compile at the same time would race for the cache, and the first order would pay. So this comes before
anything else of the router is imported: whatever imports ``router`` imports kernels, and would compile them one after
the other.

A folder of the cache is whole when it holds a checksum of its files, which is written last. Anything else, cut off by a
kill or damaged since, is removed and compiled again.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import pathlib
import shutil
import signal
import sys
from collections.abc import Callable

from actors.process.parent import die_with_parent
from actors.run.compile_pool import Order, compile_all
from actors.store.locks import FolderInUse, FolderLock, owner_of
from kernels._jit import builds_on, cache, cache_folder, modules, source_bytes
from router.errors import Misconfigured

WORKERS_MAX = 8  # with more of them the longest module alone decides, and each takes 200 MB
PATIENCE_S = 600.0  # for another process that compiles
CHECKSUM = "checksum"
_WORKER = (sys.executable, "-m", "actors.run.warm_up")


def warm_up(show: Callable[[str], object]) -> int:
    """Fill the cache from processes of its own, on all cores; returns how many modules were compiled.

    ``show`` is told often how far it is; of a cache that is whole it hears nothing. Raises ``Misconfigured`` where
    compiling fails or the cache cannot be written.
    """
    if not _missing():
        return 0
    with contextlib.closing(_lock(cache(), show)):
        missing = _missing()  # somebody else may have compiled them meanwhile
        for name in missing:
            shutil.rmtree(cache_folder(name), ignore_errors=True)
        order = Order(
            {name: builds_on(name) & missing for name in missing}, {name: source_bytes(name) for name in missing}
        )
        workers = min(len(os.sched_getaffinity(0)), WORKERS_MAX)
        compile_all(order, _WORKER, workers, lambda name: _keep(cache_folder(name)), show)
        return len(missing)


def _missing() -> set[str]:
    return {name for name in modules() if not _is_whole(cache_folder(name))}


def _lock(folder: pathlib.Path, show: Callable[[str], object]) -> FolderLock:
    """Of the whole cache: who comes second finds what the first one compiled."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            return FolderLock(folder)
        except FolderInUse:
            show(f"waiting for process {owner_of(folder)}, which compiles kernels")
            return FolderLock(folder, PATIENCE_S)
    except OSError as fault:
        raise Misconfigured(
            f"compiled kernels cannot be kept in {folder} ({fault.strerror}); "
            "name a folder that can be written in the environment variable ORDER_ROUTER_CACHE"
        ) from None


def _checksum(folder: pathlib.Path) -> str:
    """Of numba's files: an index and machine code for each kernel."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(folder.rglob("*.nb[ci]")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder)} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _is_whole(folder: pathlib.Path) -> bool:
    try:
        return (folder / CHECKSUM).read_text(encoding="ascii") == _checksum(folder)
    except (OSError, UnicodeDecodeError):
        return False


def _keep(folder: pathlib.Path) -> None:
    folder.mkdir(exist_ok=True)  # a module of rules only has no machine code of its own
    (folder / CHECKSUM).write_text(_checksum(folder), encoding="ascii")


def _compile_what_is_asked() -> None:
    """Import the modules named on standard input and write each name back: with explicit signatures that compiles."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal, that all its processes get; the parent ends us
    answers = os.dup(1)
    os.dup2(2, 1)  # what anybody prints is no answer
    for line in sys.stdin:
        importlib.import_module(f"kernels.{line.strip()}")
        os.write(answers, line.encode())


if __name__ == "__main__":
    _compile_what_is_asked()
