"""Ids of what the desk decides: UUIDs of version 7 (RFC 9562), which lie in the order of their time."""

from __future__ import annotations

import secrets
import uuid

_VERSION, _VARIANT = 7, 0b10


def uuid7(now_ms: int) -> str:
    """48 bits of milliseconds and 74 of chance."""
    chance = secrets.randbits(74)
    number = now_ms << 80 | _VERSION << 76 | (chance >> 62) << 64 | _VARIANT << 62 | chance & (1 << 62) - 1
    return str(uuid.UUID(int=number))
