"""What became of the orders of a run: counts by status and reason, a few examples, the rejects."""

from __future__ import annotations

import collections
import re
from collections.abc import Callable, Iterable, Iterator

from actors.client.conflicts import CONFLICT, REPORTED, Conflict
from actors.client.rejects import Place, RejectsWriter, Unanswered
from actors.client.said_again import shown_values
from actors.client.sources import Block
from actors.client.wire import Answer

EXAMPLES_MAX = 3
_NUMBER = re.compile(r"\[\d+\]")


class Tally:
    """Every answered order is counted once, under one status; one that conflicts when it is settled."""

    def __init__(self, writer: RejectsWriter | None) -> None:
        self._writer, self._unanswered = writer, Unanswered()
        self._settled: collections.deque[Conflict] = collections.deque()
        self.on_conflict: Callable[[Conflict], None] = self.settled
        self.by_status: collections.Counter[str] = collections.Counter()
        self.duplicates = 0
        self.repeated = 0  # duplicates of orders that this run itself had to send again
        self.rejected: collections.Counter[str] = collections.Counter()
        self.examples: dict[str, list[dict[str, object]]] = {}  # the first few of each reason
        self.payments: collections.Counter[str] = collections.Counter()  # events that were reported, by type
        self.changed: collections.Counter[str] = collections.Counter()  # fields of conflicts, lines taken together

    def watch(self, blocks: Iterable[Block]) -> Iterator[Block]:
        return self._unanswered.watch(blocks)

    def answered(self, row: int, resent: bool, answer: Answer) -> None:
        place = self._unanswered.answered()
        if answer.status == "rejected" and answer.reasons[:1] == [CONFLICT]:
            self.on_conflict(Conflict(*place, row, resent, answer))
        else:
            self._add(place, row, resent, answer)
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
        self._add((conflict.block, conflict.at), conflict.row, conflict.resent, conflict.answer, values)

    def _add(
        self, place: Place, row: int, resent: bool, answer: Answer, changed: list[dict[str, object]] | None = None
    ) -> None:
        self.by_status[answer.status] += 1
        if answer.duplicate and resent:
            self.repeated += 1
        elif answer.duplicate:
            self.duplicates += 1
        if answer.status != "rejected":
            return
        for reason in answer.reasons[:1] or ["no_reason"]:
            self.rejected[reason] += 1
            kept = self.examples.setdefault(reason, [])
            if len(kept) < EXAMPLES_MAX:
                told = {"row": row, "order_id": answer.order_id, "detail": answer.detail}
                kept.append(told | ({"changed": changed} if changed else {}))
        if self._writer is not None:
            self._writer.refused(*place, answer)
