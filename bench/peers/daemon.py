"""A peer's server for one bench: found where packages put it, started on loopback in a folder of its own, stopped."""

from __future__ import annotations

import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence

from bench.peers.job import PeerAbsent

READY_S_MAX = STOP_S_MAX = 30.0
ASK_EVERY_S = 0.02


def find_binary(name: str, folders: Sequence[str], package: str) -> pathlib.Path:
    """The newest version in ``folders`` (patterns below /), else what PATH has."""
    found = [path for folder in folders for path in pathlib.Path("/").glob(f"{folder}/{name}")]
    newest = max(found, key=_version, default=None)
    on_path = shutil.which(name)
    if newest is None and on_path is None:
        raise PeerAbsent(f"{name} is not installed; Debian has it in the package {package}: apt-get install {package}")
    return newest or pathlib.Path(str(on_path))


def _version(path: pathlib.Path) -> list[int]:
    return [int(part) for part in path.parts if part.isdigit()]


def _ending_with_us(command: Sequence[str]) -> Sequence[str]:
    """A bench that is killed must not leave a server behind."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", *command] if setpriv else command


class Daemon:
    """``start``, then ``end``; a server that does not start is ended, and the folder goes with it either way."""

    def __init__(self, name: str, account: str | None = None) -> None:
        """``account``: whom it runs as when this process is root."""
        self._name = name
        self._account = account if os.geteuid() == 0 else None
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"order-router-peer-{name}-"))
        self._log = self.folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        if self._account is not None:
            shutil.chown(self.folder, self._account, self._group)

    def run(self, command: Sequence[str]) -> None:
        """A command that ends by itself, as the same account."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            user=self._account,
            group=self._group,
        )
        if done.returncode:
            self.end()
            raise PeerAbsent(f"{command[0]} failed: {done.stderr.strip()[-500:]}")

    def start(self, command: Sequence[str], answers: Callable[[], bool]) -> None:
        """Return when it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                _ending_with_us(command), cwd=self.folder, stdout=log, stderr=log, user=self._account, group=self._group
            )
        try:
            self._wait(answers)
        except BaseException:
            self.end()
            raise

    def _wait(self, answers: Callable[[], bool]) -> None:
        assert self._process is not None
        until_s = time.monotonic() + READY_S_MAX
        while time.monotonic() < until_s and self._process.poll() is None:
            if answers():
                return
            time.sleep(ASK_EVERY_S)
        said = self._log.read_text(encoding="utf-8", errors="replace")[-1_000:]
        raise PeerAbsent(f"{self._name} did not start: {said}")

    def end(self, with_signal: int = signal.SIGINT) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(with_signal)
            try:
                self._process.wait(STOP_S_MAX)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _group(self) -> int | None:
        return None if self._account is None else pwd.getpwnam(self._account).pw_gid
