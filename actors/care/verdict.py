"""What ``verify`` found out: of each part by itself, and of the whole folder."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from router.queries.balance import BookUnits, LedgerUnits

RESTORE = "restore this folder from a backup"


@dataclass
class Finding:
    """One thing that is wrong, in words."""

    where: str
    what: str


@dataclass
class Verdict:
    shards: list[dict[str, Any]] = field(default_factory=list)
    ledger: dict[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        hashes = [shard["state_hash"] for shard in self.shards] + [self.ledger.get("state_hash", "")]
        return {
            "ok": not self.findings,
            "orders": sum(shard["orders"] for shard in self.shards),
            "state_hash": hashlib.blake2b("".join(hashes).encode(), digest_size=8).hexdigest(),
            "shards": self.shards,
            "ledger": self.ledger,
            "findings": [{"where": finding.where, "what": finding.what} for finding in self.findings],
        }


@dataclass
class Told:
    """What one part of the work found out, sent back by the process that did it."""

    said: dict[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    asked: Counter[int] = field(default_factory=Counter)  # shard -> newest sequence that the ledger has answered
    numbers: dict[int, int] = field(default_factory=dict)  # shard -> numbers of documents that the ledger gave it
    cells: LedgerUnits | None = None  # of the ledger
    books: BookUnits | None = None  # of a shard
    pages_whole: bool = False

    def find(self, where: str, what: str) -> None:
        self.findings.append(Finding(where, what))
