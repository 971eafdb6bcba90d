"""A disk that fills up under load: a small file system of its own, filled by a file that grows beside the data.

The file system is mounted in a namespace of its own, so that nothing of this machine is touched and no rights are
needed beyond those of a user. The router is started inside; this process looks in through /proc.
"""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import tempfile
import time
from typing import Any

from bench.harness.server import ServerFailed
from bench.trials.chaos.router import ChaosRouter
from bench.trials.chaos.world import World, say
from router.errors import Unsupported

VOLUME_MIB = 640
RESERVE_MIB = 64  # log.disk_free_bytes_min of the run with a guard
NO_RESERVE_MIB = -1_024  # of the run without: commits go on until the disk itself refuses
FULL_S = 35.0  # a gateway refuses orders in words when an owner has not answered for 30
ORDERS = 20_000
_COMMAND = ["unshare", "--user", "--map-root-user", "--mount"]
_MOUNT = 'mount -t tmpfs -o size=$1m,mode=700 tmpfs "$0" && echo mounted && exec cat'


def missing() -> str:
    """Why this machine cannot mount one; empty when it can."""
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        return "unshare and nsenter (util-linux) are not installed"
    tried = subprocess.run([*_COMMAND, "true"], capture_output=True, text=True, check=False)
    return tried.stderr.strip() if tried.returncode else ""


class Volume:
    """A small file system; it is there for processes started with ``prefix``, at a place of its own or ``over`` one."""

    def __init__(self, size_mib: int = VOLUME_MIB, over: pathlib.Path | None = None) -> None:
        if missing():
            raise Unsupported(missing())
        self._made = over is None
        self.path = over or pathlib.Path(tempfile.mkdtemp(prefix="order-router-disk-"))
        command = [*_COMMAND, "sh", "-c", _MOUNT, str(self.path), str(size_mib)]
        self._holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != "mounted\n":
            raise ServerFailed("the small file system could not be mounted")
        number = str(self._holder.pid)
        self.prefix = ["nsenter", "--target", number, "--user", "--mount", "--preserve-credentials"]
        self.seen = pathlib.Path(f"/proc/{number}/root{self.path}")  # from outside

    def __enter__(self) -> Volume:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._holder.stdin is not None
        self._holder.stdin.close()
        self._holder.wait()
        if self._made:
            self.path.rmdir()  # what was mounted here was never seen from here

    def fill(self, leave_bytes: int) -> None:
        """Take all room but so much."""
        with (self.seen / "balloon").open("wb") as balloon:
            left = shutil.disk_usage(self.seen).free - leave_bytes
            block = bytes(1 << 20)
            try:
                for start in range(0, max(0, left), len(block)):
                    balloon.write(block[: left - start])
            except OSError:
                return  # the router has written meanwhile: it is full

    def empty(self) -> None:
        (self.seen / "balloon").unlink()


class RouterOnVolume(ChaosRouter):
    def __init__(self, volume: Volume, reserve_mib: int, shards: int = 2) -> None:
        settings = {"log": f"disk_free_bytes_min = {reserve_mib << 20}"}
        super().__init__(shards, volume.path / "data", volume.prefix, settings=settings)
        self._seen = volume.seen / "data"

    @property
    def key(self) -> str:
        return (self._seen / "admin.key").read_text(encoding="ascii").strip()


def disk_full(reserve_mib: int, full_s: float = FULL_S, seed: int = 1) -> dict[str, Any]:
    """Fill, wait, make room; with a reserve the router stops before the disk is full, without it meets ENOSPC."""
    with Volume() as volume, World(RouterOnVolume(volume, reserve_mib), ORDERS, seed) as world:
        volume.fill(max(0, reserve_mib << 19))
        stopped_s = world.until(lambda: not _moves_within(world, 2.0), "a full disk stops the orders", 60)
        answered = world.answered
        time.sleep(full_s)
        if world.answered > answered:
            world.promises.violated(f"{world.answered - answered} orders were acknowledged on a full disk")
        said = [text for feed in world.feeds for text in feed.refusals]
        volume.empty()
        began_s = time.monotonic()
        again = _goes_on(world)
        back_s = time.monotonic() - began_s
        say(f"disk full with {max(0, reserve_mib)} MiB kept: orders went on {back_s:.1f} s after that by {again}")
        return {
            "stopped_after_s": round(stopped_s, 1),
            "back_after_s": round(back_s, 1),
            "by": again,
            "said": said,
            **world.verdict(),
        }


def _moves_within(world: World, seconds: float) -> bool:
    before = world.answered
    time.sleep(seconds)
    return world.answered > before


def _goes_on(world: World) -> str:
    """By itself, or started again where ``serve`` has ended with a sentence about the disk."""
    world.until(lambda: not world.router.is_running() or world.router.is_ready(), "the router is ready again or ended")
    if world.router.is_running():
        world.moves()
        return "itself"
    world.router.start()
    world.moves()
    return "a restart"
