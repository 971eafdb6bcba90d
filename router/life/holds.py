"""Names of holds that the router itself puts on."""

from __future__ import annotations

REVIEW = "review"  # of an order that waits to be looked at, or to be paid
