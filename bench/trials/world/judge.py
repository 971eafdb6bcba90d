"""What must hold when the month is over: nothing stands still unseen, and every book says the same.

orders     each is in a final state and owes nothing, or stands in a named queue of the desk
money      captured and refunded, payment by payment, are the provider's own figures; nothing was refunded twice
desk       one that reads the logs from the beginning has the same items
folder     ``verify``: shards, ledger and tables recomputed; units held by orders lie in the ledger's cells
"""

from __future__ import annotations

import pathlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import select

from actors.store.desk import place
from actors.store.desk.database import Database
from actors.store.desk.schema import WORK
from bench.trials.world.goods import PAY, Row
from bench.trials.world.house import ROWS_MAX
from bench.trials.world.month import Month
from router.feed.changes import ChangeReader
from router.feed.feed import Feed
from router.work.kinds import KINDS

FINAL = frozenset({"delivered", "returned", "cancelled", "rejected", "lost", "closed"})
WAITS = ("open", "claimed", "snoozed")


@dataclass
class Found:
    """What the books of all orders say together."""

    states: Counter[str] = field(default_factory=Counter)
    money: Counter[str] = field(default_factory=Counter)  # minor units
    queued: Counter[str] = field(default_factory=Counter)  # kinds of work of orders that are not final
    faults: list[str] = field(default_factory=list)
    payments: dict[str, Counter[str]] = field(default_factory=dict)


def looked_at(month: Month, rebuilt: pathlib.Path) -> Found:
    """Of a house that is open; ``rebuilt``: an empty folder for a second desk."""
    found = Found(faults=list(month.faults))
    waiting = _waiting(month)
    for order_id in month.buyers.order_ids:
        _count(found, month.house.view(order_id), waiting.get(order_id, []))
    found.faults += _payment_faults(month, found)
    found.faults += _desk_faults(month, rebuilt)
    return found


def _waiting(month: Month) -> dict[str, list[str]]:
    """Kinds of the items that wait for somebody, by order."""
    waiting: dict[str, list[str]] = {}
    with month.house.database.read() as connection:
        for row in connection.execute(select(WORK.c.order_id, WORK.c.kind).where(WORK.c.state.in_(WAITS))):
            waiting.setdefault(row.order_id, []).append(row.kind)
    return waiting


def _count(found: Found, view: Row, waiting: list[str]) -> None:
    found.states[view["state"]] += 1
    if view["state"] == "rejected":
        return
    found.money += Counter({name: minor for name, minor in view["money"].items() if name != "due"})
    found.money["owed to buyers"] += max(0, -view["money"]["due"])
    for payment in view["payments"]:
        accounts = found.payments.setdefault(payment["payment_id"], Counter())
        accounts += Counter({name: payment[name] for name in ("captured", "refunded")})
    if view["state"] not in FINAL or view["money"]["due"] or view["money"]["refunding"]:
        found.queued[",".join(sorted(waiting))] += 1
        if not waiting:
            found.faults.append(
                f"{view['order_id']} stands still unseen: {view['state']}, {view['payment_state']}, due "
                f"{view['money']['due']}, refunding {view['money']['refunding']}"
            )
    if any(
        sum(line["units"][stage] for stage in line["units"] if stage != "ordered") != line["qty"]
        for line in view["lines"]
    ):
        found.faults.append(f"{view['order_id']} has units in no stage")


def _payment_faults(month: Month, found: Found) -> Iterator[str]:
    for payment_id, held in month.bank.provider.payments.items():
        booked = found.payments.pop(payment_id, Counter())
        if (booked["captured"], booked["refunded"]) != (held.captured, held.refunded):
            told = f"captured {booked['captured']}, refunded {booked['refunded']}"
            yield f"payment {payment_id}: books say {told}, the provider {held.captured} and {held.refunded}"
    for payment_id, booked in found.payments.items():
        if booked["captured"] or booked["refunded"]:
            yield f"payment {payment_id} is in the books, and the provider does not know it"


def _desk_faults(month: Month, folder: pathlib.Path) -> Iterator[str]:
    """What the log tells comes again, with the same ids; what partners and people did is the desk's own."""
    kept, again = _items(month.house.database), _items(_rebuilt(month, folder))
    for work_id in kept.keys() - again.keys():
        yield f"a desk that is rebuilt lacks {kept[work_id]}"
    for work_id in again.keys() - kept.keys():
        yield f"a desk that is rebuilt has {again[work_id]}, which nobody saw"


def _items(database: Database) -> dict[str, str]:
    with database.read() as connection:
        rows = connection.execute(select(WORK.c.work_id, WORK.c.kind, WORK.c.order_id, WORK.c.cause_version)).all()
    return {
        row.work_id: f"{row.kind} of {row.order_id} since {row.cause_version}"
        for row in rows
        if not KINDS[row.kind].is_own
    }


def _rebuilt(month: Month, folder: pathlib.Path) -> Database:
    house = month.house
    database = Database(folder, "")
    with database.write() as connection:
        place.claim(connection, house.data.name)
    effect, clock = house.second_desk(database)
    feed = Feed(ChangeReader(house.sources, effect.columns), None)
    while feed.has_news:
        changes = [part.changes for part in feed.turn(ROWS_MAX)]
        effect.apply(changes, feed.cursor)
    while clock.tick(house.now_ms):
        pass
    return database


def refund_faults(month: Month) -> Iterator[str]:
    """As many refunds at the provider as calls that were done, each under its own key."""
    steps = [step for step in month.bank.provider.steps if step["status"] == "refunded"]
    done = month.house.calls_done(PAY)
    if len(steps) != done:
        yield f"{done} refunds were asked for and done, the provider made {len(steps)}"
