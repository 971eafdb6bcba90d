"""How the money of orders stands, as the desk reads it from the shards' logs: after a change, or now."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np

from actors.process.names import shard_name
from actors.store.data_folder import DataFolder
from actors.store.mapped import SharedArenaReader
from actors.store.table_store import TableStore
from router.ids import U64
from router.life.payment_words import is_cash_on_delivery
from router.life.scratch import Scratch
from router.log.index import OrderIndexReader
from router.log.reference import in_shard, local_part, row_of, sequence_of, shard_part
from router.queries.money_standing import MoneyStanding, money_standing
from router.queries.source import RecordSource
from router.shard.partition import shard_of
from router.tables.compiled import Tables

Newest = Callable[[str], int | None]  # key of an order -> place of its newest record; None where there is no such order


class Standings:
    """For any thread."""

    def __init__(
        self, sources: Sequence[RecordSource], hash_key: U64, newest: Newest, tables_of: Callable[[int], Tables]
    ) -> None:
        """``hash_key``: of the data folder."""
        self._sources = sources
        self._newest = newest
        self._tables_of = tables_of
        self._scratch = Scratch(hash_key)
        self._one = threading.Lock()  # the scratch and the index are for one order at a time

    def due_minor(self, place: int) -> int:
        """What was due of an order after the change of this place; below 0: it has to get back."""
        found = self.after(place)
        return 0 if found is None else found.due_minor

    def says_cod(self, place: int) -> bool:
        """Whether the order of this place said that the carrier collects its money; False where it was erased."""
        local = local_part(place)
        document = self._sources[shard_part(place)].document(sequence_of(local), row_of(local))
        return is_cash_on_delivery((document or {}).get("payment"))

    def after(self, place: int) -> MoneyStanding | None:
        """After the change of this place; its own record named with its shard."""
        with self._one:
            return self._after(place)

    def _after(self, place: int) -> MoneyStanding | None:
        shard = shard_part(place)
        found = money_standing(self._sources[shard], local_part(place), self._scratch)
        return None if found is None else found._replace(reference=in_shard(shard, found.reference))

    def now(self, order_key: str) -> MoneyStanding | None:
        """As it is durable now; raises Retryable while its shard is writing that down."""
        with self._one:
            place = self._newest(order_key)
            return None if place is None else self._after(place)

    def currency_of(self, standing: MoneyStanding) -> str:
        return self._tables_of(standing.tables_version).currencies.text(standing.currency)


def standings_of(data: DataFolder, sources: Sequence[RecordSource]) -> Standings:
    """Over the indexes that the shards of a data folder show."""
    indexes = [OrderIndexReader(SharedArenaReader(data.shared / shard_name(number))) for number in range(len(sources))]

    def newest(order_key: str) -> int | None:
        hi, lo = int(order_key[:16], 16), int(order_key[16:], 16)
        shard = int(shard_of(np.array([lo], np.uint64), len(indexes))[0])
        found = indexes[shard].find(hi, lo)
        return None if found is None else in_shard(shard, found[0])

    return Standings(sources, data.key(), newest, TableStore(data.tables).load)
