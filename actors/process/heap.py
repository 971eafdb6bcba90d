"""How this process treats freed memory, in C and in Python.

LMDB keeps the pages of a commit in memory it allocates and frees, megabytes at a time. By default glibc hands
such blocks back to the kernel and fetches fresh ones, and every fresh page costs a fault: measured, a commit of
8 MB took 24 ms of processor time so, and 3 ms when the heap keeps what it has.
"""

from __future__ import annotations

import ctypes
import gc

import pyarrow as pa

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_BLOCK_BYTES = 64 << 20  # blocks up to this size come from the heap
_KEPT_BYTES = 512 << 20  # free memory at the heap's end that is not given back


def keep_freed_memory() -> None:
    """For the whole process, from now on; does nothing where the C library is not glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _BLOCK_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def give_back_memory() -> None:
    """Free memory of C and of Arrow to the kernel, when nothing will need it for a while; milliseconds."""
    gc.collect()  # a fault keeps the frames that it passed, and what they hold
    pa.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def freeze_heap() -> None:
    """Once a process is ready: what was made at its start stays, so later collections need not look at it.

    Without it a full collection walks everything that numba, Ray and the tables have loaded, every few batches.
    """
    gc.collect()
    gc.freeze()
