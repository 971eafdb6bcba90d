from __future__ import annotations

import pyarrow as pa
import pytest

from router.log.columns import EVENT_OUTCOME
from router.log.documents import document_of
from router.log.kinds import Kind, version_of
from router.log.memory import MemoryLog
from router.log.records import (
    HEADER_BYTES,
    DamagedRecord,
    MissingRecord,
    erase_row,
    frame,
    frame_documents,
    parse,
    read_batch,
    read_documents,
    seal,
    serialize,
    write_documents,
)
from router.log.tail import LogTail


def small_record(sequence: int = 7, part: int = 0, text: bytes = b"12345678") -> bytearray:
    return frame(
        Kind.STOCK, part, sequence, [text, b""], tables_version=3, now_ms=-5, batch_id=2**63 + 1, batch_number=9
    )


def outcome_batch(rows: int) -> pa.RecordBatch:
    """With a move of units in every second row."""
    kind = EVENT_OUTCOME.field("units").type.value_type
    move = {field.name: 7 for field in kind}
    flat = [field.name for field in EVENT_OUTCOME if not pa.types.is_list(field.type)]
    columns = [{name: row % 100 for name in flat} | {"units": [move] * (row % 2), "money": []} for row in range(rows)]
    return pa.RecordBatch.from_pylist(columns, schema=EVENT_OUTCOME)


def test_a_record_reads_back_as_it_was_framed():
    raw = small_record()
    chain = seal(raw, epoch=4, previous_chain=11)
    record = parse(raw, "here", place=(7, 0), previous_chain=11)
    assert (record.kind, record.part, record.sequence, record.epoch) == (Kind.STOCK, 0, 7, 4)
    assert (record.tables_version, record.now_ms, record.batch_id, record.batch_number) == (3, -5, 2**63 + 1, 9)
    assert [bytes(message) for message in record.messages] == [b"12345678", b""]
    assert record.chain == chain


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_a_batch_reads_back_from_its_message_and_outlives_the_record(rows):
    batch = outcome_batch(rows)
    raw = frame(Kind.EVENT_OUTCOMES, 1, 1, [serialize(batch)], tables_version=0, now_ms=0)
    seal(raw, 1, 0)
    read = read_batch(parse(raw, "here"))
    del raw
    assert read.equals(batch)


def test_every_flipped_bit_of_a_record_is_told():
    raw = small_record()
    seal(raw, 1, 5)
    for bit in range(len(raw) * 8):
        torn = bytearray(raw)
        torn[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DamagedRecord):
            parse(torn, "here", previous_chain=5)


def test_every_cut_of_a_record_is_told():
    raw = small_record()
    seal(raw, 1, 5)
    for length in range(len(raw)):
        with pytest.raises(DamagedRecord):
            parse(raw[:length], "here")


def test_a_whole_record_in_a_wrong_place_is_told():
    raw = small_record()
    seal(raw, 1, 5)
    parse(raw, "here")
    with pytest.raises(DamagedRecord, match="another one's place"):
        parse(raw, "here", place=(8, 0))
    with pytest.raises(DamagedRecord, match="does not follow"):
        parse(raw, "here", previous_chain=6)


def test_a_kind_of_a_later_version_is_told_in_words():
    raw = small_record()
    raw[4:6] = (99).to_bytes(2, "little")
    seal(raw, 1, 0)
    with pytest.raises(DamagedRecord, match="kind 99 version 0"):
        parse(raw, "here")


def test_the_header_has_the_documented_layout():
    raw = small_record()
    assert raw[:4] == b"ORL1" and HEADER_BYTES == 80
    assert raw[4] == Kind.STOCK and raw[5] == version_of(Kind.STOCK)
    assert int.from_bytes(raw[8:16], "little") == 7
    assert int.from_bytes(raw[52:56], "little") == len(raw) - 80


def test_a_bit_flipped_between_framing_and_sealing_is_told():
    raw = small_record()
    raw[-1] ^= 1
    seal(raw, 1, 0)
    with pytest.raises(DamagedRecord):
        parse(raw, "here")


def test_the_tail_takes_only_the_next_record():
    tail = LogTail.empty(2)
    with pytest.raises(AssertionError):
        tail.seal(2, 0, small_record(2), 1)
    tail.seal(1, 0, small_record(1), 1)
    tail.seal(1, 1, small_record(1, 1), 1)
    tail.seal(2, 0, small_record(2), 1)
    with pytest.raises(AssertionError):
        tail.seal(3, 1, small_record(3, 1), 1)  # an outcome before its input
    with pytest.raises(AssertionError):
        tail.seal(1, 1, small_record(1, 1), 1)


def filled(count: int) -> MemoryLog:
    log = MemoryLog(2)
    for sequence in range(1, count + 1):
        log.append(sequence, 0, small_record(sequence))
        if sequence % 2:
            log.append(sequence, 1, small_record(sequence, 1))
    return log


def test_a_log_in_memory_iterates_in_order_from_anywhere():
    log = filled(9)
    for start in range(1, 11):
        keys = [(sequence, part) for sequence, part, _ in log.iterate(start)]
        assert keys == sorted((s, p) for s in range(start, 10) for p in (0, 1) if p == 0 or s % 2)
        assert [key for key in log.iterate(start, log.chains_at(start - 1))] == list(log.iterate(start))
    with pytest.raises(DamagedRecord, match="does not follow"):
        list(log.iterate(3, [1, 1]))


def test_a_removed_input_is_a_gap_and_a_removed_outcome_breaks_the_chain():
    log = filled(5)
    del log._records[3, 0]
    with pytest.raises(MissingRecord, match="record 3 part 0 is missing"):
        list(log.iterate(1))
    log = filled(5)
    del log._records[3, 1]
    with pytest.raises(DamagedRecord, match="record 5 part 1.*does not follow"):
        list(log.iterate(1))


def test_erasing_a_document_row_leaves_its_neighbours():
    batch = pa.record_batch({"json": pa.array([b'{"a":1}', b'{"a":2}', b'{"a":3}'], type=pa.binary())})
    record = parse(frame_documents(5, write_documents(batch)), "here", place=(5, 0))
    erased = read_documents(parse(erase_row(record, 1), "here", place=(5, 0)))
    assert [document_of(erased, row) for row in range(3)] == [{"a": 1}, None, {"a": 3}]


def test_a_document_of_arrow_columns_takes_the_form_of_the_json_order():
    batch = pa.record_batch(
        {
            "order_id": ["o1"],
            "customer_name": ["Ada"],
            "ship_to_line1": ["1 Mill Lane"],
            "bill_to_city": pa.array([None], type=pa.string()),
            "gift_note": ["hello"],
        }
    )
    assert document_of(batch, 0) == {
        "order_id": "o1",
        "customer": {"name": "Ada"},
        "ship_to": {"line1": "1 Mill Lane"},
        "gift_note": "hello",
    }
