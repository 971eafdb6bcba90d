"""A question is answered once, under its number; another question under the same number is refused, never answered."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest

from router.ledger.path import ChangedQuestion, StaleOwner
from router.life.states import CellAccount as A
from router.log import kinds
from router.log.columns import CLAIMS, MOVES, NUMBERING, since
from router.log.kinds import Kind, form, version_of
from router.log.questions import Answered, AskedBy, digest_of, pack_answered, question_digest, unpack_answered
from router.log.records import INPUT, DamagedRecord, frame, read_batch, serialize
from router.ports import NOTHING_NUMBERED
from tests.labs.ledger_cases import (
    NOTHING_GIVEN_BACK,
    claims,
    moves,
    node,
    order,
    promotion,
    question,
    random_order,
    random_world,
    sku,
    withdrawals,
    world,
)
from tests.labs.ledger_shop import Journal, Shop, amendment, amends, reference

ONE = world([sku()], [node()], promotions=[promotion("A")])
ASKED = question(0, 1)
ORDERS = [order([(0, 2)]), order([(0, 1)], promotions=[0])]


def ask(shop, kind, changed=False):
    """One question of a kind, or another one under its number."""
    if kind == "decide":
        return shop.ledger.decide(ASKED, claims([ORDERS[0], ORDERS[1] | {"zone": 2 if changed else 1}]))
    if kind == "move":
        units = 2 if changed else 1
        batch = moves([(int(A.ALLOCATED), int(A.SHIPPED), 0, 0, units, -1)])
        return shop.ledger.move(question(0, 2), batch, NOTHING_GIVEN_BACK)
    return shop.ledger.amend(question(0, 3), amends([amendment(reference(0, 1), [], [(0, 0, 1 + changed)])]))


@pytest.mark.parametrize("again", ["at once", "from the log", "after a restart"])
@pytest.mark.parametrize("kind", ["decide", "move", "amend"])
def test_the_same_question_gets_the_first_answer_and_another_one_none(kind, again):
    shop = Shop(ONE, {(0, 0): 9})
    ask(shop, "decide")
    first = ask(shop, kind)
    if again == "after a restart":
        shop.open()
    before = shop.engine.state_hash()
    assert ask(shop, kind) == first
    with pytest.raises(ChangedQuestion, match=r"shard 0 asked another question under sequence \d before"):
        ask(shop, kind, changed=True)
    assert shop.engine.state_hash() == before
    ask(shop, "amend")  # the ledger lives on


def test_a_question_that_is_not_on_disk_yet_is_known_too():
    shop = Shop(ONE, {(0, 0): 9})
    first = shop.path.decide(ASKED, claims(ORDERS))
    assert shop.path.decide(ASKED, claims(ORDERS)) is first
    with pytest.raises(ChangedQuestion):
        shop.path.decide(ASKED, claims(ORDERS[:1]))


def test_another_kind_of_question_is_another_question():
    shop = Shop(ONE, {(0, 0): 9})
    shop.order(*ORDERS)
    with pytest.raises(ChangedQuestion):
        shop.ledger.move(question(0, 1), moves([]), NOTHING_GIVEN_BACK)


def test_a_bit_that_turned_in_an_entry_is_damage_and_no_other_question(monkeypatch):
    """The shard is not to blame: it would end, and be told to look at its tables."""
    shop = Shop(ONE, {(0, 0): 9})
    shop.ledger.decide(ASKED, claims(ORDERS))
    kept = shop.log.find_batch(0, 1)
    turned = bytes([kept.digest[0] ^ 4]) + kept.digest[1:]
    monkeypatch.setattr(shop.log, "find_batch", lambda shard, sequence: Answered(kept.sequence, turned))
    with pytest.raises(DamagedRecord, match="names another question than record 2 answers"):
        shop.ledger.decide(ASKED, claims(ORDERS))
    with pytest.raises(DamagedRecord, match="names another question than record 2 answers"):
        shop.ledger.move(question(0, 1), moves([]), NOTHING_GIVEN_BACK)


def test_when_and_by_whom_and_after_which_grants_it_is_asked_makes_no_other_question():
    shop = Shop(ONE, {(0, 0): 9})
    first = shop.order(*ORDERS)
    again = shop.ledger.decide(ASKED._replace(epoch=4, now_ms=5), claims(ORDERS))
    assert again.to_pylist() == first
    with pytest.raises(ChangedQuestion):
        shop.ledger.decide(ASKED._replace(epoch=4, tables_version=2), claims(ORDERS))
    with pytest.raises(StaleOwner):
        shop.ledger.decide(ASKED._replace(epoch=3), claims(ORDERS))


def test_an_answer_of_an_old_folder_is_found_without_a_digest():
    log = Journal()
    old = claims(ORDERS)
    shop = Shop(ONE, {(0, 0): 9})
    decision = shop.engine.decide(ASKED, old)
    narrow = form(Kind.DECISION, 0, 0)
    written = pa.RecordBatch.from_pylist(decision.to_pylist(), form(Kind.DECISION, 1, 0))
    record = frame(
        Kind.DECISION, INPUT, 1, [serialize(old.select(narrow.names)), serialize(written)], tables_version=1, now_ms=0,
        batch_id=1,
    )  # fmt: skip
    record[5] = 0  # of version 0
    log.append(1, INPUT, record, by_batch=AskedBy(0, 1, b""))
    again = Shop(ONE, log=log)
    assert again.order(*ORDERS) == decision.to_pylist()
    assert unpack_answered((7).to_bytes(8, "little"), "here") == Answered(7, b"")
    with pytest.raises(DamagedRecord, match="here: an entry of by_batch has 9 bytes"):
        unpack_answered(bytes(9), "here")


def test_the_digest_is_of_the_content_however_it_lies_in_memory():
    rng = random.Random(4)
    given = random_world(rng)
    for _ in range(50):
        batch = claims([random_order(rng, given) for _ in range(rng.randint(1, 6))])
        longer = pa.Table.from_batches([claims([random_order(rng, given)]), batch]).combine_chunks().to_batches()[0]
        digest = question_digest(Kind.DECISION, 1, 1, [batch])
        assert question_digest(Kind.DECISION, 1, 1, [longer.slice(1)]) == digest
        raw = serialize(batch)
        assert question_digest(Kind.DECISION, 1, 1, [pa.ipc.read_record_batch(pa.py_buffer(raw), CLAIMS)]) == digest
        rows = batch.to_pylist()
        column = rng.choice([name for name in CLAIMS.names if name not in ("lines", "promotions")])
        rows[-1][column] += 1
        assert question_digest(Kind.DECISION, 1, 1, [claims(rows)]) != digest
        rows = batch.to_pylist()
        rows[0]["lines"].append({"sku": 0, "qty": 1})
        assert question_digest(Kind.DECISION, 1, 1, [claims(rows)]) != digest
    splits = ([[(0, 1)], [(1, 1), (2, 1)]], [[(0, 1), (1, 1)], [(2, 1)]])
    one, two = (claims([order(lines) for lines in split]) for split in splits)
    assert question_digest(Kind.DECISION, 1, 1, [one]) != question_digest(Kind.DECISION, 1, 1, [two])
    assert question_digest(Kind.DECISION, 1, 2, [batch]) != question_digest(Kind.DECISION, 1, 1, [batch])


def test_a_column_that_came_later_does_not_make_an_answered_question_another_one(monkeypatch):
    shop = Shop(ONE, {(0, 0): 9})
    shop.order(*ORDERS)
    grown = pa.schema([*CLAIMS, since(version_of(Kind.DECISION) + 1, "seller", pa.int32(), -1)])
    with monkeypatch.context() as patched:
        patched.setitem(kinds.MESSAGES, Kind.DECISION, (grown, *kinds.MESSAGES[Kind.DECISION][1:]))
        for cached in (version_of, form):
            cached.cache_clear()
        record = shop.log.read(2, INPUT)
        wide = read_batch(record)
        assert wide.schema.names[-1] == "seller" and digest_of(record) == shop.log.find_batch(0, 1).digest
        told = wide.set_column(len(grown) - 1, grown.field("seller"), pa.array([5, 5], pa.int32()))
        assert shop.path.decide(ASKED, told).batch is not None
    for cached in (version_of, form):
        cached.cache_clear()


def test_lines_that_give_up_waiting_belong_to_the_question():
    digest = question_digest(Kind.MOVES, 1, 1, [withdrawals([(1, 2, 3)]), NOTHING_GIVEN_BACK, NOTHING_NUMBERED])
    assert digest != question_digest(Kind.MOVES, 1, 1, [withdrawals([(1, 2, 4)]), NOTHING_GIVEN_BACK, NOTHING_NUMBERED])
    assert len(MOVES) and pack_answered(3, digest)[8:] == digest


def test_numbers_that_are_wanted_belong_to_the_question_and_are_given_once():
    def wanted(count, seller="acme"):
        return pa.RecordBatch.from_pylist([{"seller": seller, "series": 1, "count": count}], schema=NUMBERING)

    shop = Shop(ONE, {(0, 0): 9})
    asked = moves([]), NOTHING_GIVEN_BACK
    first = [shop.ledger.move(question(0, at), *asked, wanted(2)) for at in (1, 1, 2)]
    assert [answer.to_pylist() for answer in first] == [[{"first": 1}], [{"first": 1}], [{"first": 3}]]
    for other in (wanted(3), wanted(2, "other"), NOTHING_NUMBERED):
        with pytest.raises(ChangedQuestion):
            shop.ledger.move(question(0, 1), *asked, other)
    runs = [shop.log.find_run("acme", 1, number) for number in range(6)]
    assert [run and run.sequence for run in runs] == [None, 1, 1, 2, 2, None]
    assert shop.log.find_run("acme", 2, 1) is None and shop.log.find_run("other", 1, 1) is None
