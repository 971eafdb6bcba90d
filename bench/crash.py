"""Does every promise hold when processes are killed while orders stream in?

A client streams orders as JSON lines and writes down every acknowledgement. When a random number of answers has
arrived, something is killed with SIGKILL: a shard, the ledger, a gateway, Ray's own raylet or control store, or the
router with all it started; ``stop`` is SIGTERM in the middle of a stream. What was not answered is sent again. At the
end everything is sent once more:

    every order that was acknowledged answers ``duplicate`` with the decision that was acknowledged first
    units taken in the ledger == units in the acknowledgements, orders in the index == ids sent
    ``order-router verify`` is clean

Seeded: the same seed kills the same things after the same numbers of answers. Where processes are in their work at
that moment is up to the machine.
"""

from __future__ import annotations

import http.client
import json
import os
import pathlib
import random
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import xxhash

from bench import _harness
from bench._server import Server, ServerFailed
from bench.workload import CHUNK_ORDERS, Workload

KINDS = ("shard", "ledger", "gateway", "ray", "everything", "stop")
# How a process of a kind calls itself; Ray names its workers after the actor they run.
TITLES = {
    "shard": "ray::OrderShard",
    "ledger": "ray::Ledger",
    "gateway": "actors.gateway.main",
    "ray": "/core/src/ray/",  # raylet and global control store
}
CHECKPOINT_BYTES = 4 << 20  # so that restarts meet checkpoints and tails
PIECE_ORDERS = 128
PIECES_AHEAD = 24  # sent and not answered: always some batches under way, never all of a round
BATCH_ROWS = 256
STRIKE_LATE_S_MAX = 0.02  # behind the answer that triggers it, so that batches are met at every step
ANSWER_S_MAX = 120.0
RECOVERY_S_MAX = 120.0
LOOK_EVERY_S = 0.02
TRIES_MAX = 20  # streams until everything of a round is answered
VIOLATIONS_TOLD = 10


class _Answer(msgspec.Struct):
    order_id: str
    status: str
    total: int = 0
    discount: int = 0
    tax: int = 0
    shipping: int = 0
    lines: msgspec.Raw = msgspec.Raw(b"[]")
    parcels: int = 0
    promise_date: str | None = None
    cursor: str | None = None
    duplicate: bool = False

    @property
    def decision(self) -> int:
        """Digest of what was promised."""
        told = (self.status, self.total, self.discount, self.tax, self.shipping, self.parcels, self.promise_date)
        return xxhash.xxh3_64_intdigest(f"{told}|{self.cursor}|".encode() + bytes(self.lines))

    @property
    def units(self) -> int:
        return sum(part["qty"] for line in msgspec.json.decode(self.lines) for part in line["allocations"])


@dataclass
class Promises:
    """What the client was promised, and what broke a promise."""

    promised: dict[str, int] = field(default_factory=dict)  # order id -> decision
    # Answered as new. Where an id stands twice in a stream either row may be: batches may overtake each other.
    decided: set[str] = field(default_factory=set)
    known: int = 0
    units: int = 0
    rejected: int = 0
    duplicated: int = 0  # decided a second time
    changed: int = 0  # another decision than the first
    violations: list[str] = field(default_factory=list)

    def take(self, answer: _Answer) -> None:
        if answer.status == "rejected" and not answer.duplicate:
            self.rejected += 1
            self._violated(f"{answer.order_id} was rejected; no order of this workload may be")
            return
        first = self.promised.setdefault(answer.order_id, answer.decision)
        if len(self.promised) > self.known:
            self.known += 1
            self.units += answer.units
        if first != answer.decision:
            self.changed += 1
            self._violated(f"{answer.order_id} was promised something else before it was answered with {answer.cursor}")
        if not answer.duplicate and answer.order_id in self.decided:
            self.duplicated += 1
            self._violated(f"{answer.order_id} was decided a second time, as {answer.cursor}")
        elif not answer.duplicate:
            self.decided.add(answer.order_id)

    def _violated(self, sentence: str) -> None:
        self.violations.append(sentence)


class CrashServer(Server):
    """A router whose processes are found by what they do."""

    def __init__(self, shards: int, folder: pathlib.Path | None = None) -> None:
        super().__init__(shards=shards, folder=folder)
        self.settings = self.folder.with_name(self.folder.name + ".toml")
        settings = f"[log]\ncheckpoint_bytes = {CHECKPOINT_BYTES}\n[limits]\nbatch_rows_max = {BATCH_ROWS}\n"
        self.settings.write_text(settings, encoding="utf-8")
        self._command += ["--config", str(self.settings)]

    def pids_of(self, kind: str) -> list[int]:
        return [number for number in self.processes() if TITLES[kind] in _title(number)]

    def is_ready(self) -> bool:
        connection = http.client.HTTPConnection(*self.address, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def terminate(self) -> int:
        """SIGTERM, and the exit code it ends with."""
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(RECOVERY_S_MAX)
        self.url = ""
        return code


def _title(number: int) -> str:
    try:
        return pathlib.Path(f"/proc/{number}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:  # it has just ended
        return ""


class Killing:
    """One kill, and how long it took until the router was whole again."""

    def __init__(self, server: CrashServer, kind: str, rng: random.Random) -> None:
        self.kind = kind
        self._server = server
        self._rng = rng
        self._watch: threading.Thread | None = None
        self.done = False
        self.recovery_s = 0.0
        self._exit_code = 0

    def strike(self) -> None:
        time.sleep(self._rng.uniform(0, STRIKE_LATE_S_MAX))
        self.done, self._at_s = True, time.monotonic()
        if self.kind == "everything":
            self._server.kill_everything()
        elif self.kind == "stop":
            self._exit_code = -1
            self._watch = threading.Thread(target=self._stop, daemon=True)
            self._watch.start()
        else:
            before = self._server.pids_of(self.kind)
            if not before:
                raise ServerFailed(f"no process of kind {self.kind} runs")
            victim = self._rng.choice(before)
            os.kill(victim, signal.SIGKILL)
            self._watch = threading.Thread(target=self._look, args=(victim, len(before)), daemon=True)
            self._watch.start()

    def recover(self) -> None:
        """Return when the router is ready again; what ended whole is started on the same folder."""
        if self._watch is not None:
            self._watch.join(RECOVERY_S_MAX + 5)
        if self._exit_code != 0:
            raise ServerFailed(f"serve ended with {self._exit_code} after SIGTERM")
        if self.kind in ("everything", "stop"):
            began_s = time.monotonic()
            self._server.start()
            self.recovery_s = time.monotonic() - began_s
        if not self.recovery_s:
            raise ServerFailed(f"the router was not ready {RECOVERY_S_MAX:.0f} s after a {self.kind} was killed")

    def _look(self, victim: int, count: int) -> None:
        while time.monotonic() - self._at_s < RECOVERY_S_MAX:
            now = self._server.pids_of(self.kind)
            if victim not in now and len(now) >= count and self._server.is_ready():
                self.recovery_s = time.monotonic() - self._at_s
                return
            time.sleep(LOOK_EVERY_S)

    def _stop(self) -> None:
        self._exit_code = self._server.terminate()


class Client:
    """Sends lines until each has its answer, and believes nothing but answers."""

    def __init__(self, server: CrashServer, promises: Promises) -> None:
        self._server = server
        self._promises = promises
        self._decode = msgspec.json.Decoder(_Answer).decode
        self.streams = 0
        self.cut = 0  # streams that ended before all their answers

    def send(self, lines: list[bytes], killing: Killing | None = None, after: int = 0) -> None:
        """Send all lines; ``killing`` strikes when ``after`` answers have arrived."""
        count = 0

        def answered() -> None:
            nonlocal count
            count += 1
            if killing is not None and not killing.done and count >= after:
                killing.strike()

        for _ in range(TRIES_MAX):
            lines = lines[self._stream(lines, answered) :]
            if killing is not None and killing.done:
                killing.recover()
                killing = None
            if not lines:
                return
        raise ServerFailed(f"{len(lines)} orders were not answered in {TRIES_MAX} streams")

    def _stream(self, lines: list[bytes], answered: Callable[[], None]) -> int:
        """One request; the number of answers it got, all of them in order."""
        self.streams += 1
        got = 0
        try:
            for line in self._answers(lines):
                answer = self._decode(line)
                if answer.status == "error":
                    break
                self._promises.take(answer)
                got += 1
                answered()
        except (OSError, http.client.HTTPException):
            pass
        self.cut += got < len(lines)
        return got

    def _answers(self, lines: list[bytes]) -> Iterator[bytes]:
        host, port = self._server.address
        head = (
            f"POST /v1/orders/stream HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {self._server.key}\r\n"
            "Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        ).encode()
        with socket.create_connection((host, port), timeout=ANSWER_S_MAX) as connection:
            sender = _Sender(connection, head, lines)
            sender.start()
            response = http.client.HTTPResponse(connection)
            try:
                response.begin()
                if response.status not in (200, 429, 503):
                    raise ServerFailed(f"the stream was answered {response.status}: {response.read(500)!r}")
                while response.status == 200 and (line := response.readline()).endswith(b"\n"):
                    yield line
                    sender.answered()
            finally:
                sender.stop()
                response.close()
                connection.close()
                sender.join(ANSWER_S_MAX)


class _Sender(threading.Thread):
    """Sends lines in pieces, a bounded number of orders ahead of the answers."""

    def __init__(self, connection: socket.socket, head: bytes, lines: list[bytes]) -> None:
        super().__init__(daemon=True)
        self._connection = connection
        self._head = head
        self._lines = lines
        self._room = threading.Semaphore(PIECES_AHEAD)
        self._answers = 0
        self._stopped = False

    def answered(self) -> None:
        self._answers += 1
        if self._answers % PIECE_ORDERS == 0:
            self._room.release()

    def stop(self) -> None:
        self._stopped = True
        self._room.release()

    def run(self) -> None:
        try:
            self._connection.sendall(self._head)
            for start in range(0, len(self._lines), PIECE_ORDERS):
                self._room.acquire()
                if self._stopped:
                    return
                piece = b"".join(self._lines[start : start + PIECE_ORDERS])
                self._connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
            self._connection.sendall(b"0\r\n\r\n")
        except OSError:
            return


def run(kills: int, orders: int, shards: int, seed: int = 1, kinds: tuple[str, ...] = KINDS) -> dict[str, Any]:
    """``violations`` is empty when every promise held."""
    conditions, workload = _harness.conditions(), Workload(seed=seed)
    rng, promises = random.Random(seed), Promises()
    lines = _lines(workload, orders)
    planned = _plan(rng, kills, kinds)
    recoveries_s: dict[str, list[float]] = defaultdict(list)
    with CrashServer(shards) as server:
        server.load(workload, orders)
        client = Client(server, promises)
        per_round = -(-len(lines) // (len(planned) + 1))
        for number, kind in enumerate(planned):
            part = lines[number * per_round : (number + 1) * per_round]
            killing = Killing(server, kind, rng)
            client.send(part, killing, rng.randrange(1, _last_moment(len(part))))
            recoveries_s[kind].append(killing.recovery_s)
            print(f"{number + 1}/{kills}: {kind}, {killing.recovery_s:.1f} s", file=sys.stderr)
        client.send(lines[len(planned) * per_round :])
        acknowledged, cut = len(promises.promised), client.cut
        lost = _resend(client, promises, lines)
        if server.terminate() != 0:
            promises.violations.append("serve did not end with 0 after SIGTERM")
        verdict = _verify(server.folder)
        promises.violations += _balance(promises, verdict)
        server.settings.unlink()
    return {
        "bench": "crash",
        "kills": dict(Counter(planned)),
        "recovery_s": {
            kind: {"median": round(statistics.median(took), 2), "max": round(max(took), 2)}
            for kind, took in sorted(recoveries_s.items())
        },
        "orders": len(lines),
        "acknowledged": acknowledged,
        "lost": lost,
        "duplicated": promises.duplicated,
        "changed": promises.changed,
        "streams_cut": cut,
        "verify_ok": verdict["ok"],
        "state_hash": verdict["state_hash"],
        "violation_count": len(promises.violations),
        "violations": promises.violations[:VIOLATIONS_TOLD],
        "shards": shards,
        "seed": seed,
        "conditions": conditions,
    }


def _last_moment(orders: int) -> int:
    """Answers after which pieces of the round are still unsent, so that every kill meets a stream under way."""
    return max(2, min(orders * 9 // 10, orders - 2 * PIECES_AHEAD * PIECE_ORDERS))


def _plan(rng: random.Random, kills: int, kinds: tuple[str, ...]) -> list[str]:
    """Every kind as often as the others, in random order."""
    planned = [kinds[number % len(kinds)] for number in range(kills)]
    rng.shuffle(planned)
    return planned


def _lines(workload: Workload, orders: int) -> list[bytes]:
    whole = -(-orders // CHUNK_ORDERS) * CHUNK_ORDERS
    return [line for chunk in workload.ndjson(whole) for line in chunk.splitlines(keepends=True)][:orders]


def _resend(client: Client, promises: Promises, lines: list[bytes]) -> int:
    """Send everything again; how many acknowledged orders the router takes for new because it lost them."""
    promises.decided = set(promises.promised)
    duplicated = promises.duplicated
    client.send(lines)
    return promises.duplicated - duplicated


def _verify(folder: pathlib.Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "actors.cli.main", "verify", "--json", "--data", str(folder)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if answer.returncode not in (0, 1):
        raise ServerFailed(f"verify ended with {answer.returncode}: {answer.stderr[-2_000:]}")
    verdict: dict[str, Any] = json.loads(answer.stdout)
    return verdict


def _balance(promises: Promises, verdict: dict[str, Any]) -> list[str]:
    """What the folder holds against what the client was promised."""
    wrong = [f"verify: {finding['where']}: {finding['what']}" for finding in verdict["findings"]]
    if verdict["orders"] != len(promises.promised):
        wrong.append(f"{verdict['orders']} orders are stored, {len(promises.promised)} ids were sent")
    totals = verdict["ledger"].get("totals", {})
    taken = totals.get("allocated", 0) + totals.get("held", 0)
    if taken != promises.units:
        wrong.append(f"the ledger took {taken} units, the acknowledgements promise {promises.units}")
    return wrong
