"""What every process of a router inherits. Ray and numba read theirs when they are imported, so it is set before."""

from __future__ import annotations

import os
import signal
import sys

QUIET = {
    # One thread of arithmetic a process: parallelism is by shard.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "ARROW_NUM_THREADS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",  # its own pools give pages back, and every fresh page is a fault (heap.py)
    # A fresh huge page is cleared while a shard stands; books of new orders took twice as long to open with them.
    "NUMPY_MADVISE_HUGEPAGE": "0",
    "MALLOC_ARENA_MAX": "1",  # a thread's own arena gives whole heaps back to the kernel, the shared one does not
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "0",
    # Nobody reads what Ray would tell its dashboard about every call.
    "RAY_task_events_report_interval_ms": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_worker_niceness": "0",  # niced shards would starve behind their own clients
    "RAY_AUTH_MODE": "token",  # strangers on this machine cannot talk to our Ray
    # Ray would kill our processes when anybody fills the machine's memory, and offer them to the kernel first.
    "RAY_memory_monitor_refresh_ms": "0",
    "RAY_worker_oom_score_adjustment": "0",
}

# A Ray of our own stays on the loopback address. Without this it takes 127.0.0.1, which it is given, for the address
# that other machines see, and listens there; the variable is made for systems where a firewall asks about that.
ONE_MACHINE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}


_NOT_OTHERS = 0o077


def prepare(joins_cluster: bool = True) -> None:
    """Call before ray is imported; children inherit it."""
    os.environ.update(QUIET if joins_cluster else QUIET | ONE_MACHINE)
    os.umask(_NOT_OTHERS)  # what Ray writes is nobody else's, either
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))  # until there is something to be ended in order
