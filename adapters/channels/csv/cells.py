"""Cells of a CSV file as values of an order: text, numbers, amounts, times."""

from __future__ import annotations

import datetime as dt
import functools
import re
import zoneinfo
from collections.abc import Callable
from decimal import Decimal, InvalidOperation

from adapters.channels.csv.mapping import Filter, Mapping
from router.money import EXPONENTS, parse_minor

_TIMES = frozenset(("placed_at", "shipping.promise_by"))
_INTEGERS = frozenset(("lines.qty", "priority"))
_REQUIRED = frozenset(("order_id", "placed_at", "lines.sku", "lines.qty"))


class CellFault(Exception):
    """A cell that cannot be what the mapping says; ``reason`` is the name it is counted under."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class CellReader:
    """Reads cells in the formats of one mapping. Times and amounts repeat, so each text is read once."""

    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping
        self._zone = zoneinfo.ZoneInfo(mapping.file.time_zone)
        self.time = functools.lru_cache(maxsize=4096)(self._time)
        self.amount = functools.lru_cache(maxsize=65536)(self._amount)
        self.number = functools.lru_cache(maxsize=65536)(self._number)

    def stripped(self, path: str, cell: str) -> str:
        cell = cell.strip()
        strip = self._mapping.strip.get(path)
        return cell if strip is None else cell.removeprefix(strip.prefix).removesuffix(strip.suffix)

    def text(self, path: str, cell: str) -> str:
        """The cell without what is to be stripped, translated where the mapping says so."""
        cell = self.stripped(path, cell)
        table = self._mapping.translate.get(path)
        if table is None:
            return cell
        if cell not in table:
            raise CellFault("value_not_listed", f"{path} {cell!r} is not listed under [translate.{path!r}]")
        return table[cell]

    def put(self, target: dict[str, object], name: str, path: str, cell: str, currency: str = "") -> None:
        """Set ``target[name]`` from a cell; an empty cell of an optional field is left out."""
        text = self.text(path, cell)
        if not text:
            if path in _REQUIRED:
                raise CellFault("value_missing", f"{path} is empty")
            return
        if path in _TIMES:
            target[name] = self.time(path, text)
        elif path in _INTEGERS:
            target[name] = self._integer(path, text)
        elif path == "total":
            target[name] = self.amount(path, text, currency)
        elif path == "coupons":
            target[name] = [text]
        else:
            target[name] = text

    def _plain(self, text: str) -> str:
        """The number with a point as its decimal mark and no marks between thousands."""
        file = self._mapping.file
        plain = text.strip().replace(file.thousands, "") if file.thousands else text.strip()
        if file.decimal == ".":
            return plain
        return plain.replace(".", "?").replace(file.decimal, ".")  # a point is then no part of a number

    def _number(self, text: str) -> Decimal | None:
        """The cell as a number, for filters; None for anything else."""
        try:
            number = Decimal(self._plain(text))
        except InvalidOperation:
            return None
        return number if number.is_finite() else None

    def _integer(self, path: str, text: str) -> int:
        try:
            return parse_minor(self._plain(text), exponent=0)
        except ValueError as fault:
            raise CellFault("number_format", f"{path}: {fault}; a whole number is needed") from None

    def _amount(self, path: str, text: str, currency: str) -> int:
        exponent = EXPONENTS.get(currency)
        if exponent is None:
            raise CellFault("currency_unknown", f"currency {currency!r} is no ISO 4217 code")
        try:
            return parse_minor(self._plain(text), exponent)
        except ValueError as fault:
            raise CellFault("amount_format", f"{path}: {fault} as an amount in {currency}") from None

    def _time(self, path: str, text: str) -> str:
        """RFC 3339 in UTC. In the hour that a clock change repeats, the earlier instant is meant."""
        for pattern in self._mapping.file.time_formats:
            try:
                moment = dt.datetime.strptime(text, pattern)
            except ValueError:
                continue
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=self._zone)
            try:
                return moment.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
            except OverflowError:
                raise CellFault("time_format", f"{path} {text!r} lies outside the years 1 to 9999") from None
        raise CellFault("time_format", f"{path} {text!r} fits none of {list(self._mapping.file.time_formats)}")


def compile_filter(rule: Filter, cells: CellReader) -> Callable[[str], bool]:
    """The test of a filter over one cell. A cell that is no number passes no numeric test."""
    if rule.starts_with is not None:
        prefix = rule.starts_with
        return lambda cell: cell.startswith(prefix)
    if rule.equals is not None:
        return frozenset(rule.equals).__contains__
    if rule.matches is not None:
        pattern = re.compile(rule.matches)
        return lambda cell: pattern.fullmatch(cell) is not None
    if rule.empty is not None:
        wanted = rule.empty
        return lambda cell: (not cell.strip()) == wanted
    bound, inclusive = Decimal(rule.at_most or rule.below or 0), rule.at_most is not None

    def is_small(cell: str) -> bool:
        number = cells.number(cell)
        return number is not None and (number <= bound if inclusive else number < bound)

    return is_small
