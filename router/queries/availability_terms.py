"""What a question about availability says, in the numbers of one version of the tables."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.config import Policy
from router.ledger.tables import lay_out
from router.tables.compiled import Tables
from router.tables.places import PlaceResolver

I32 = npt.NDArray[np.int32]

ANY = -1


class AvailabilityTerms:
    """Numbers of SKUs, channels and zones, and the laid out tables that ``router.queries.availability`` takes."""

    def __init__(self, tables: Tables, policy: Policy) -> None:
        self.layout = lay_out(tables, policy)
        self._tables = tables
        self._places = PlaceResolver(tables, places_max=1)

    def channel_index(self, channel: str) -> int:
        """The column of the channel's masks; ANY for no name."""
        if not channel:
            return ANY
        found = self._tables.channels.index(channel)
        return len(self._tables.channels) if found < 0 else found

    def zone(self, country: str, region: str, postcode: str) -> int:
        """The zone of an address; ANY for none."""
        return self._places.answer(country, region, postcode).zone if country or region or postcode else ANY

    def find(self, skus: list[str]) -> tuple[I32, list[str]]:
        """Numbers of the SKUs that a table names, and the others."""
        numbers = self._tables.skus.ids.find(pa.array(skus, pa.string()))
        known = numbers >= 0
        if known.all():
            return numbers, []
        return numbers[known], [skus[at] for at in np.flatnonzero(~known)]
