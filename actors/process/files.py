"""How many files this process, and those it starts, may have open at a time."""

from __future__ import annotations

import resource

from router.errors import Misconfigured

NEEDED = 1_024  # Ray's processes, logs, and some hundred clients
WANTED = 65_536  # every connection of a client is one


def allow_files() -> None:
    """Ask for as many as the system gives; raises Misconfigured where that is too few to start with."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if most < NEEDED:
        raise Misconfigured(
            f"this process may open {most} files, and a router needs {NEEDED}: raise the limit (`ulimit -n {NEEDED}`, "
            "or LimitNOFILE= of its unit) and start again"
        )
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
