"""What follows from answers of shards and from acts of people: for refunds, waves, and for what partners told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from actors.owners.desk.refunds import Refunds
from actors.owners.desk.told_events import ToldEvents
from actors.owners.desk.waves import Waves
from actors.store.desk.outbox import Letter
from router.work.acts import Act
from router.work.item import WorkItem


class Following:
    """Satisfies ``sender.Follower``."""

    def __init__(self, refunds: Refunds, told: ToldEvents, waves: Waves) -> None:
        self._refunds = refunds
        self._waves = waves
        self._told = told

    def put_aside(self, connection: Connection, letter: Letter, answer: Mapping[str, Any], now_ms: int) -> bool:
        return self._told.put_aside(connection, letter, answer, now_ms)

    def heard(self, connection: Connection, letter: Letter, answer: Mapping[str, Any], now_ms: int) -> None:
        self._refunds.heard(connection, letter, answer, now_ms)
        self._waves.heard(connection, letter, answer, now_ms)
        self._told.heard(connection, letter, answer, now_ms)

    def decided(self, connection: Connection, item: WorkItem, act: Act) -> None:
        self._refunds.decided(connection, item, act)
        self._told.decided(connection, item, act)
