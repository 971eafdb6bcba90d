"""Acknowledgements as JSON lines."""

from __future__ import annotations

import datetime
import json
from typing import Any

STATUS = ("allocated", "partially_allocated", "backordered", "held", "rejected")


def ack_json(rows: list[dict[str, Any]]) -> bytes:
    """One line a row. A row has the fields of ``number`` by their names in small letters, its texts, the list of
    its reasons' codes, and lines of (line_id, sku, [(sku, node, qty)], backordered)."""
    return b"".join(_line(row) for row in rows)


def _line(row: dict[str, Any]) -> bytes:
    day = row["promise_day"]
    answer = {
        "order_id": row["order_id"],
        "status": STATUS[row["status"]],
        "total": row["total"],
        "currency": row["currency"],
        "discount": row["discount"],
        "tax": row["tax"],
        "shipping": row["shipping"],
        "lines": [
            {
                "line_id": line_id or str(number),
                "sku": sku,
                "allocations": [_allocation(sku, *allocation) for allocation in allocations],
                "backordered": backordered,
            }
            for number, (line_id, sku, allocations, backordered) in enumerate(row["lines"], start=1)
        ],
        "parcels": row["parcels"],
        "promise_date": None if day < 0 else str(datetime.date(1970, 1, 1) + datetime.timedelta(days=day)),
        "reasons": row["reasons"],
        "duplicate": bool(row["duplicate"]),
        "cursor": f"{row['shard']}:{row['sequence']}:{row['row']}",
    }
    if row["detail"] is not None:
        answer |= {"detail": row["detail"], "line": row["line"]}
    if row["twin"] >= 0:
        answer["duplicate_of"] = f"{row['twin'] >> 48}:{row['twin'] >> 16 & 0xFFFFFFFF}:{row['twin'] & 0xFFFF}"
    return json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _allocation(line_sku: str, sku: str, node: str, qty: int) -> dict[str, Any]:
    own = {} if sku == line_sku else {"sku": sku}
    return {"node": node, **own, "qty": qty}
