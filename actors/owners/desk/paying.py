"""The parts of the desk that ask for money, made together: they know the same orders."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from actors.owners.desk.collecting import Collecting
from actors.owners.desk.pay_clock import PayClock
from actors.owners.desk.pay_news import PayNews
from actors.owners.desk.payments import Payments
from actors.owners.desk.standings import Standings
from actors.store.data_folder import now_ms
from actors.store.desk import payments
from actors.store.desk.database import Database
from router.work.pay import PayTerms
from router.work.told import low_half

FOLLOWED_MS = 180 * 86_400_000  # after the last change of its requests an order is followed so long


class Paying(NamedTuple):
    collecting: Collecting
    payments: Payments
    news: PayNews
    clock: PayClock


def paying(database: Database, standings: Standings, terms: PayTerms, now_ms: Callable[[], int] = now_ms) -> Paying:
    with database.read() as connection:
        followed = {low_half(key) for key in payments.followed(connection, now_ms() - FOLLOWED_MS)}
    collecting = Collecting(standings, terms, followed)
    return Paying(
        collecting,
        Payments(database, collecting, standings, terms),
        PayNews(collecting, standings, terms, followed, now_ms),
        PayClock(collecting, terms),
    )
