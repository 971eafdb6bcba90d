"""Plain twin of kernels/plan/available.py: availability by the same atp as an allocation."""

from __future__ import annotations

from tests.reference.claim.hand_out import components
from tests.reference.plan.allocate import atp, has_lane


def available(world, cells, skus, channel, zone):
    """(units in all, units per node) for each SKU; channel or zone None masks nothing."""
    answers = []
    for sku in skus:
        parts = components(world, sku)
        per_node = []
        totals = [0] * len(parts)
        for number, node in enumerate(world["nodes"]):
            masked = not node["active"]
            if channel is not None:
                masked = masked or not node["channels"][channel]
            if zone is not None:
                masked = masked or not node["zones"][zone] or not has_lane(world, number, zone)
            units = [0 if masked else atp(world, cells, part, number) for part, _ in parts]
            per_node.append(min(have // qty for have, (_, qty) in zip(units, parts, strict=True)))
            totals = [total + have for total, have in zip(totals, units, strict=True)]
        answers.append((min(total // qty for total, (_, qty) in zip(totals, parts, strict=True)), per_node))
    return answers
