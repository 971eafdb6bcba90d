"""Stock movements as lines: every line is answered once, in its place, and those that are taken fit the ledger."""

from __future__ import annotations

import pyarrow as pa

from bench.trials.fuzz.goods import KEY, TABLES
from bench.trials.fuzz.targets import Examine
from router.arrow.arrays import numbers, record_batch
from router.log.columns import STOCK_RESULTS
from router.tables.stock_rows import KIND_NAMES, STATES, MovementKind, movement_results, parse_movements

WORDS = (
    *(b'"movement_id"', b'"kind"', b'"sku"', b'"node"', b'"qty"', b'"to_node"', b'"reference"', b'"A"', b'"SET"'),
    *(b'"N1"', b'"N2"', *(f'"{kind}"'.encode() for kind in KIND_NAMES), b"1000000000000", b"\n", b"\\ud800"),
    *(b'"state"', b'"reason"', *(f'"{state}"'.encode() for state in STATES), b'"inspection"'),
)


def examples(_: str) -> list[bytes]:
    good = b'{"movement_id":"m1","kind":"receipt","sku":"A","node":"N1","qty":5}'
    return [
        good,
        good.replace(b"receipt", b"transfer").replace(b"}", b',"to_node":"N2"}') + b"\n" + good,
        good.replace(b"receipt", b"set_aside").replace(b"}", b',"state":"blocked","reason":"recall"}'),
        good.replace(b"receipt", b"put_back").replace(b"}", b',"state":"inspection"}'),
        good.replace(b'"A"', b'"SET"') + b"\n\n{}\n" + good.replace(b"receipt", b"count").replace(b"5", b"0") + b"\n[",
    ]


def examine(_: str) -> Examine:
    return one


def one(data: bytes) -> None:
    parsed = parse_movements(data, TABLES, KEY)
    taken = parsed.batch.num_rows
    assert len(parsed.lines) == len(parsed.ids) == taken + len(parsed.refused), "every line is answered once"
    body = data.removeprefix(b"\xef\xbb\xbf")
    assert parsed.lines == [number for number, line in enumerate(body.split(b"\n"), 1) if line.strip()]
    for line, error in parsed.refused.items():
        assert error.row == line and len(error.detail) > 10, "a refusal names its line"
    if not taken:
        return
    skus, nodes, to_node = (numbers(parsed.batch, name) for name in ("sku", "node", "to_node"))
    assert skus.min() >= 0 and nodes.min() >= 0 and numbers(parsed.batch, "qty").min() >= 0, "a cell of the ledger"
    kind, state = numbers(parsed.batch, "kind"), numbers(parsed.batch, "state")
    travels = (kind == MovementKind.TRANSFER) | (kind == MovementKind.DISPATCH)
    assert ((to_node >= 0) == travels).all()
    of_a_state = (kind >= MovementKind.SET_ASIDE) & (kind <= MovementKind.SCRAP)
    assert ((state >= 0) == of_a_state).all() and (numbers(parsed.batch, "fingerprint") > 0).all()
    results = record_batch(STOCK_RESULTS, {"result": pa.array([0] * taken, pa.int8())})
    answers = movement_results(parsed, results)
    assert [answer["line"] for answer in answers] == parsed.lines
    assert sum(answer["status"] == "applied" for answer in answers) == taken
