"""What follows from answers of shards and of partners, and from acts of people: for refunds, shipments, and what
partners told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from actors.owners.desk.refunds import Refunds
from actors.owners.desk.shipments import Shipments
from actors.owners.desk.told_events import ToldEvents
from actors.store.data_folder import now_ms
from actors.store.desk.outbox import Letter
from adapters._spec import Declined, Done
from adapters._transport.calls import Call
from router.work.acts import Act
from router.work.item import WorkItem


class Following:
    """Satisfies ``sender.Follower``."""

    def __init__(self, refunds: Refunds, shipments: Shipments, told: ToldEvents) -> None:
        self._refunds = refunds
        self._shipments = shipments
        self._told = told

    def put_aside(self, connection: Connection, letter: Letter, answer: Mapping[str, Any], now_ms: int) -> bool:
        return self._told.put_aside(connection, letter, answer, now_ms)

    def heard(self, connection: Connection, letter: Letter, answer: Mapping[str, Any], now_ms: int) -> None:
        self._refunds.heard(connection, letter, answer, now_ms)
        self._shipments.heard(connection, letter, answer, now_ms)
        self._told.heard(connection, letter, answer, now_ms)

    def ended(self, connection: Connection, call: Call) -> None:
        """A call is final; what the partner told with it goes to the orders first."""
        if isinstance(call.outcome, Done | Declined):
            self._told.take(connection, call.outcome.events, now_ms())
        self._refunds.ended(connection, call)
        self._shipments.ended(connection, call)

    def decided(self, connection: Connection, item: WorkItem, act: Act) -> None:
        self._refunds.decided(connection, item, act)
        self._shipments.decided(connection, item, act)
        self._told.decided(connection, item, act)
