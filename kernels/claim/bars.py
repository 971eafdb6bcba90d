"""Bars: nodes that a claim is given nothing from, in a pool of places with a list for each claim.

    refused    of no SKU: the node will not send the line
    not found  of one SKU: its units were not where they should be

A place of no node (-1) is free, or its bar was lifted.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import inlined_rule, rule
from kernels.layout import INT64

Array = npt.NDArray[Any]


@inlined_rule
def free_bars(claim: Any, barred: Array, counts: Any) -> None:
    """Free the places of a claim's barred nodes."""
    while claim.barred >= 0:
        bar = barred[claim.barred]
        following = bar.after
        bar.node, bar.after = -1, counts.barred_free
        counts.barred_free = claim.barred
        claim.barred = following


@rule
def is_barred(claim: Any, sku: int, node: int, barred: Array) -> bool:
    """Whether a claim is given no units of a SKU from a node."""
    at = INT64(claim.barred)
    while at >= 0:
        bar = barred[at]
        if bar.node == node and (bar.sku < 0 or bar.sku == sku):
            return True
        at = INT64(bar.after)
    return False


@rule
def bar_node(claim: Any, sku: int, node: int, waiting: Any) -> None:
    """Bar a node, for a SKU or for all (-1); once."""
    at, lifted, counts = INT64(claim.barred), INT64(-1), waiting.counts[0]
    while at >= 0:
        bar = waiting.barred[at]
        if bar.node == node and bar.sku == sku:
            return
        if bar.node < 0:
            lifted = at
        at = INT64(bar.after)
    if lifted >= 0:
        waiting.barred[lifted].node, waiting.barred[lifted].sku = node, sku
        return
    place: int = counts.barred_free
    if place >= 0:
        counts.barred_free = INT64(waiting.barred[place].after)
    else:
        place = counts.barred_places
        counts.barred_places += 1
    added = waiting.barred[place]
    added.node, added.sku, added.after = node, sku, claim.barred
    claim.barred = place
