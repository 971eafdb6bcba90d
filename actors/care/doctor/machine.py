"""Is this machine fit to run the router?"""

from __future__ import annotations

import importlib.metadata
import os
import pathlib
import resource
import shutil
import socket
import statistics
import sys
import tempfile
import time

from actors.care.doctor.finding import Finding, Level, judge, ok

PYTHON_MIN = (3, 11)
MEMORY_BYTES_MIN = 2 << 30
SHM_BYTES_MIN = 1 << 30  # object store plus the mapped indexes
FILES_MIN = 8_192  # connections, logs and Ray's own sockets
DISK_FREE_BYTES_MIN = 1 << 30
SYNC_MS_SLOW = 10.0  # a batch waits for two of these
SYNC_ROUNDS = 20
GIB = 1 << 30


def check(folder: pathlib.Path, port: int) -> list[Finding]:
    place = _existing(folder)
    return [
        _python(),
        _packages(),
        _cores(),
        _memory(),
        _shared_memory(),
        _open_files(),
        _disk_free(place),
        _sync_speed(place),
        _port(port),
    ]


def _existing(folder: pathlib.Path) -> pathlib.Path:
    """The folder itself, or the nearest one above that is there already."""
    folder = folder.resolve()
    return folder if folder.is_dir() else _existing(folder.parent)


def _python() -> Finding:
    found = sys.version.split()[0]
    level: Level = "ok" if sys.version_info >= PYTHON_MIN else "fault"
    return judge("Python", found, level, "Install Python 3.11 or newer and run `make setup` again.")


def _packages() -> Finding:
    """The installed packages are at least those that the distribution asks for."""
    missing = []
    required = [name for name in importlib.metadata.requires("order-router") or [] if "extra ==" not in name]
    for requirement in required:
        name = requirement.split(";")[0].split(">")[0].split("=")[0].strip()
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    found = f"all {len(required)} installed" if not missing else f"missing: {', '.join(missing)}"
    return judge("Packages", found, "fault" if missing else "ok", "Run `make setup`.")


def _cores() -> Finding:
    count = len(os.sched_getaffinity(0))
    level: Level = "ok" if count > 1 else "warning"
    return judge("Cores", str(count), level, "One core is enough to work, two or more to be fast.")


def _memory() -> Finding:
    size = _meminfo_bytes("MemTotal")
    level: Level = "ok" if size >= MEMORY_BYTES_MIN else "fault"
    return judge("Memory", f"{size / GIB:.1f} GiB", level, "Give the machine at least 2 GiB.")


def _meminfo_bytes(field: str) -> int:
    for line in pathlib.Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        name, _, rest = line.partition(":")
        if name == field:
            return int(rest.split()[0]) << 10
    return 0


def _shared_memory() -> Finding:
    path = pathlib.Path("/dev/shm")
    if not path.is_dir():
        remedy = "Mount tmpfs at /dev/shm, or reads and batches go through the disk."
        return Finding("Shared memory", "warning", "no /dev/shm", remedy)
    free = shutil.disk_usage(path).free
    level: Level = "ok" if free >= SHM_BYTES_MIN else "fault"
    remedy = "Free or enlarge it: mount -o remount,size=4G /dev/shm, or `--shm-size 4g` for a container."
    return judge("Shared memory", f"{free / GIB:.1f} GiB free in /dev/shm", level, remedy)


def _open_files() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    level: Level = "ok" if soft >= FILES_MIN else "warning"
    return judge("Open files", f"{soft} (at most {hard})", level, f"Run `ulimit -n {FILES_MIN}` before `serve`.")


def _disk_free(place: pathlib.Path) -> Finding:
    free = shutil.disk_usage(place).free
    level: Level = "ok" if free >= DISK_FREE_BYTES_MIN else "fault"
    return judge("Disk", f"{free / GIB:.1f} GiB free at {place}", level, "Free space or choose another --data folder.")


def _sync_speed(place: pathlib.Path) -> Finding:
    """Median of small synced writes: what every acknowledgement waits for."""
    try:
        with tempfile.NamedTemporaryFile(dir=place, prefix=".doctor-") as file:
            took_ms = [_one_sync_ms(file.fileno()) for _ in range(SYNC_ROUNDS)]
    except OSError as fault:
        return Finding("Sync", "fault", f"{place}: {fault.strerror}", "Choose a folder that this user may write to.")
    middle_ms = statistics.median(took_ms)
    level: Level = "ok" if middle_ms <= SYNC_MS_SLOW else "warning"
    remedy = "A slow disk makes answers late, not fewer; put the data folder on an SSD."
    return judge("Sync", f"{middle_ms:.2f} ms median of {SYNC_ROUNDS} at {place}", level, remedy)


def _one_sync_ms(descriptor: int) -> float:
    os.write(descriptor, b"\0" * 4096)
    started_s = time.perf_counter()
    os.fdatasync(descriptor)
    return (time.perf_counter() - started_s) * 1000


def _port(port: int) -> Finding:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as fault:
            remedy = "A router that runs here already, or another program: stop it or pass another --port."
            return Finding("Port", "warning", f"{port}: {fault.strerror}", remedy)
    return ok("Port", f"{port} is free")
