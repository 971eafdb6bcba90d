"""Tracking numbers of our own, for parcels whose carrier gives none: ``OR`` and 20 digits, the last one their GS1 check
digit. Made of the shipment's id, so the same shipment has the same number, whoever makes it."""

from __future__ import annotations

import hashlib

from router.tracking.check_digits import gs1

_DIGITS = 19  # an even number with the check digit, so that Code 128 writes two digits a sign


def own_number(shipment_id: str) -> str:
    number = int.from_bytes(hashlib.blake2b(shipment_id.encode(), digest_size=16).digest()) % 10**_DIGITS
    body = f"{number:0{_DIGITS}d}"
    return f"OR{body}{gs1(body)}"
