"""The outbox: events that the desk decided, in the transaction that decided them; and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, func, or_, select, update

from actors.store.desk.database import insert_new
from actors.store.desk.schema import OUTBOX
from router.work.acts import without_words
from router.work.partner_told import PAUSE_MS, PAUSE_MS_MAX

WAITING = "waiting"
ASIDE = "aside"  # of a partner, and no order there yet that could take it
LET_GO = "let_go"  # by a person


class Letter(NamedTuple):
    """An event on its way to its shard."""

    event_id: str
    work_id: str  # "" = a timer's
    order_key: str
    event: str  # as JSON, whole
    made_ms: int
    status: str = WAITING
    answered_ms: int = 0
    answer: str = ""  # the shard's last one, as JSON


def put_in(connection: Connection, letters: Sequence[Letter]) -> None:
    """Those whose event is not there yet."""
    insert_new(connection, OUTBOX, [letter._asdict() for letter in letters], ["event_id"])


def waiting(connection: Connection, limit: int) -> list[Letter]:
    """The oldest ones, of each order its first alone: the next one waits for its answer."""
    first = select(func.min(OUTBOX.c.number)).where(OUTBOX.c.status == WAITING).group_by(OUTBOX.c.order_key)
    query = _letters().where(OUTBOX.c.number.in_(first)).order_by(OUTBOX.c.number).limit(limit)
    return [Letter(*row) for row in connection.execute(query)]


def answered(connection: Connection, letter: Letter, status: str, answer: str, now_ms: int) -> bool:
    """Keep what became of it, and no longer what people wrote in it; False where that was kept before."""
    waits = update(OUTBOX).where(OUTBOX.c.event_id == letter.event_id, OUTBOX.c.status == WAITING)
    kept = without_words(letter.event)
    done = connection.execute(waits.values(status=status, answer=answer, answered_ms=now_ms, event=kept))
    return done.rowcount == 1


def put_aside(connection: Connection, letter: Letter, answer: str, now_ms: int) -> None:
    """Keep it whole, for another try."""
    row = update(OUTBOX).where(OUTBOX.c.event_id == letter.event_id, OUTBOX.c.status == WAITING)
    connection.execute(row.values(status=ASIDE, answer=answer, answered_ms=now_ms))


def aside_due(connection: Connection, now_ms: int, limit: int) -> list[str]:
    """Events that were put aside and whose next try is due: after as long as was tried so far, within bounds."""
    waited_ms, tried_ms = now_ms - OUTBOX.c.answered_ms, OUTBOX.c.answered_ms - OUTBOX.c.made_ms
    is_due = and_(waited_ms >= PAUSE_MS, or_(waited_ms >= tried_ms, waited_ms >= PAUSE_MS_MAX))
    query = select(OUTBOX.c.event_id).where(OUTBOX.c.status == ASIDE, is_due).order_by(OUTBOX.c.answered_ms)
    return list(connection.execute(query.limit(limit)).scalars())


def letters(connection: Connection, event_ids: Sequence[str]) -> list[Letter]:
    rows = connection.execute(_letters().where(OUTBOX.c.event_id.in_(event_ids)).order_by(OUTBOX.c.number))
    return [Letter(*row) for row in rows]


def addressed(connection: Connection, letter: Letter) -> None:
    """What was put aside has found its order."""
    row = update(OUTBOX).where(OUTBOX.c.event_id == letter.event_id, OUTBOX.c.status == ASIDE)
    connection.execute(row.values(order_key=letter.order_key, event=letter.event))


def put_off(connection: Connection, letter: Letter, now_ms: int) -> None:
    """It stays aside, and was tried."""
    row = update(OUTBOX).where(OUTBOX.c.event_id == letter.event_id, OUTBOX.c.status == ASIDE)
    connection.execute(row.values(answered_ms=now_ms))


def again(connection: Connection, event_ids: Sequence[str]) -> None:
    """Send what was put aside."""
    rows = update(OUTBOX).where(OUTBOX.c.event_id.in_(event_ids), OUTBOX.c.status == ASIDE)
    connection.execute(rows.values(status=WAITING))


def let_go(connection: Connection, work_id: str, now_ms: int) -> None:
    """What was put aside, or is being tried, about an item is not tried any more, nor kept as it was told."""
    rows = _letters().where(OUTBOX.c.work_id == work_id, OUTBOX.c.status.in_((ASIDE, WAITING)))
    for row in connection.execute(rows).all():
        letter = Letter(*row)
        kept = {"status": LET_GO, "answered_ms": now_ms, "event": without_words(letter.event)}
        connection.execute(update(OUTBOX).where(OUTBOX.c.event_id == letter.event_id).values(**kept))


def of_items(connection: Connection, work_ids: Sequence[str]) -> dict[str, list[Letter]]:
    """What was decided about each, in order."""
    query = _letters().where(OUTBOX.c.work_id.in_(work_ids)).order_by(OUTBOX.c.number)
    found: dict[str, list[Letter]] = {}
    for row in connection.execute(query):
        letter = Letter(*row)
        found.setdefault(letter.work_id, []).append(letter)
    return found


def depth(connection: Connection) -> tuple[int, int]:
    """Letters that wait, and when the oldest was made."""
    query = select(func.count(), func.coalesce(func.min(OUTBOX.c.made_ms), 0)).where(OUTBOX.c.status == WAITING)
    count, oldest_ms = connection.execute(query).one()
    return int(count), int(oldest_ms)


def _letters() -> Any:
    return select(*(OUTBOX.c[name] for name in Letter._fields))
