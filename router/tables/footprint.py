"""How much memory a version of the tables takes, before it becomes one and before it is loaded.

What is dense is named by its two sides: a table that is small by rows may be large by what they span. The figures are
those of one process; see ``copies``. Constants are measured
(docs/tables.md) and rounded up.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from router.config import Config
from router.errors import RowError
from router.tables.compile_rates import plan_zones
from router.tables.compiled import Tables
from router.tables.row_types import TableRows
from router.tables.rows import Rows

SKU_BYTES = 800  # its id and name, their index, rows of kernels, an empty shelf
NODE_BYTES = 40_000  # its calendar of 1,201 days, parcels of 512 ship days
BAND_BYTES = 120
CELL_BYTES = 512  # units of a SKU at a node, what readers are shown, the movement's id, the row that it came as
_PER_SKU_AND_CURRENCY, _PER_SKU_AND_PROMOTION = 8, 1
_PER_NODE_AND_ZONE, _PER_NODE_AND_CHANNEL = 24, 2
GATEWAY_PROCESSES = 2  # a front and a stream gateway
_GIB = 1 << 30


class Extent(NamedTuple):
    """What a version spans."""

    skus: int
    currencies: int
    promotions: int
    nodes: int
    zones: int
    channels: int
    bands: int

    @property
    def bytes(self) -> int:
        """Of one process that has the version loaded."""
        return (
            self.skus * (SKU_BYTES + self.currencies * _PER_SKU_AND_CURRENCY + self.promotions * _PER_SKU_AND_PROMOTION)
            + self.nodes * (NODE_BYTES + self.zones * _PER_NODE_AND_ZONE + self.channels * _PER_NODE_AND_CHANNEL)
            + self.bands * BAND_BYTES
        )

    def __str__(self) -> str:
        sides = (
            f"{self.skus:,} SKUs x {self.currencies:,} currencies and {self.promotions:,} promotions, "
            f"{self.nodes:,} nodes x {self.zones:,} zones and {self.channels:,} channels, {self.bands:,} rates"
        )
        return f"{self.bytes / _GIB:.2f} GiB ({sides})"


NOTHING = Extent(0, 0, 0, 0, 0, 0, 0)


def copies(config: Config) -> int:
    """How often a version is in memory when it comes: shards, a ledger of its own, gateways, the tables actor, and once
    more there while it is packed for the disk."""
    engines = config.shards + (1 if config.shards > 1 else 0)
    return engines + GATEWAY_PROCESSES * config.gateways + 2


def extent_of(shapes: dict[str, list[int]]) -> Extent:
    """Of a compiled version, by the shapes of its arrays."""
    (skus, currencies), (promotions, _) = shapes["skus.price_minor"], shapes["promotions.sku_set"]
    (nodes, zones), (_, channels) = shapes["nodes.serves_zone"], shapes["nodes.serves_channel"]
    return Extent(skus, currencies, promotions, nodes, zones, channels, shapes["rates.band_min_g"][0])


def extent_after(rows: TableRows, tables: Tables) -> Extent:
    """Of accepted rows, before they are compiled; ``tables`` is the version before."""
    channels = {channel for row in rows.nodes for channel in row.channels or ()}
    channels |= {channel for row in rows.promotions for channel in row.when.channels or ()}
    return Extent(
        skus=_ever(tables.skus.ids, (row.sku for row in rows.skus)),
        currencies=_ever(tables.currencies, (row.currency for row in rows.skus)),
        promotions=len(rows.promotions),
        nodes=_ever(tables.nodes.ids, (row.node for row in rows.nodes)),
        zones=len(plan_zones(rows.rates, rows.nodes, tables.rates.zones).zones),
        channels=_ever(tables.channels, channels) + 1,
        bands=len(rows.rates),
    )


def _ever(before: Any, named: Any) -> int:
    """Numbers given out, those of the version before among them."""
    return len(before) + len({text for text in named if text not in before})


def no_room(
    upload: Rows, stored: TableRows, accepted: TableRows, tables: Tables, copies: int, left: int
) -> RowError | None:
    """Why an upload cannot become a version where ``left`` bytes are free; None: it can."""
    if upload.table == "stock":
        cells = _new_cells(upload, stored, left)
        needed, what = cells * CELL_BYTES, f"{cells:,} cells that had no units yet"
    else:
        extent = extent_after(accepted, tables)
        needed, what = extent.bytes * copies, f"{copies} times {extent}"
    if needed <= left:
        return None
    detail = (
        f"This takes more memory than there is: {needed / _GIB:.2f} GiB ({what}), and {left / _GIB:.2f} GiB are free. "
        "Nothing was applied; leave rows out, or give the machine more memory."
    )
    return RowError(upload.places[-1] if upload.places else 1, "", "memory", detail)


def _new_cells(upload: Rows, stored: TableRows, left: int) -> int:
    """Cells that an upload of stock may open; those that were there are counted where it matters."""
    rows: Any = upload.rows
    named = {(row.sku, row.node) for row in rows}
    if len(named) * CELL_BYTES > left:
        named.difference_update((row.sku, row.node) for row in stored.stock)
    return len(named)
