"""What follows from answers of shards and of partners and from acts of people: for refunds, for money that was asked
for, for shipments, for waves, and for what partners told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection

from actors.owners.desk.collecting import Collecting
from actors.owners.desk.reconciling import Reconciling
from actors.owners.desk.refunds import Refunds
from actors.owners.desk.shipments import Shipments
from actors.owners.desk.told_events import ToldEvents
from actors.owners.desk.waves import Waves
from actors.store.data_folder import now_ms
from actors.store.desk.outbox import Letter
from adapters._spec import Declined, Done
from adapters._transport.calls import Call
from router.work.acts import Act
from router.work.item import WorkItem


class Following:
    """Satisfies ``sender.Follower``."""

    def __init__(
        self, refunds: Refunds, collecting: Collecting, reconciling: Reconciling, shipments: Shipments, waves: Waves,
        told: ToldEvents, clock_ms: Callable[[], int] = now_ms,
    ) -> None:  # fmt: skip
        self._refunds = refunds
        self._collecting = collecting
        self._reconciling = reconciling
        self._shipments = shipments
        self._waves = waves
        self._told = told
        self._clock_ms = clock_ms

    def put_aside(self, connection: Connection, letter: Letter, answer: Mapping[str, Any], now_ms: int) -> bool:
        return self._told.put_aside(connection, letter, answer, now_ms)

    def heard(self, connection: Connection, letter: Letter, answer: Mapping[str, Any], now_ms: int) -> None:
        self._refunds.heard(connection, letter, answer, now_ms)
        self._shipments.heard(connection, letter, answer, now_ms)
        self._waves.heard(connection, letter, answer, now_ms)
        self._told.heard(connection, letter, answer, now_ms)

    def ended(self, connection: Connection, call: Call) -> None:
        """A call is final; what the partner told with it goes to the orders first."""
        now = self._clock_ms()
        if isinstance(call.outcome, Done | Declined):
            self._told.take(connection, call.outcome.events, now)
        self._refunds.ended(connection, call)
        self._collecting.ended(connection, call, now)
        self._reconciling.ended(connection, call)
        self._shipments.ended(connection, call)

    def decided(self, connection: Connection, item: WorkItem, act: Act) -> None:
        self._refunds.decided(connection, item, act)
        self._shipments.decided(connection, item, act)
        self._told.decided(connection, item, act)
