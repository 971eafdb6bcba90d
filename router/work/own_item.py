"""Work items that the desk raises itself, about refunds, shipments or parts of them; the same for the same cause."""

from __future__ import annotations

import hashlib
from typing import Protocol

from router.work.item import WorkItem, kept_text
from router.work.kinds import KINDS


class OfOrder(Protocol):
    """What is kept of a thing about an order."""

    @property
    def order_key(self) -> str: ...
    @property
    def order_id(self) -> str: ...
    @property
    def channel(self) -> str: ...
    @property
    def seller(self) -> str: ...
    @property
    def order_version(self) -> int: ...


def own_item(kind: str, of: OfOrder, cause: str, why: str, now_ms: int, answer_ms: int) -> WorkItem:
    row = KINDS[kind]
    return WorkItem(
        work_id=own_work_id(kind, cause),
        kind=kind,
        queue=row.queue,
        order_key=of.order_key,
        order_id=kept_text(of.order_id),
        channel=kept_text(of.channel),
        seller=kept_text(of.seller),
        cause_version=of.order_version,
        reason=kept_text(row.reason.format(why=why)),
        raised_ms=now_ms,
        deadline_ms=now_ms + answer_ms,
    )


def own_work_id(kind: str, cause: str) -> str:
    return hashlib.blake2b(f"{kind}:{cause}".encode(), digest_size=12).hexdigest()
