"""What a phase's answers say, counted when its clock has stopped, and checked against what must be said."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from bench.harness.answers import Answers, check_answers


class _Allocation(msgspec.Struct):
    qty: int


class _AnswerLine(msgspec.Struct):
    allocations: list[_Allocation] = []


class _Answer(msgspec.Struct):
    status: str = ""
    lines: list[_AnswerLine] = []
    duplicate: bool = False
    reasons: list[str] = []


@dataclass
class Tally:
    by_status: Counter[str]
    reasons: Counter[str]
    duplicates: int
    accepted: int  # new and not rejected
    units: int  # promised to them
    checksum: str


@dataclass
class Totals:
    """Over all phases of a run."""

    accepted: int = 0
    units: int = 0

    def add(self, told: Tally) -> None:
        self.accepted += told.accepted
        self.units += told.units


def tally(stream_format: str, body: bytes, expected: dict[str, int]) -> Tally:
    """Raises ``WrongAnswers`` when answers are not those that these orders must get."""
    answers = Answers()
    answers.add(stream_format, body)
    check_answers(answers, expected)
    accepted, units, reasons = (_of_lines if stream_format == "ndjson" else _of_batches)(body)
    return Tally(answers.by_status, reasons, answers.duplicates, accepted, units, answers.checksum)


def _of_lines(body: bytes) -> tuple[int, int, Counter[str]]:
    decode = msgspec.json.Decoder(_Answer).decode
    accepted, units, reasons = 0, 0, Counter[str]()
    for text in body.splitlines():
        answer = decode(text)
        reasons.update(answer.reasons)
        if not answer.duplicate and answer.status != "rejected":
            accepted += 1
            units += sum(part.qty for line in answer.lines for part in line.allocations)
    return accepted, units, reasons


def _of_batches(body: bytes) -> tuple[int, int, Counter[str]]:
    accepted, units, reasons = 0, 0, Counter[str]()
    for batch in pa.ipc.open_stream(body):
        said = pc.value_counts(pc.list_flatten(batch["reasons"])).to_pylist()
        reasons.update({one["values"]: one["counts"] for one in said})
        is_new = pc.and_(pc.invert(batch["duplicate"]), pc.not_equal(batch["status"].cast(pa.string()), "rejected"))
        new = batch.filter(is_new)
        accepted += new.num_rows
        parts = pc.list_flatten(pc.struct_field(pc.list_flatten(new["lines"]), "allocations"))
        units += pc.sum(pc.struct_field(parts, "qty").cast(pa.int64())).as_py() or 0
    return accepted, units, reasons
