"""Partners' figures beside the books: fetched page by page, compared by the desk's clock, differences become work.

The books are read outside of any transaction, because reading a day of them takes a while.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from actors.owners.desk.once import once
from actors.owners.desk.standings import Standings
from actors.store.desk import calls, items, reconciliations
from actors.store.desk.database import Database
from actors.store.desk.ids import uuid7
from actors.store.desk.repeats import Asked
from adapters import _intents
from adapters._intents import FiguresPage
from adapters._spec import Declined, Done
from adapters._transport.calls import Call
from router.feed.runs import FeedSource
from router.ids import U64, hash_text, scoped_id
from router.life.reconciling import Comparison, Figure, compared
from router.queries.text import time_text
from router.work.day_books import books_of_day
from router.work.item import WorkRefused, settled_in_words
from router.work.pay import PayTerms
from router.work.reconcile import (
    FIGURES_MAX,
    ReconcileAsked,
    Run,
    difference_id,
    difference_item,
    figures_json,
    found_view,
    page_named,
    run_view,
)

NO_RUN = "No comparison has this id; POST /v1/payments/reconcile gives one."


class Reconciling:
    """For any thread."""

    def __init__(
        self, database: Database, sources: Sequence[FeedSource], standings: Standings, terms: PayTerms, hash_key: U64
    ) -> None:
        """``hash_key``: of the data folder."""
        self._database = database
        self._sources = sources
        self._standings = standings
        self._terms = terms
        self._hash_key = hash_key

    def ask(self, asked: ReconcileAsked) -> bytes:
        """A new run as JSON, durable; raises WorkRefused with nothing done."""
        with self._database.write() as connection:
            named = Asked(asked.caller, asked.key, asked.digest)
            return once(connection, named, asked.now_ms, lambda: self._ask(connection, asked))

    def one(self, run_id: str) -> bytes:
        with self._database.read() as connection:
            run = reconciliations.find(connection, run_id)
        if run is None:
            raise WorkRefused("reconciliation_not_found", NO_RUN)
        return _view(run)

    def _ask(self, connection: Connection, asked: ReconcileAsked) -> bytes:
        if asked.figures is None and asked.partner not in self._terms.figures_of:
            said = f"partner: {asked.partner!r} is no partner that can be asked for its figures; send them as figures."
            raise WorkRefused("bad_parameter", said)
        run = Run(
            run_id=uuid7(asked.now_ms),
            partner=asked.partner,
            day=asked.day,
            state="asked" if asked.figures is None else "fetched",
            figures=figures_json(asked.figures or ()),
            asked_by=asked.caller,
            asked_ms=asked.now_ms,
        )
        reconciliations.add(connection, run)
        if asked.figures is None:
            _fetch(connection, run, 0, "", asked.now_ms)
        return _view(run)

    # --- answered by partners --------------------------------------------------------------------

    def ended(self, connection: Connection, call: Call) -> None:
        """What follows from a page; twice the same where the answer of the database was lost."""
        named = page_named(call.key) if isinstance(call.intent, _intents.Figures) else None
        run = None if named is None else reconciliations.find(connection, named[0])
        if named is None or run is None or run.state != "asked":
            return None
        outcome = call.outcome
        if not isinstance(outcome, Done) or not isinstance(outcome.result, FiguresPage):
            said = f"({outcome.code}): {outcome.detail}" if isinstance(outcome, Declined) else "no answer"
            return _fail(connection, run, f"{run.partner} does not give its figures {said}")
        page = outcome.result
        figures = [*run.there, *(Figure(*msgspec.structs.astuple(each)) for each in page.moved)]
        if len(figures) > FIGURES_MAX:
            return _fail(connection, run, f"{run.partner} has more than {FIGURES_MAX} figures of this day")
        state = "asked" if page.after else "fetched"
        run = msgspec.structs.replace(run, figures=figures_json(figures), state=state)
        reconciliations.put(connection, run)
        if page.after:
            _fetch(connection, run, named[1] + 1, page.after, run.asked_ms)
        return None

    # --- compared --------------------------------------------------------------------------------

    def tick(self, now_ms: int) -> None:
        """Compare what is there; in the thread of the desk's clock."""
        while True:
            with self._database.read() as connection:
                run = reconciliations.first_fetched(connection)
            if run is None:
                return
            there = run.there
            payments = {each.payment_id for each in there if each.payment_id}
            here = books_of_day(self._sources, run.span, payments, self._currency_of)
            with self._database.write() as connection:
                self._keep(connection, run, compared(here, there), now_ms)

    def _currency_of(self, place: int) -> str:
        standing = self._standings.after(place)
        return "" if standing is None else self._standings.currency_of(standing)

    def _keep(self, connection: Connection, run: Run, found: Comparison, now_ms: int) -> None:
        answer_ms = self._terms.answer_ms
        differing = [
            difference_item(run, each, self._order_key(each.order_id), now_ms, answer_ms) for each in found.differences
        ]
        items.add(connection, differing)
        agreed = [difference_id(run, payment_id, what) for payment_id, what in found.agreed]
        for item in items.open_among(connection, agreed):
            words = "the partner's figures and the books are one now"
            items.replace(connection, settled_in_words(item, words, now_ms))
        answer = msgspec.json.encode(found_view(run, found)).decode()
        reconciliations.put(connection, msgspec.structs.replace(run, state="done", figures="[]", answer=answer))

    def _order_key(self, order_id: str) -> str:
        if not order_id:
            return ""
        hi, lo = hash_text(self._hash_key, scoped_id(self._terms.scope, order_id, "", ""))
        return f"{hi:016x}{lo:016x}"


def _fetch(connection: Connection, run: Run, page: int, after: str, now_ms: int) -> None:
    day = run.span
    intent = _intents.Figures(key=run.call_key(page), from_ms=day.from_ms, until_ms=day.until_ms, after=after)
    calls.begin(connection, Call(partner=run.partner, intent=intent, next_at_ms=now_ms))


def _fail(connection: Connection, run: Run, detail: str) -> None:
    reconciliations.put(connection, msgspec.structs.replace(run, state="failed", figures="[]", detail=detail))


def _view(run: Run) -> bytes:
    return msgspec.json.encode(run_view(run, time_text(run.asked_ms)))
