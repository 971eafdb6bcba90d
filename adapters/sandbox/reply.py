"""What the sandbox's partners answer and tell, before it goes to a socket."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

Document = dict[str, Any]


@dataclass(frozen=True)
class Notice:
    """A webhook that is due."""

    type: str
    notice_id: str
    at_ms: int
    data: Document

    def body(self) -> bytes:
        return msgspec.json.encode(
            {"id": self.notice_id, "type": self.type, "created": self.at_ms, "data": self.data}, order="deterministic"
        )


@dataclass(frozen=True)
class Reply:
    status: int
    document: Document
    notices: list[Notice] = field(default_factory=list)


def refusal(status: int, code: str, message: str, **members: Any) -> Reply:
    return Reply(status, {"error": {"code": code, "message": message, **members}})
