"""Availability as text, in plain Python: the specification of ``kernels/text/availability_json.py``."""

from __future__ import annotations

import json


def availability_json(rows: list[tuple[str, int, dict[str, int]]]) -> str:
    """(sku, units available, units by node) -> the objects, comma separated; nodes without units are left out."""
    objects = [
        {"sku": sku, "available": available, "nodes": {node: units for node, units in nodes.items() if units != 0}}
        for sku, available, nodes in rows
    ]
    return ",".join(json.dumps(one, separators=(",", ":"), ensure_ascii=False) for one in objects)
