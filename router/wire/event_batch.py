"""What a gateway hands to a shard of the events that it read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from router.arrow.arrays import Bytes

Message = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class EventBatch:
    """One argument, so that Ray packs one object. No event of an order stands behind one of the same order that waits
    for the ledger's answer; see ``router/shard/split_events.py``."""

    batch_id: tuple[int, int]  # gateway incarnation, its batch number
    events: Bytes | Message  # IPC message of EVENTS
    payload: Bytes | Message  # IPC message of EVENT_PAYLOAD, row for row
    documents: Bytes | Message | None  # IPC stream of what people wrote, row for row; None where nobody wrote anything
    now_ms: int
