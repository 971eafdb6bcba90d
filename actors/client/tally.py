"""What became of the orders of a run: counts by status and reason, a few examples, the rejects."""

from __future__ import annotations

import collections
import re
from collections.abc import Callable

from actors.client.conflicts import CONFLICT, REPORTED, Conflict
from actors.client.reasons import Reasons
from actors.client.rejects import RejectsWriter
from actors.client.said_again import shown_values
from actors.client.sources import Block
from actors.client.wire import Answer

_NUMBER = re.compile(r"\[\d+\]")


class Tally:
    """Every answered order is counted once, under one status; one that conflicts when it is settled."""

    def __init__(self, writer: RejectsWriter | None) -> None:
        self._writer = writer
        self._settled: collections.deque[Conflict] = collections.deque()
        self.on_conflict: Callable[[Conflict], None] = self.settled
        self.by_status: collections.Counter[str] = collections.Counter()
        self.duplicates = 0
        self.repeated = 0  # duplicates of orders that this run itself had to send again
        self.rejected = Reasons()
        self.held = Reasons()
        self.payments: collections.Counter[str] = collections.Counter()  # events that were reported, by type
        self.changed: collections.Counter[str] = collections.Counter()  # fields of conflicts, lines taken together

    def answered(self, block: Block, at: int, answer: Answer) -> None:
        """``at``: which of the block's orders."""
        if answer.status == "rejected" and answer.reasons[:1] == [CONFLICT]:
            self.on_conflict(Conflict(block, at, answer))
        else:
            self._add(block, at, answer)
        if self._settled:
            self.count_settled()

    def settled(self, conflict: Conflict) -> None:
        """From any thread; it is counted by the one that is told of answers."""
        self._settled.append(conflict)

    def count_settled(self) -> None:
        while self._settled:
            self._count(self._settled.popleft())

    def _count(self, conflict: Conflict) -> None:
        if conflict.status != "rejected":
            self.by_status[conflict.status] += 1
            self.payments.update([conflict.event["type"]] if conflict.status == REPORTED else ())
            return
        self.changed.update({_NUMBER.sub("[]", change.path) for change in conflict.changed})
        values = [shown_values(change) for change in conflict.changed]
        self._add(conflict.block, conflict.at, conflict.answer, values)

    def _add(self, block: Block, at: int, answer: Answer, changed: list[dict[str, object]] | None = None) -> None:
        self.by_status[answer.status] += 1
        if answer.duplicate and block.resent:
            self.repeated += 1
        elif answer.duplicate:
            self.duplicates += 1
        if answer.status not in ("held", "rejected"):
            return
        reason = answer.reasons[0] if answer.reasons else "no_reason"
        told = {"row": block.rows[at], "order_id": answer.order_id}
        if answer.status == "held":
            twin = answer.duplicate_of_order_id
            self.held.add(reason, told | ({"duplicate_of": twin} if twin else {}))
            return
        told |= {"detail": answer.detail}
        self.rejected.add(reason, told | ({"changed": changed} if changed else {}))
        if self._writer is not None:
            self._writer.refused(block, at, answer)
