"""One router under load with everything that was promised: where faults strike, and the verdict at the end."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from bench.harness.server import ServerFailed
from bench.harness.tables import tables_for
from bench.harness.wires import WIRES
from bench.harness.workload import Workload
from bench.trials.chaos.feed import EventFeed, Feed, OrderFeed
from bench.trials.chaos.promises import Promises, Row
from bench.trials.chaos.router import ChaosRouter

LOOK_EVERY_S = 0.05
RECOVERY_S_MAX = 180.0
TOLD_MAX = 10


class World:
    """``with World(router, orders) as world: …; world.verdict()``; stock is short for as many orders."""

    def __init__(self, router: ChaosRouter, orders: int, seed: int = 1, forms: Sequence[str] = tuple(WIRES)) -> None:
        self.router = router
        self.rng = random.Random(seed)
        self.promises = Promises()
        self.workload = Workload(seed=seed)
        self._orders = orders
        self._forms = forms
        self.feeds: list[Feed] = []  # of orders
        self.events: EventFeed | None = None

    def __enter__(self) -> World:
        self.router.__enter__()
        try:
            self.router.load(self.workload, self._orders)
            self.feeds = [OrderFeed(self.router, self.promises, self.workload, form) for form in self._forms]
            for feed in self.feeds:
                feed.start()
            self.moves()
            self.events = EventFeed(self.router, self.promises)
            self.events.start()
        except BaseException:
            self.router.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *fault: Any) -> None:
        self.router.__exit__(*fault)

    @property
    def answered(self) -> int:
        return sum(feed.answered for feed in self.feeds)

    def stock(self) -> list[Row]:
        return list(tables_for(self.workload, self._orders)["stock"])

    def moves(self, seconds_max: float = RECOVERY_S_MAX) -> float:
        """Return when every feed has got answers that it had not; how long that took."""
        before = [feed.answered for feed in self.feeds]
        return self.until(
            lambda: all(feed.answered > had for feed, had in zip(self.feeds, before, strict=True)),
            "orders are answered on every feed",
            seconds_max,
        )

    def until(self, true: Callable[[], bool], what: str, seconds_max: float = RECOVERY_S_MAX) -> float:
        """Wait for a condition; how long that took."""
        began_s = time.monotonic()
        while not true():
            for feed in self._all_feeds():
                feed.check()
            if time.monotonic() - began_s > seconds_max:
                raise ServerFailed(f"not within {seconds_max:.0f} s: {what}\n{self.router.last_words()}")
            time.sleep(LOOK_EVERY_S)
        return time.monotonic() - began_s

    def _all_feeds(self) -> list[Feed]:
        return [*self.feeds, *([self.events] if self.events else [])]

    def verdict(self) -> dict[str, Any]:
        """Let everything be answered, ask for everything again, end the router and look into its folder."""
        assert self.events is not None, "the world has begun"
        for feed in self._all_feeds():
            feed.finish()
        promises = self.promises
        acknowledged, duplicated = len(promises.promised), promises.duplicated
        promises.decided = set(promises.promised)
        for feed in self._all_feeds():
            feed.send_again()
        lost = promises.duplicated - duplicated  # taken for new, although it was acknowledged
        self.router.terminate()
        verdict = self.router.verify()
        oversold = promises.balance_stock(verdict, self.stock())
        return {
            "orders": sum(feed.answered for feed in self.feeds),
            "acknowledged": acknowledged,
            "recovered": acknowledged - lost,
            "lost": lost,
            "duplicated": duplicated,
            "changed": promises.changed,
            "rejected": promises.rejected,
            "oversold": oversold,
            "events": self.events.answered,
            "events_applied": len(self.events.promises.applied),
            "streams": sum(feed.sending.streams for feed in self.feeds),
            "streams_cut": sum(feed.sending.cut for feed in self.feeds),
            "refused_with": sorted({text for feed in self.feeds for text in feed.refusals})[:TOLD_MAX],
            "verify_ok": verdict["ok"],
            "state_hash": verdict["state_hash"],
            "violation_count": len(promises.violations),
            "violations": promises.violations[:TOLD_MAX],
        }


def say(sentence: str) -> None:
    """Progress, for people."""
    print(sentence, file=sys.stderr, flush=True)
