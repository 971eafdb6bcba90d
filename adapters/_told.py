"""What a partner tells of an order: an event as ``POST /v1/events`` takes it.

The answer to a call and the webhook about it are the same fact, so they become the same bytes, under an id that is made
of the partner's own; whichever comes first counts, and the other is a duplicate.
"""

from __future__ import annotations

import datetime as dt
import hashlib

import msgspec

from adapters._intents import OrderReference

ID_BYTES_MAX = 128
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MOMENT_MS_MAX = 253_402_300_799_999  # the end of the year 9999


class ToldEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Fields as docs/http.md has them; an empty one is not said."""

    event_id: str
    type: str
    order_id: str
    source: str
    at: str
    channel: str = ""
    seller: str = ""
    payment_id: str = ""
    amount: int | None = None  # minor units
    currency: str = ""
    method: str = ""
    reason: str = ""
    shipment_id: str = ""
    tracking_number: str = ""
    code: str = ""
    place: str = ""
    text: str = ""
    eta: str = ""

    def __repr__(self) -> str:
        return f"ToldEvent({self.type}, {self.event_id})"


def told(partner: str, fact_id: str, type: str, order: OrderReference, at_ms: int, **fields: str | int) -> ToldEvent:
    """An event about a fact that the partner knows by ``fact_id``."""
    return msgspec.convert(
        {
            "event_id": event_id(partner, fact_id),
            "type": type,
            "order_id": order.order_id,
            "channel": order.channel,
            "seller": order.seller,
            "source": partner,
            "at": rfc3339(at_ms),
            **fields,
        },
        ToldEvent,
    )


def event_id(partner: str, fact_id: str) -> str:
    """Of this partner alone, and never too long."""
    plain = f"{partner}:{fact_id}"
    if len(plain.encode()) <= ID_BYTES_MAX:
        return plain
    return f"{partner}:{hashlib.blake2b(fact_id.encode(), digest_size=16).hexdigest()}"


def rfc3339(moment_ms: int) -> str:
    """A moment in UTC, to the millisecond."""
    assert 0 <= moment_ms <= MOMENT_MS_MAX
    return (EPOCH + dt.timedelta(milliseconds=moment_ms)).isoformat(timespec="milliseconds")
