"""``serve``: starts the processes of a data folder, keeps them running, and ends them in order.

lock folder ─▶ Ray ─▶ ledger, shards, tables ─▶ gateways ─▶ ready … SIGTERM ─▶ drain, reversed

SIGTERM is heeded at any time: what may take long is done on another thread, while the main one listens. Before
`ready`, or a second time while it drains, it ends everything at once: nothing that was acknowledged depends on the end.

When Ray itself is gone everything starts again as a new image of this process: a client of a dead Ray, whatever it asks
or ends, may wait for the control store for a minute and then end its process.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import queue
import signal
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from typing import NoReturn

import msgspec
import ray
from ray.exceptions import RayError

from actors.care.take_back import cannot_start, check_room
from actors.owners.calls import OwnerGone, Unanswered
from actors.process.descendants import end_descendants
from actors.run.gateway_processes import GatewayProcesses
from actors.run.roles import folders_of
from actors.run.topology import (
    ROLES,
    create_actors,
    end_actors,
    kill_ray,
    ray_has_ended,
    start_actors,
    start_late_actors,
    start_ray,
    stop_actors,
    watch,
)
from actors.store.data_folder import DataFolder
from actors.store.keys import create_admin_key
from actors.store.locks import FolderInUse, FolderLock, owner_of
from router.config import Config
from router.errors import Misconfigured

READY_TIMEOUT_S = 120.0
DRAIN_TIMEOUT_S = 60.0
PORT_PATIENCE_S = 6.0
LAST_WORDS_S = 1.0  # gateways without a Ray cannot finish what is under way
LOOK_EVERY_S = 0.25
ONE_TELLING_S = 1.0  # who is told twice within it was told once, by a terminal and by its shell say
END_S = 2.0  # for each step of an end at once
ASK_EVERY_S = 5.0
SILENCE_MAX_S = 60.0  # engines that answer nobody for this long: Ray itself is gone, start all of it again
SIGNALS = (signal.SIGTERM, signal.SIGINT)
STARTED_AGAIN = "ORDER_ROUTER_STARTED_AGAIN"  # set in the environment of an image that said `ready` before


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
        self._told_s = 0.0  # when it was told to stop first
        self._told_again = threading.Event()
        self._hand = _Hand()
        self._heard_s = 0.0  # when all engines answered last
        self._asker = threading.Thread(target=self._ask, name="ask", daemon=True)
        self._stdout = -1
        self._environment = dict(os.environ)  # as it was given, before Ray adds to it

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; returns the exit code."""
        self.data.claim()
        lock, self._stdout = self._lock(), _keep_stdout()
        try:
            self._heed_signals()
            self._refuse_taken_port()
            self.data.create(self._config)
            create_admin_key(self.data.path)
            self.data.keep_config(self._config)
            check_room(self.data)
            self.data.open_places()
            if not self._done(self._start, self._stopping):
                self._end_at_once()
            self._say_ready()
            self._done(self._start_late, self._stopping)
            self._watch()
            if not self._done(self._drain, self._told_again):
                self._end_at_once()
            return 0
        finally:
            self._end_gateways(0.0)
            self._stop_asking()
            with contextlib.suppress(Exception):
                kill_ray() if ray_has_ended() else ray.shutdown()
            self.data.remove_shared()
            _give_stdout_back(self._stdout)
            lock.close()

    def _lock(self) -> FolderLock:
        try:
            return self.data.lock()
        except FolderInUse as used:
            raise Misconfigured(f"another `order-router serve` runs on this folder: {used}") from None

    def _refuse_taken_port(self) -> None:
        """Before anything starts: whoever has the port could answer for us that we are ready.

        The gateways of a `serve` that was killed give it up within a few seconds.
        """
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        deadline_s = time.monotonic() + PORT_PATIENCE_S
        while True:
            try:
                socket.create_server((self._host, self._port), family=family).close()
                return
            except OSError as fault:
                if self._stopping.is_set():
                    return
                if fault.errno != errno.EADDRINUSE or time.monotonic() > deadline_s:
                    raise Misconfigured(
                        f"port {self._port} of {self._host} cannot be listened on ({fault.strerror}); "
                        "name another with --port"
                    ) from None
            time.sleep(0.1)

    def _say_ready(self) -> None:
        """One line for whoever started us; a new image of the same process has nothing new to say."""
        if STARTED_AGAIN not in self._environment:
            line = msgspec.json.encode({"ready": self.url}).decode() if self._as_json else f"ready {self.url}"
            os.write(self._stdout, f"{line}\n".encode())

    def _start(self) -> None:
        start_ray(self.data, self._config, self._ray_address)
        try:
            start_actors(self.data, self._config)
        except Unanswered as silent:
            raise Misconfigured(cannot_start(self.data, silent)) from silent
        ray_address = ray.get_runtime_context().gcs_address
        self._gateways = GatewayProcesses(
            self.data, self._host, self._port, self._config.gateways, self.data.config_file, ray_address
        )
        self._wait_until_ready(self._gateways)

    def _start_late(self) -> None:
        """Orders are taken already, and go on without these where Ray dies just now; it is seen by who watches."""
        with contextlib.suppress(RayError, ValueError, ConnectionError):
            start_late_actors(self.data, self._config)

    def _heed_signals(self) -> None:
        for number in SIGNALS:
            signal.signal(number, self._be_told)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def _be_told(self, *_: object) -> None:
        if not self._stopping.is_set():
            self._told_s = time.monotonic()
            self._stopping.set()
        elif time.monotonic() - self._told_s > ONE_TELLING_S:
            self._told_again.set()

    def _done(self, work: Callable[[], object], told: threading.Event) -> bool:
        """Do it, on another thread; False when ``told`` to stop before it was done."""
        if not told.is_set():
            self._hand.begin(work)
        while not told.is_set():
            if self._hand.has_finished(LOOK_EVERY_S):
                return True
            self._heed_signals()  # Ray takes them over when it starts
        return False

    def _end_at_once(self) -> NoReturn:
        """Nobody is asked, for whoever is may not answer. An owner that had begun recovers at the next start."""
        print("told to stop: ending everything at once", file=sys.stderr, flush=True)
        if self._ray_address is not None:  # the owners are no processes of ours
            leaving = _Hand()
            leaving.begin(lambda: end_actors(self.data, self._config))
            with contextlib.suppress(Exception):
                leaving.has_finished(END_S)
        end_descendants(END_S)
        self.data.remove_shared()
        os._exit(0)  # a thread that waits for Ray would be waited for

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

    def _watch(self) -> None:
        """Restart gateways that end; start everything again when Ray itself is gone."""
        self._heard_s = time.monotonic()
        self._asker.start()
        while not self._stopping.wait(LOOK_EVERY_S):
            if self._gateways is not None:
                self._gateways.restart_ended()
            if ray_has_ended() or time.monotonic() - self._heard_s > SILENCE_MAX_S:
                self._start_again()

    def _ask(self) -> None:
        """Ask the engines now and then, on a thread of its own: a question to a dead Ray may never return."""
        while not self._stopping.wait(ASK_EVERY_S):
            if self._all_answer():
                self._heard_s = time.monotonic()

    def _all_answer(self) -> bool:
        """Whether all who are watched do; one that could not start (full disk) is created anew, as Ray gives it up."""
        try:
            watch(self.data, self._config, ASK_EVERY_S)
            return True
        except OwnerGone as gone:
            if self._stopping.is_set():
                return False
            print(f"an owner has ended, creating it anew: {str(gone.__cause__).splitlines()[-1]}", file=sys.stderr)
            with contextlib.suppress(RayError, ValueError, ConnectionError):
                create_actors(self.data, self._config)
        except Unanswered:
            pass
        return False

    def _stop_asking(self) -> None:
        """Before anything is ended: a question under way could create an owner anew, or keep Ray from shutting down."""
        self._stopping.set()
        if self._asker.ident is not None:
            self._asker.join(2 * ASK_EVERY_S)  # its question ends by a deadline, unless Ray is dead

    def _start_again(self) -> None:
        """Does not come back, unless it is told to stop meanwhile."""
        print("Ray has ended or its actors do not answer: starting all of it again", file=sys.stderr, flush=True)
        self._end_gateways(LAST_WORDS_S)
        kill_ray()
        if self._ray_address is None:
            self._end_owners_left()
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # one that comes from now on is heeded by the new image
        if self._stopping.is_set():  # one came since Ray died
            return
        command = [sys.executable, *sys.orig_argv[1:]]
        os.execve(sys.executable, command, self._environment | {STARTED_AGAIN: "1"})

    def _end_owners_left(self) -> None:
        """An owner that outlived our Ray, because it stands still say, would keep its folder from the next one."""
        for folder in folders_of(ROLES, self.data, self._config):
            owner = owner_of(folder)
            if owner is not None:
                print(f"process {owner} still owns {folder}: killing it", file=sys.stderr)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(owner, signal.SIGKILL)

    def _drain(self) -> None:
        """Gateways first, so that nothing new arrives; then all roles in their order."""
        self._end_gateways(DRAIN_TIMEOUT_S)
        self._stop_asking()
        if ray_has_ended():
            self._end_owners_left()
        else:
            stop_actors(self.data, self._config, DRAIN_TIMEOUT_S)

    def _end_gateways(self, timeout_s: float) -> None:
        if self._gateways is not None:
            self._gateways.end(timeout_s)
            self._gateways = None


class _Hand:
    """A thread for work that nobody has to wait for. It stays for as long as the process: Ray's processes and gateways
    ask the kernel to end them with their parent, and to the kernel that is the thread which started them.

    Who waits for it is the main thread, which heeds signals meanwhile. It waits by an event: a queue that a signal
    meets just before its timeout (Python 3.11, on a busy machine) waits on without one, until the work is done.
    """

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self._finished = threading.Event()
        self._fault: BaseException | None = None
        threading.Thread(target=self._run, name="hand", daemon=True).start()

    def begin(self, work: Callable[[], object]) -> None:
        self._finished.clear()
        self._fault = None
        self._work.put(work)

    def has_finished(self, timeout_s: float) -> bool:
        """Whether it has within so many seconds; raises the fault that ended it."""
        if not self._finished.wait(timeout_s):
            return False
        if self._fault is not None:
            raise self._fault
        return True

    def _run(self) -> None:
        while True:
            try:
                self._work.get()()
            except BaseException as fault:
                self._fault = fault
            self._finished.set()


def _keep_stdout() -> int:
    """Standard output, for our one line; what Ray prints there goes to standard error from now on.

    Who starts us may read that line and no more. After some hundred messages about owners that died the pipe was full,
    Ray's thread stood still in the middle of one, and a SIGTERM waited for it for ever.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    os.set_inheritable(kept, True)  # a new image of this process still has it: its end says that the router has ended
    os.dup2(2, 1)
    return kept


def _give_stdout_back(kept: int) -> None:
    sys.stdout.flush()
    os.dup2(kept, 1)
    os.close(kept)


def serve(folder: str, host: str, port: int, config: Config, ray_address: str | None, as_json: bool) -> int:
    """Run a router on a data folder until it is told to stop."""
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    # It would say at each start that signals are not its own: they are ours.
    logging.getLogger("ray._private.worker").addFilter(lambda said: "SIGTERM handler is not set" not in said.msg)
    return Supervisor(folder, host, port, config, ray_address, as_json).run()
