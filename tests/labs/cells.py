"""Cells as tests make them and look at them: by SKU and node, wherever they lie."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from router.arrow.arena import PrivateArena
from router.ledger.cells import ACCOUNTS, Cells

Units = Mapping[tuple[int, int], int]


def columns(cells: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """SKUs and nodes of cells."""
    return np.array([sku for sku, _ in cells], np.int32), np.array([node for _, node in cells], np.int16)


def cells_of(accounts: Mapping[str, Units]) -> Cells:
    """Cells that hold these units, opened one after the other."""
    cells = Cells(PrivateArena())
    for cell in {cell for units in accounts.values() for cell in units}:
        cells.open(*columns([cell]))
    set_units(cells, accounts)
    return cells


def set_units(cells: Cells, accounts: Mapping[str, Units]) -> None:
    """Let open cells hold these units."""
    at = place_of(cells)
    for account, units in accounts.items():
        if account == "available":
            continue
        for cell, qty in units.items():
            getattr(cells.units, account)[at[cell]] = qty
    available = accounts.get("available", {})
    before = held_in(cells, "available")
    put_available(cells, {cell: qty - before[cell] for cell, qty in available.items()})


def place_of(cells: Cells) -> dict[tuple[int, int], int]:
    """Where in the arrays each open cell lies."""
    listed = cells.listed()
    return dict(zip(zip(listed.sku.tolist(), listed.node.tolist(), strict=True), listed.cell.tolist(), strict=True))


def held_in(cells: Cells, account: str) -> dict[tuple[int, int], int]:
    """Units of an account by open cell, zeros too."""
    assert account in ACCOUNTS
    return {cell: int(getattr(cells.units, account)[at]) for cell, at in place_of(cells).items()}


def put_available(cells: Cells, more: Units) -> None:
    """Change what is available, and nothing else: what a fault in memory would do."""
    cells.open(*columns(list(more)))
    cells.put_available(*columns(list(more)), np.array(list(more.values()), np.int64))


def blocks_on(shelf: np.void, blocks: np.ndarray) -> list[np.void]:
    return [shelf["only"]] if shelf["blocks"] == 1 else list(blocks[shelf["first"] : shelf["first"] + shelf["blocks"]])


def stocked_in(cells: Cells) -> set[tuple[int, int]]:
    """Cells whose node's stock bit is set."""
    units = cells.units
    return {
        (sku, int(block["word"]) * 32 + bit)
        for sku, shelf in enumerate(units.shelves)
        for block in blocks_on(shelf, units.blocks)
        for bit in range(32)
        if int(block["stocked"]) >> bit & 1
    }
