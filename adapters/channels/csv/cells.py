"""Cells of a file as values of an order: text, numbers, amounts, times, lists, countries."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from adapters.channels.csv.countries import country_named
from adapters.channels.csv.fields import Field, field_of
from adapters.channels.csv.mapping import Cell, Mapping, Strip, Test
from adapters.channels.csv.numbers import NumberFormat, OtherCurrency
from adapters.channels.csv.times import TimeFormat
from router.money import EXPONENTS, MINOR_MAX

ROWS_APART = "\x1e"  # between the cells of several rows that a list or a sum is made of
Value = str | int | list[str]
# What a spreadsheet shows for a formula that has no value, and writes into its workbook and its text.
SHEET_ERRORS = frozenset(
    "#N/A #DIV/0! #REF! #VALUE! #NAME? #NUM! #NULL! #SPILL! #CALC! #FIELD! #BLOCKED! #CONNECT! #UNKNOWN! #BUSY!"
    " #EXTERNAL! #PYTHON! #GETTING_DATA".split()
)
# 2.19E+26; and more digits than a sheet keeps, all that it does not keep being 0.
_SPOILT = re.compile(r"[+-]?\d[.,]\d+e[+-]?\d{1,3}|[+-]?\de[+-]\d{1,3}|\d{15}0{5,}", re.ASCII | re.IGNORECASE)


class CellFault(Exception):
    """A cell that cannot be what the mapping says; ``reason`` is the name it is counted under."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class CellRule:
    """Reads the cells of one field. Times and amounts repeat, so each text is read once."""

    def __init__(self, path: str, mapping: Mapping) -> None:
        field = field_of(path)
        assert field is not None, "the mapping was checked"
        self.path = path
        self.field: Field = field
        self._cell = cell = mapping.cells.get(path, Cell())
        self._strip = mapping.strip.get(path, Strip())
        self._translate = mapping.translate.get(path)
        self._part = re.compile(cell.part) if cell.part else None
        thousands = mapping.file.thousands if cell.thousands is None else cell.thousands
        self._numbers = NumberFormat(cell.decimal or mapping.file.decimal, thousands)
        self._separator = _separator(cell)
        self._time = time_format(mapping, cell).rfc3339 if field.kind == "time" else None
        self.is_share, self.is_sum = cell.share, cell.of_rows == "sum"
        self._plain = cell == Cell() and self._strip == Strip() and self._translate is None
        self.value: Callable[[str, str], Value | None] = functools.lru_cache(maxsize=65_536)(self._value)
        # As far as it can be read before the order's currency is known: an amount stays as it is written.
        self.early: Callable[[str], Value | None] = str
        if field.kind != "amount":
            self.early = functools.lru_cache(maxsize=65_536)(functools.partial(self._value, currency=""))

    def text(self, cell: str) -> str:
        """The cell without what is to be stripped, translated and completed where the mapping says so."""
        if self._plain:
            return cell.strip()
        text = self._stripped(cell)
        if self._translate is not None and (text or "" in self._translate):
            if text not in self._translate:
                said = f"{self.path} {text!r} is not listed under [translate.{self.path!r}]"
                raise CellFault("value_not_listed", said)
            text = self._translate[text]
        return self._completed(text or self._cell.default)

    def _stripped(self, cell: str) -> str:
        text = cell.strip()
        text = text.removeprefix(self._strip.prefix).removesuffix(self._strip.suffix).strip()
        if text and self._part is not None:
            found = self._part.search(text)
            if found is None:
                raise CellFault("value_form", f"{self.path} {text!r} has no part {self._cell.part!r}")
            text = (found[1] or "").strip()
        return text

    def _completed(self, text: str) -> str:
        cell = self._cell
        if not text:
            return text
        if cell.case:
            text = text.upper() if cell.case == "upper" else text.lower()
        return f"{cell.prefix}{text.rjust(cell.pad_to, cell.pad_with)}{cell.suffix}"

    def _value(self, cell: str, currency: str) -> Value | None:
        """What the cell says; None where an optional field is left out. ``currency`` matters to amounts only."""
        if self.field.kind == "list":
            return self._list(cell)
        text = self.text(cell)
        if not text:
            if self.field.required:
                raise CellFault("value_missing", f"{self.path} is empty")
            return None
        kind = self.field.kind
        if kind == "text":
            if self.field.is_id:
                self.refuse_spoilt(cell)
            return text
        if kind == "country":
            return self._country(text)
        if kind == "time":
            return self._moment(text)
        return self._integer(text) if kind == "integer" else self._amount(text, currency)

    def refuse_spoilt(self, cell: str) -> None:
        if "e" not in cell and "E" not in cell and "00000" not in cell:
            return
        text = self._stripped(cell)
        if _SPOILT.fullmatch(text):
            said = f"{self.path} {text!r} is a number that a spreadsheet rounded; export the column as text"
            raise CellFault("id_spoilt", said)

    def _list(self, cells: str) -> list[str] | None:
        """The codes of a cell, or of the cells of several rows, each once."""
        texts = [self.text(cell) for cell in cells.split(ROWS_APART)]
        parts = [
            part.strip() for text in texts for part in (self._separator.split(text) if self._separator else [text])
        ]
        return list(dict.fromkeys(part for part in parts if part)) or None

    def _country(self, text: str) -> str:
        code = country_named(text, self._cell.languages)
        if code is None:
            remedy = f"write its ISO 3166 code, or list it under [translate.{self.path!r}]"
            raise CellFault("country_unknown", f"{self.path} {text!r} is no country that is known; {remedy}")
        return code

    def _moment(self, text: str) -> str:
        assert self._time is not None
        try:
            return self._time(text)
        except ValueError as fault:
            raise CellFault("time_format", f"{self.path} {fault}") from None

    def rate(self, cell: str) -> Fraction | None:
        """Of an amount that is written as a share of another: 0.05 or 5%; None where the cell is blank."""
        text = self.text(cell)
        if not text:
            return None
        try:
            rate = Fraction(self._numbers.plain(text.removesuffix("%")))
        except ValueError as fault:
            raise CellFault("amount_format", f"{self.path}: {fault} as a share") from None
        return rate / 100 if text.endswith("%") else rate

    def sum(self, cells: str, currency: str) -> int | None:
        """Of an amount that stands on several rows of an order; None where all are blank."""
        amounts = [self.value(cell, currency) for cell in cells.split(ROWS_APART)]
        read = [amount for amount in amounts if isinstance(amount, int)]
        if abs(sum(read)) > MINOR_MAX:
            raise CellFault("amount_format", f"{self.path}: the sum over the rows of the order is too large")
        return sum(read) if read else None

    def _integer(self, text: str) -> int:
        try:
            return self._numbers.minor(text, 0, self._cell.round)
        except ValueError as fault:
            raise CellFault("number_format", f"{self.path}: {fault}; a whole number is needed") from None

    def _amount(self, text: str, currency: str) -> int:
        exponent = exponent_of(currency)
        try:
            return self._numbers.money(text, currency, exponent, self._cell.round)
        except OtherCurrency as fault:
            raise CellFault("amount_format", f"{self.path}: {fault}") from None
        except ValueError as fault:
            raise CellFault("amount_format", f"{self.path}: {fault} as an amount in {currency}") from None


def exponent_of(currency: str) -> int:
    """Decimals of a currency."""
    exponent = EXPONENTS.get(currency)
    if exponent is None:
        raise CellFault("currency_unknown", f"currency {currency!r} is no ISO 4217 code")
    return exponent


def time_format(mapping: Mapping, cell: Cell) -> TimeFormat:
    file = mapping.file
    return TimeFormat(cell.formats or file.time_formats, cell.time_zone or file.time_zone, file.zone_names)


def _separator(cell: Cell) -> re.Pattern[str] | None:
    separators = (cell.separator,) if isinstance(cell.separator, str) else cell.separator
    return re.compile("|".join(map(re.escape, separators))) if any(separators) else None


def compile_test(test: Test, mapping: Mapping) -> Callable[[str], bool]:
    """A test over one cell. What is no number passes no numeric test; without a test passes what is not blank."""
    if test.starts_with is not None:
        prefix = test.starts_with
        return lambda cell: cell.startswith(prefix)
    if test.equals is not None:
        return frozenset(test.equals).__contains__
    if test.matches is not None:
        pattern = re.compile(test.matches)
        return lambda cell: pattern.fullmatch(cell) is not None
    if test.below is not None or test.at_most is not None:
        return _numeric_test(test, NumberFormat(mapping.file.decimal, mapping.file.thousands))
    wanted = bool(test.empty)
    return lambda cell: (not cell.strip()) == wanted


def _numeric_test(test: Test, numbers: NumberFormat) -> Callable[[str], bool]:
    bound, inclusive = Decimal(test.at_most or test.below or 0), test.at_most is not None

    @functools.lru_cache(maxsize=65_536)
    def is_small(cell: str) -> bool:
        try:
            number = Decimal(numbers.plain(cell))
        except (ValueError, InvalidOperation):
            return False
        return number <= bound if inclusive else number < bound

    return is_small
