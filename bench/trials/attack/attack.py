"""One kind of hostile input: what is sent, with a key of which role, and what is answered to it."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import msgspec
import pyarrow as pa

from bench.harness.asking import drive, request_bytes
from bench.harness.server import Server
from bench.harness.streaming import ARROW, NDJSON, ORDER_STREAM, Arriving, StreamBroken, Way, converse, framed, head_of
from bench.harness.streaming import Exchange as _Exchange

PIECE_BYTES = 1 << 20
WORDS_MAX = 100  # of what was said, in a report
_STREAMED = ("/v1/orders/stream", "/v1/events")


class Body(NamedTuple):
    """One request."""

    role: str
    method: str
    path: str
    media_type: str
    body: bytes


def orders(body: bytes, media_type: str = NDJSON) -> Body:
    return Body("channel", "POST", ORDER_STREAM["ndjson"].path, media_type, body)


def single_order(body: bytes) -> Body:
    return Body("channel", "POST", "/v1/orders", "application/json", body)


def arrow_orders(body: bytes) -> Body:
    return orders(body, ARROW)


def events(body: bytes, media_type: str = NDJSON) -> Body:
    return Body("service", "POST", "/v1/events", media_type, body)


def table(name: str, body: bytes, media_type: str = NDJSON) -> Body:
    return Body("ops", "PUT", f"/v1/tables/{name}", media_type, body)


@dataclass
class Told:
    """What was sent and answered, over all requests of an attack."""

    body_bytes: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    problem_bytes_max: int = 0  # of an answer that is one problem

    def add(self, other: Told) -> None:
        self.body_bytes += other.body_bytes
        self.answers += other.answers
        self.problem_bytes_max = max(self.problem_bytes_max, other.problem_bytes_max)

    def sent(self, body_bytes: int, words: str = "") -> None:
        self.body_bytes += body_bytes
        if words:
            self.answers[words] += 1


class Target:
    """A running router and keys for it, one a role."""

    def __init__(self, server: Server, keys: dict[str, str]) -> None:
        self.server = server
        self.keys = keys

    def send(self, given: Body) -> Told:
        """One request to its end; a router that hangs up is told as what it said."""
        return (_stream if given.path in _STREAMED else _whole)(self.server.address, self.keys[given.role], given)


Strike: TypeAlias = "Callable[[Target, Sequence[Body]], Told]"


def in_turn(target: Target, bodies: Sequence[Body]) -> Told:
    told = Told()
    for body in bodies:
        told.add(target.send(body))
    return told


def at_once(target: Target, bodies: Sequence[Body]) -> Told:
    """A connection each."""
    told, lock = Told(), threading.Lock()

    def one(body: Body) -> None:
        found = target.send(body)
        with lock:
            told.add(found)

    threads = [threading.Thread(target=one, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


@dataclass(frozen=True)
class Attack:
    """Bodies are made before the clock starts."""

    kind: str  # for ``--only``: the row of docs/security.md's table
    name: str
    make: Callable[[], Sequence[Body]] = tuple
    strike: Strike = in_turn
    keeps: bool = False  # what it brings is taken for good: rows of a table stay in memory, and so they should
    restores: tuple[str, ...] = ()  # tables to be loaded again afterwards


def _stream(address: tuple[str, int], key: str, given: Body) -> Told:
    way = Way(given.path, given.media_type, lambda _: None)  # type: ignore[arg-type, return-value]
    view = memoryview(given.body)
    chunks = (framed(view[at : at + PIECE_BYTES]) for at in range(0, len(view), PIECE_BYTES))
    arriving = Arriving(len(given.body) // 4)
    try:
        talk = converse(address, head_of(address, key, given.path, given.media_type), chunks, arriving.read)
    except OSError as fault:
        return Told(len(given.body), Counter({str(fault)[:WORDS_MAX]: 1}))
    raw = arriving.raw
    if not raw.startswith(b"HTTP/1.1 200"):
        return _problem(len(given.body), raw)
    try:
        body = _Exchange.of(way, talk, arriving).body
    except StreamBroken as fault:
        return Told(len(given.body), Counter({str(fault): 1}))
    return Told(len(given.body), statuses(body, given.media_type))


def _whole(address: tuple[str, int], key: str, given: Body) -> Told:
    told = Told(len(given.body))

    def note(_: int, _ms: float, status: int, body: bytes) -> None:
        told.answers[f"{status} {_code(body)}".strip()] += 1
        if status != 200:
            told.problem_bytes_max = max(told.problem_bytes_max, len(body))

    request = request_bytes(given.method, given.path, address, key, given.body, given.media_type)
    try:
        drive(address, [request], 1, note)
    except (OSError, TimeoutError) as fault:
        told.answers[str(fault)[:WORDS_MAX]] += 1
    return told


def _problem(body_bytes: int, raw: bytes) -> Told:
    head, _, body = raw.partition(b"\r\n\r\n")
    status = head[9:12].decode(errors="replace") or "nothing was answered"
    return Told(body_bytes, Counter({f"{status} {_code(body)}".strip(): 1}), len(body))


class _Problem(msgspec.Struct):
    code: str = ""


class _Answer(msgspec.Struct):
    status: str = "answered"
    code: str = ""  # of the problem that ends a stream


def _code(body: bytes) -> str:
    with contextlib.suppress(msgspec.DecodeError):
        return msgspec.json.decode(body, type=_Problem).code
    return ""


def statuses(body: bytes, media_type: str) -> Counter[str]:
    """Answers of a stream by status; what ended it by its code."""
    if media_type != ARROW:
        decode = msgspec.json.Decoder(_Answer).decode
        return Counter(answer.code or answer.status for answer in map(decode, body.splitlines()))
    found: Counter[str] = Counter()
    for batch in pa.ipc.open_stream(body):
        reason = "reasons" if "reasons" in batch.schema.names else "reason"
        for status, reasons in zip(batch["status"].to_pylist(), batch[reason].to_pylist(), strict=True):
            found[str(reasons) if status == "error" else status] += 1
    return found
