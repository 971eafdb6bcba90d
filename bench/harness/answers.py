"""Reads acknowledgements after the clock has stopped: counts, and a checksum that does not depend on the media type."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json
import xxhash

from router.errors import RouterError


class WrongAnswers(RouterError):
    """The router's answers are not those that the workload must get."""


class _Answer(msgspec.Struct):
    status: str
    order_id: str | None = None
    total: int | None = None
    duplicate: bool = False


@dataclass
class Answers:
    """Over all rounds of a bench. The checksum covers order id, status and total of every answer, in order."""

    by_status: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0
    total_minor: int = 0
    _digest: Any = field(default_factory=xxhash.xxh3_64)

    @property
    def count(self) -> int:
        return self.by_status.total()

    @property
    def checksum(self) -> str:
        return str(self._digest.hexdigest())

    def add(self, stream_format: str, body: bytes) -> None:
        if stream_format == "ndjson":
            self._add_lines(body)
        else:
            for batch in pa.ipc.open_stream(body):
                self._add_batch(batch)

    def _add_lines(self, body: bytes) -> None:
        decode = msgspec.json.Decoder(_Answer).decode
        for line in body.splitlines():
            answer = decode(line)
            self.by_status[answer.status] += 1
            self.duplicates += answer.duplicate
            self.total_minor += answer.total or 0
            self._digest.update(f"{answer.order_id or ''}|{answer.status}|{answer.total or 0}\n".encode())

    def _add_batch(self, batch: pa.RecordBatch) -> None:
        status = _strings(batch["status"])
        for counted in pc.value_counts(status).to_pylist():
            self.by_status[counted["values"]] += counted["counts"]
        total = pc.fill_null(batch["total"], 0)
        self.duplicates += pc.sum(batch["duplicate"].cast(pa.int64())).as_py() or 0
        self.total_minor += pc.sum(total).as_py() or 0
        ids = pc.fill_null(_strings(batch["order_id"]), "")
        lines = pc.binary_join_element_wise(ids, status, total.cast(pa.string()), "|")
        self._digest.update("".join(f"{line}\n" for line in lines.to_pylist()).encode())


_TOLD = ("event_id", "status", "state", "version")  # what the checksum covers
EVENT_FIELDS = pa.schema([*((name, pa.string()) for name in (*_TOLD[:3], "reason")), (_TOLD[3], pa.int32())])


@dataclass
class EventAnswers:
    """What events were told. The checksum covers event id, status, state and version of every answer, in order."""

    by_status: Counter[str] = field(default_factory=Counter)  # by the reason, where one was refused
    _digest: Any = field(default_factory=xxhash.xxh3_64)

    @property
    def checksum(self) -> str:
        return str(self._digest.hexdigest())

    def add(self, stream_format: str, body: bytes) -> pa.Array:
        """The state that each answer tells."""
        rows = _event_lines(body) if stream_format == "ndjson" else _event_batches(body)
        for counted in pc.value_counts(pc.coalesce(rows["reason"], rows["status"])).to_pylist():
            self.by_status[counted["values"]] += counted["counts"]
        texts = [pc.fill_null(rows[name].cast(pa.string()), "") for name in _TOLD]
        lines = pc.binary_join_element_wise(*texts, "\n", "|").combine_chunks()
        self._digest.update(memoryview(lines.buffers()[-1]) if len(lines) else b"")
        return rows["state"]


def _event_lines(body: bytes) -> pa.Table:
    options = pa.json.ParseOptions(explicit_schema=EVENT_FIELDS, unexpected_field_behavior="ignore")
    return pa.json.read_json(pa.BufferReader(body), parse_options=options)


def _event_batches(body: bytes) -> pa.Table:
    return pa.ipc.open_stream(body).read_all().select(EVENT_FIELDS.names)


def own_rows(body: bytes, *names: str) -> pa.Table:
    """Columns of an Arrow answer's rows that are orders of their own, which repeated ones are not."""
    table = pa.ipc.open_stream(body).read_all()
    return table.filter(pc.invert(table["duplicate"])).select(list(names))


def check_answers(answers: Answers, expected: dict[str, int]) -> None:
    """A fast wrong answer is no result. A repeated bad order may be answered as a duplicate or judged anew."""
    if answers.count != expected["orders"]:
        raise WrongAnswers(f"{answers.count} answers to {expected['orders']} orders.")
    if not 0 <= answers.duplicates - expected["duplicates"] <= expected["repeated_bad"]:
        raise WrongAnswers(f"{answers.duplicates} duplicates answered, {expected['duplicates']} sent.")
    if answers.by_status["rejected"] != expected["bad"]:
        raise WrongAnswers(f"{answers.by_status['rejected']} orders rejected, {expected['bad']} bad ones sent.")


def _strings(column: pa.Array) -> pa.Array:
    return column.cast(pa.string())
