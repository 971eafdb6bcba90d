"""``serve``: starts the processes of a data folder, keeps them running, and ends them in order.

lock folder ─▶ compile kernels ─▶ Ray ─▶ ledger, shards, tables ─▶ gateways ─▶ ready … SIGTERM ─▶ drain, reversed
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import signal
import sys
import threading
import time
import urllib.request

import msgspec
import ray
from ray.exceptions import ActorDiedError, RayError

from actors.data_folder import DataFolder, write_durably
from actors.gateway_processes import GatewayProcesses
from actors.keys import create_admin_key
from actors.locks import FolderInUse, owner_of
from actors.topology import create_owners, ray_has_ended, start_actors, start_ray, statuses, stop_actors
from actors.warm_up import warm_up
from router.config import Config
from router.errors import Misconfigured

READY_TIMEOUT_S = 120.0
DRAIN_TIMEOUT_S = 60.0
LAST_WORDS_S = 1.0  # gateways without a Ray cannot finish what is under way
LOOK_EVERY_S = 0.25
ASK_EVERY_S = 5.0
SILENCE_MAX_S = 60.0  # engines that answer nobody for this long: Ray itself is gone, start all of it again


class Supervisor:
    """One running router."""

    def __init__(
        self, folder: str, host: str, port: int, config: Config, ray_address: str | None, as_json: bool
    ) -> None:
        self._as_json = as_json
        self.data = DataFolder(folder)
        self.url = f"http://{host}:{port}"
        self._host, self._port = host, port
        self._config = config
        self._ray_address = ray_address
        self._gateways: GatewayProcesses | None = None
        self._stopping = threading.Event()

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; returns the exit code."""
        self.data.path.mkdir(parents=True, exist_ok=True)
        lock = self._lock()
        try:
            self.data.create(self._config)
            create_admin_key(self.data.path)
            config_file = self.data.path / "config.json"
            write_durably(config_file, msgspec.json.encode(self._config))
            self._heed_signals()
            warm_up()
            self._start(config_file)
            print(
                msgspec.json.encode({"ready": self.url}).decode() if self._as_json else f"ready {self.url}", flush=True
            )
            self._watch(config_file)
            return self._drain()
        finally:
            self._end_gateways(0.0)
            with contextlib.suppress(Exception):
                ray.shutdown()
            shutil.rmtree(self.data.shared, ignore_errors=True)
            lock.close()

    def _lock(self):  # type: ignore[no-untyped-def]
        try:
            return self.data.lock()
        except FolderInUse as used:
            raise Misconfigured(f"another `order-router serve` runs on this folder: {used}") from None

    def _start(self, config_file: pathlib.Path) -> None:
        start_ray(self._config, self.data.namespace, self._ray_address)
        self._heed_signals()  # Ray takes them over when it starts
        start_actors(self.data, self._config)
        ray_address = ray.get_runtime_context().gcs_address
        self._gateways = GatewayProcesses(
            self.data, self._host, self._port, self._config.gateways, config_file, ray_address
        )
        self._wait_until_ready(self._gateways)

    def _heed_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.set())

    def _wait_until_ready(self, gateways: GatewayProcesses) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < deadline and not self._stopping.is_set():
            with contextlib.suppress(OSError):
                if gateways.have_started() and urllib.request.urlopen(f"{self.url}/readyz", timeout=2).status == 200:
                    return
            if gateways.ended():
                raise Misconfigured(f"the gateway ended at once; is port {self._port} of {self._host} free?")
            time.sleep(0.05)
        if not self._stopping.is_set():
            raise Misconfigured(
                f"{self.url}/readyz did not answer 200 within {READY_TIMEOUT_S:.0f} s; see the log above"
            )

    def _watch(self, config_file: pathlib.Path) -> None:
        """Restart gateways that end; start everything again when Ray itself is gone."""
        heard = asked = time.monotonic()
        while not self._stopping.wait(LOOK_EVERY_S):
            if self._gateways is not None:
                self._gateways.restart_ended()
            if ray_has_ended():
                self._start_again(config_file)
                heard = asked = time.monotonic()
                continue
            now = time.monotonic()
            if now - asked < ASK_EVERY_S:
                continue
            asked = now
            if self._all_answer():
                heard = time.monotonic()
            if time.monotonic() - heard > SILENCE_MAX_S:
                self._start_again(config_file)
                heard = time.monotonic()

    def _all_answer(self) -> bool:
        """Whether every engine does. One that could not start, on a full disk say, is created anew: Ray gives it up."""
        try:
            statuses(self.data, self._config, ASK_EVERY_S)
            return True
        except (ActorDiedError, ValueError) as ended:
            print(f"an owner has ended, creating it anew: {str(ended).splitlines()[-1]}", file=sys.stderr)
            with contextlib.suppress(RayError, ValueError, ConnectionError):
                create_owners(self.data, self._config)
        except (RayError, ConnectionError):
            pass
        return False

    def _start_again(self, config_file: pathlib.Path) -> None:
        print("Ray has ended or its actors do not answer: starting all of it again", file=sys.stderr)
        self._end_gateways(LAST_WORDS_S)
        with contextlib.suppress(Exception):
            ray.shutdown()
        if self._ray_address is None:
            self._end_owners_left()
        self._start(config_file)

    def _end_owners_left(self) -> None:
        """An owner that outlived our Ray, because it stands still say, would keep its folder from the next one."""
        for folder in (self.data.ledger, *(self.data.shard(number) for number in range(self._config.shards))):
            owner = owner_of(folder)
            if owner is not None:
                print(f"process {owner} still owns {folder}: killing it", file=sys.stderr)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(owner, signal.SIGKILL)

    def _drain(self) -> int:
        """Gateways first, so that nothing new arrives; then shards, then the ledger."""
        self._end_gateways(DRAIN_TIMEOUT_S)
        stop_actors(self.data, self._config, DRAIN_TIMEOUT_S)
        return 0

    def _end_gateways(self, timeout_s: float) -> None:
        if self._gateways is not None:
            self._gateways.end(timeout_s)
            self._gateways = None


def serve(folder: str, host: str, port: int, config: Config, ray_address: str | None, as_json: bool) -> int:
    """Run a router on a data folder until it is told to stop."""
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    return Supervisor(folder, host, port, config, ray_address, as_json).run()
