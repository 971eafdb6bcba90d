"""Faults of the outside world travel between processes."""

from __future__ import annotations

import pickle

import pytest

from router.arrow.arena import BlockBusy
from router.errors import Damaged, Misconfigured, Retryable, RouterError, RowError, TableRejected, Unsupported
from router.ledger.path import ChangedQuestion, StaleOwner
from router.log.records import DamagedRecord, LogFenced, MissingRecord
from router.wire.batch import WireError

FAULTS = [
    Damaged("two bytes differ"),
    Misconfigured("raise log.log_bytes_max"),
    Unsupported("no such table"),
    Retryable("recovers", 200),
    BlockBusy("recovers", 20),
    TableRejected("skus", [RowError(2, "weight_g", "missing", "say what it weighs")], 7),
    WireError("arrow_schema", "send the columns of docs/orders.md"),
    DamagedRecord("its checksum does not fit", "the ledger's log"),
    MissingRecord("the log of shard 3", 7, 9, 0),
    LogFenced("the disk is full"),
    ChangedQuestion("shard 0 asked another question"),
    StaleOwner("shard 0 was replaced"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_a_fault_is_the_same_in_another_process(fault: RouterError) -> None:
    copy = pickle.loads(pickle.dumps(fault))
    assert type(copy) is type(fault)
    assert (str(copy), vars(copy)) == (str(fault), vars(fault))
