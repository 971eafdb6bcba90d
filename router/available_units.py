"""Units available to promise, from the ledger's published cells: the same masks an allocation uses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.available import available
from router.cells import CellsReader
from router.config import Policy
from router.ledger_tables import lay_out
from router.tables.compiled import Tables
from router.tables.places import PlaceResolver

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

ANY = -1


@dataclass(frozen=True)
class Units:
    """Answers to some of the SKUs asked for, in the order asked."""

    sequence: int  # of the newest ledger record the answer includes
    skus: I32
    total: I64
    per_node: I64  # (SKUs, nodes)


class AvailableUnits:
    """Looks units up with the names and masks of one version of the tables."""

    def __init__(self, tables: Tables, policy: Policy) -> None:
        self._tables = tables
        self._layout = lay_out(tables, policy)
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

    def look_up(self, cells: CellsReader, skus: I32, channel: int, zone: int) -> Units:
        """Units to promise of SKU numbers; raises BlockBusy while the cells are being recovered."""
        layout = self._layout
        shape = len(layout.skus), len(layout.nodes)
        total, per_node = np.zeros(len(skus), np.int64), np.zeros((len(skus), shape[1]), np.int64)

        def copy(units: I64, held: I64, allocated: I64) -> None:
            available(
                skus, channel, zone, layout.skus, layout.components, layout.nodes, layout.channel_nodes,
                layout.ship_nodes, layout.active_nodes, layout.goods_nodes, _covering(units, shape), total, per_node,
            )  # fmt: skip

        if not len(skus) or not shape[1]:
            return Units(cells.read(lambda *_: None), skus, total, per_node)
        assert skus.min() >= 0 and skus.max() < shape[0] and ANY <= channel < len(layout.channel_nodes)
        assert ANY <= zone < len(layout.ship_nodes)
        return Units(cells.read(copy), skus, total, per_node)


def _covering(units: I64, shape: tuple[int, int]) -> I64:
    """The cells, with zeros for SKUs and nodes of a table that the ledger has not taken up yet."""
    if units.shape[0] >= shape[0] and units.shape[1] >= shape[1]:
        return units
    wider = np.zeros((max(shape[0], units.shape[0]), max(shape[1], units.shape[1])), np.int64)
    wider[: units.shape[0], : units.shape[1]] = units
    return wider
