"""What people wrote in events: it lies with the documents, which can be erased, so nobody keeps it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.feed.changes import Changes
from router.feed.columns import nothing
from router.ids import given
from router.log.event_fields import FIELDS
from router.log.records import Record, read_documents
from router.log.reference import row_of, sequence_of

WORDS = tuple(name for name, field in FIELDS.items() if field.is_personal)


class WordSource(Protocol):
    def read_documents(self, sequence: int) -> Record | None:
        """The documents of a batch, checked, or None."""


def words_of(changes: Changes, is_event: npt.NDArray[np.bool_], source: WordSource) -> dict[str, pa.StringArray]:
    """The words of each change by field, "" where nobody wrote any or they were erased; no field that nobody used.

    Documents of orders are another matter, so they are not opened.
    """
    sequences, starts = np.unique(sequence_of(changes.references), return_index=True)
    ends = [*starts[1:].tolist(), changes.count]
    pieces: dict[str, list[pa.StringArray]] = {name: [] for name in WORDS}
    for sequence, start, end in zip(sequences.tolist(), starts.tolist(), ends, strict=True):
        record = source.read_documents(sequence) if is_event[start] else None
        rows = pa.array(row_of(changes.references[start:end]))
        there = {} if record is None else _columns(read_documents(record))
        for name, texts in pieces.items():
            texts.append(there[name].take(rows).fill_null("") if name in there else nothing(pa.string(), len(rows)))
    words = {name: pa.concat_arrays(texts) for name, texts in pieces.items()}
    return {name: texts for name, texts in words.items() if given(texts).any()}


def _columns(documents: pa.RecordBatch) -> dict[str, pa.StringArray]:
    return dict(zip(documents.schema.names, documents.columns, strict=True))
