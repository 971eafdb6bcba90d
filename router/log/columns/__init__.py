"""The columns an order consists of, from the wire to the log: names, types, units and who writes them.

    WIRE        gateway  -> shard     what the channel said, as strings and numbers (short-lived, has postcodes)
    ADMITTED    shard    -> log       the same resolved to table indices; no personal data
    CLAIMS      shard    -> ledger    what the order wants from everything countable
    DECISION    ledger   -> log,shard what it was given
    OUTCOME     shard    -> log       decision plus money: the acknowledgement in columns
    ACK         shard    -> gateway   OUTCOME for every row that was sent, duplicates included

    EVENTS      gateway  -> log       what an event says, as numbers and hashes; EVENT_PAYLOAD: what of it is shown
    EVENT_ACK   shard    -> gateway   what became of each event

All are Arrow record batches without dictionary types, so that one IPC message with a known schema
suffices. Money is int64 minor units; times are int64 milliseconds since the epoch, UTC; days are int32
days since the epoch. There is no float column. ``-1`` means "none" in every index and optional amount.
What else the ledger is asked and says stands in ``ledger.py``; ``fields.py`` says how a column is declared.
"""

from __future__ import annotations

from router.log.columns.decisions import CLAIMS, DECISION, STATUS_NAMES, Admission, Status
from router.log.columns.events import (
    EVENT_ACK,
    EVENT_OUTCOME,
    EVENT_PAYLOAD,
    EVENTS,
    MONEY_SHOWN,
    EventResult,
)
from router.log.columns.fields import default_of, since, since_of, was_nullable
from router.log.columns.ledger import (
    AMENDED,
    AMENDS,
    BASIS,
    GIVEN_BACK,
    GRANTED,
    GRANTS,
    MOVEMENTS,
    MOVES,
    NUMBERED,
    NUMBERING,
    PENDED,
    PENDING,
    STOCK_RESULTS,
    Amend,
    AmendResult,
    PendingStep,
)
from router.log.columns.orders import ACK, ADMITTED, OUTCOME, QUOTE, REQUIRED_FIELDS, WIRE, WIRE_SKUS

__all__ = [
    "ACK",
    "ADMITTED",
    "AMENDED",
    "AMENDS",
    "BASIS",
    "CLAIMS",
    "DECISION",
    "EVENTS",
    "EVENT_ACK",
    "EVENT_OUTCOME",
    "EVENT_PAYLOAD",
    "GIVEN_BACK",
    "GRANTED",
    "GRANTS",
    "MONEY_SHOWN",
    "MOVEMENTS",
    "MOVES",
    "NUMBERED",
    "NUMBERING",
    "OUTCOME",
    "PENDED",
    "PENDING",
    "QUOTE",
    "REQUIRED_FIELDS",
    "STATUS_NAMES",
    "STOCK_RESULTS",
    "WIRE",
    "WIRE_SKUS",
    "Admission",
    "Amend",
    "AmendResult",
    "EventResult",
    "PendingStep",
    "Status",
    "default_of",
    "since",
    "since_of",
    "was_nullable",
]
