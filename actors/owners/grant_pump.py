"""The thread that brings a shard what the ledger granted to its orders."""

from __future__ import annotations

import threading

from actors.process.fatal import or_die
from actors.store.data_folder import now_ms
from router.log.kinds import Kind
from router.pipeline import ShardPath
from router.ports import LedgerPort
from router.shard.grant_lane import GrantBatch
from router.shard.turns import ShardTurns

WAIT_MS = 500  # for grants; how long stopping may take


class GrantPump:
    """Asks the ledger for one record's grants after the other, and hands each to the shard as a batch."""

    def __init__(self, path: ShardPath, turns: ShardTurns, ledger: LedgerPort, epoch: int) -> None:
        self._path = path
        self._turns = turns
        self._ledger = ledger
        self._epoch = epoch
        self._thread = threading.Thread(target=lambda: or_die(self._run), name="grants", daemon=True)
        self._stopping = threading.Event()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Take over what is being taken over, and nothing more."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while not self._stopping.is_set():
            seen = self._path.grants.seen
            record, grants = self._ledger.grants(self._path.engine.number, self._epoch, seen, WAIT_MS)
            if grants.num_rows:
                number += 1
                self._turns.submit(Kind.GRANTED, GrantBatch(self._epoch, number, record, grants, now_ms()))
