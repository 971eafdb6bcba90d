"""Faults of the outside world, as types. A bug is an assert, a refusal of an order is a reason code.

RouterError
├── Refused            what was sent cannot be taken; sending it again unchanged cannot help
│   ├── TableRejected      rows of a reference table, each with row, field and remedy
│   └── Unsupported        a media type, table or feature this router does not have
├── Retryable          may work later, after ``retry_after_ms``
├── Misconfigured      a person has to change a setting, a file or the machine
└── Damaged            stored bytes are not what was written
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_SAID_MAX, _NAME_MAX = 400, 100  # characters of a finding and of a field: a row may bring megabytes of either


def shortened(text: str, most: int = _SAID_MAX) -> str:
    """Without its middle where it is too long: what is wrong stands at the beginning, the remedy at the end."""
    half = most // 2
    return text if len(text) <= most else f"{text[:half]} … {text[-half:]}"


class RouterError(Exception):
    """Base of every fault that is neither a bug nor a refused order; its text is written for people."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Whole in another process, too: Python's own way calls the constructor with the sentence alone."""
        return _remade, (type(self), self.args, vars(self))


def _remade(kind: type[RouterError], args: tuple[object, ...], members: dict[str, Any]) -> RouterError:
    fault = kind.__new__(kind, *args)
    vars(fault).update(members)
    return fault


class Refused(RouterError):
    """What was sent cannot be taken; sending it again unchanged cannot help."""


class Unsupported(Refused):
    """A media type, table or feature this router does not have."""


class Retryable(RouterError):
    """May work later."""

    def __init__(self, detail: str, retry_after_ms: int) -> None:
        super().__init__(detail)
        self.retry_after_ms = retry_after_ms


class Misconfigured(RouterError):
    """A person has to change a setting, a file or the machine."""


class Damaged(RouterError):
    """Stored bytes are not what was written."""


def row_at(place: int) -> str:
    """How people are told which row."""
    return f"row {place}" if place else "a row that stands already"


@dataclass(frozen=True)
class RowError:
    """One reason why a row is refused."""

    row: int  # as an editor shows it: first line = 1, the first row below a CSV header 2; 0 = one that stands already
    field: str  # dotted path, "" = the row as a whole
    code: str  # stable, for programs
    detail: str  # a sentence with the remedy, for people

    def __post_init__(self) -> None:
        object.__setattr__(self, "field", shortened(self.field, _NAME_MAX))
        object.__setattr__(self, "detail", shortened(self.detail))


class TableRejected(Refused):
    """Bad rows in a table; nothing of the table was applied."""

    def __init__(self, table: str, errors: list[RowError], count: int) -> None:
        assert 0 < len(errors) <= count
        first = errors[0]
        where = row_at(first.row) + (f", field {first.field}" if first.field else "")
        super().__init__(f"{table}: {count} faults in its rows, nothing applied; {where}: {first.detail}")
        self.table = table
        self.errors = errors  # the first ones; ``count`` has all
        self.count = count
