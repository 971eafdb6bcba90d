"""Attacks on one router in turn: each is measured, judged against the bounds, and told as a row."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator

import msgspec

from actors.process.memory import memory_left
from actors.store.keys import add_key
from bench.harness.server import Server
from bench.trials.attack import ground
from bench.trials.attack.attack import Attack, Target, Told
from bench.trials.attack.neighbour import Neighbour, Waits
from bench.trials.attack.watch import SERVE, Watch
from bench.trials.chaos.world import say

ROLES = ("ops", "channel", "service", "viewer")
BEHIND_S = 1.0  # the neighbour goes on asking for so long, and for at least so long in all
GIVEN_BACK_S = 5.0  # a gateway gives back what streams took when none was open for three seconds
KEPT_MIB_ENOUGH = 64.0  # nobody waits for less
ANSWERS_MAX = 4  # kinds of answers that a row tells


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    extra_mib_max: float = 1_024.0
    kept_mib_max: float = 512.0  # books and caches of what was taken, and the heap kept for an owner's next commit
    p99_ms_max: float = 1_000.0
    problem_bytes_max: int = 64 << 10  # an answer that only says no


class Row(msgspec.Struct, kw_only=True):
    kind: str
    name: str
    body_bytes: int
    seconds: float
    extra_parts_mib: dict[str, float]  # most that all processes together had more than before
    kept_parts_mib: dict[str, float]  # that they still had afterwards
    neighbour: Waits
    disk_bytes: int
    problem_bytes: int
    answered: dict[str, int]  # what was answered most comes first
    load: float  # of the machine, and what others have left of its memory, at the end
    available_gib: float
    breaches: list[str]

    @property
    def extra_mib(self) -> float:
        return sum(self.extra_parts_mib.values())

    @property
    def kept_mib(self) -> float:
        return sum(self.kept_parts_mib.values())

    @property
    def disk_per_byte(self) -> float:
        return self.disk_bytes / self.body_bytes if self.body_bytes else 0.0


class Campaign:
    """``with Campaign(server, bounds) as campaign: campaign.run(attacks)``; the server runs and has no tables yet."""

    def __init__(self, server: Server, bounds: Bounds) -> None:
        self._server = server
        self.bounds = bounds
        self._tables = {**ground.tables(), "promotions": b""}

    def __enter__(self) -> Campaign:
        now_ms = time.time_ns() // 1_000_000
        names = [*ROLES, "neighbour"]
        keys = {name: add_key(self._server.folder, name, _role(name), now_ms) for name in names}
        self._target = Target(self._server, keys)
        self._restore(self._tables)  # with the administrator's key: the new ones are known within a second
        time.sleep(1.0)
        self._neighbour = Neighbour(self._server.address, keys["neighbour"], f"neighbour-{now_ms}").__enter__()
        return self

    def __exit__(self, *fault: object) -> None:
        self._neighbour.__exit__(*fault)

    def run(self, attacks: Iterable[Attack]) -> Iterator[Row]:
        for attack in attacks:
            row = self.measured(attack)
            say(as_line(row))
            yield row
            if f"{SERVE} ended" in row.breaches:
                return
            self._restore(attack.restores)

    def measured(self, attack: Attack) -> Row:
        bodies = attack.make()
        with Watch(self._server) as watch:
            self._neighbour.begin()
            began_s = time.monotonic()
            told = attack.strike(self._target, bodies)
            took_s = time.monotonic() - began_s
            time.sleep(BEHIND_S)
            waits = self._neighbour.end()
            kept = watch.kept_mib(GIVEN_BACK_S, KEPT_MIB_ENOUGH)
        row = Row(
            kind=attack.kind,
            name=attack.name,
            body_bytes=told.body_bytes,
            seconds=round(took_s, 1),
            extra_parts_mib=watch.extra_mib(),
            kept_parts_mib=kept,
            neighbour=waits,
            disk_bytes=watch.written_bytes(),
            problem_bytes=told.problem_bytes_max,
            answered=dict(told.answers.most_common()),
            load=round(os.getloadavg()[0], 1),
            available_gib=round(memory_left() / 2**30, 1),
            breaches=[],
        )
        row.breaches = [*breaches(row, self.bounds, attack.keeps), *(f"{kind} ended" for kind in watch.ended())]
        return row

    def _restore(self, names: Iterable[str]) -> None:
        for name in names:
            self._server.put(name, self._tables[name])


def nothing() -> Attack:
    """What the neighbour waits while nobody attacks: how busy the machine is with others."""

    def strike(*_: object) -> Told:
        time.sleep(4.0)
        return Told()

    return Attack("calm", "nothing", strike=strike)


def _role(name: str) -> str:
    return "channel" if name == "neighbour" else name


def breaches(row: Row, bounds: Bounds, keeps: bool) -> list[str]:
    """Bounds that a row breaks, in words."""
    waits, found = row.neighbour, []
    passing_mib = row.extra_mib - (row.kept_mib if keeps else 0)
    if passing_mib > bounds.extra_mib_max:
        found.append(f"{passing_mib:,.0f} MiB more memory, at most {bounds.extra_mib_max:,.0f}")
    if row.kept_mib > bounds.kept_mib_max and not keeps:
        found.append(f"{row.kept_mib:,.0f} MiB were not given back, at most {bounds.kept_mib_max:,.0f}")
    if waits.p99_ms > bounds.p99_ms_max:
        found.append(f"the neighbour waited {waits.p99_ms:,.0f} ms (p99), at most {bounds.p99_ms_max:,.0f}")
    if waits.refused or waits.fault or not waits.asked:
        found.append(f"the neighbour was answered {waits.statuses}{' and ' + waits.fault if waits.fault else ''}")
    if row.problem_bytes > bounds.problem_bytes_max:
        found.append(f"a refusal of {row.problem_bytes:,} bytes, at most {bounds.problem_bytes_max:,}")
    return found


HEAD = (
    f"{'kind':<11}{'what':<45}{'body bytes':>12}{'s':>7}{'more MiB':>10}{'kept MiB':>10}{'p99 ms':>8}{'max ms':>8}"
    f"{'disk/byte':>10}  answered"
)


def as_line(row: Row) -> str:
    told = list(row.answered.items())
    answered = ", ".join(f"{count:,} × {words}" for words, count in told[:ANSWERS_MAX])
    more = f", {len(told) - ANSWERS_MAX} more kinds" if len(told) > ANSWERS_MAX else ""
    waits = row.neighbour
    line = (
        f"{row.kind:<11}{row.name:<45}{row.body_bytes:>12,}{row.seconds:>7.1f}{row.extra_mib:>10,.0f}"
        f"{row.kept_mib:>10,.0f}{waits.p99_ms:>8,.0f}{waits.max_ms:>8,.0f}{row.disk_per_byte:>10.2f}  {answered}{more}"
    )
    return "\n".join([line, *(f"{'':<11}BROKEN: {breach}" for breach in row.breaches)])
