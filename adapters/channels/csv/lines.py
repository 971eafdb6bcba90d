"""Lines of an order with exact amounts: prices, line totals that become prices, amounts of a line as shares of it."""

from __future__ import annotations

from collections.abc import Mapping as Named

from adapters.channels.csv.cells import CellFault, CellRule, Value
from adapters.channels.csv.draft import DraftLine
from adapters.channels.csv.fields import ATTRIBUTES, LINE_FIELDS, is_of_line
from adapters.channels.csv.mapping import Mapping
from router.money import MINOR_MAX, divide_rounded

Document = dict[str, object]
PRICES = ("unit_price", "line_total")


class LineFault(CellFault):
    """A fault of one line, of the row it came from."""

    def __init__(self, fault: CellFault, row: int) -> None:
        super().__init__(fault.reason, str(fault))
        self.row = row


class LineComposer:
    def __init__(self, mapping: Mapping, rules: Named[str, CellRule]) -> None:
        fixed = [(path, value) for path, value in mapping.constants.items() if is_of_line(path)]
        self._constants = [(path.removeprefix("lines."), value) for path, value in fixed]
        read = [(path.removeprefix("lines."), rules[path]) for path in mapping.columns if is_of_line(path)]
        amounts = [(at, name, rule) for at, (name, rule) in enumerate(read) if rule.field.kind == "amount"]
        self._plain = [(at, name) for at, (name, rule) in enumerate(read) if rule.field.kind != "amount"]
        # Prices first: other amounts may be shares of what the line costs.
        self._amounts = sorted(amounts, key=lambda amount: amount[1] not in PRICES)
        self.split = 0  # lines that became two

    def lines(self, drafts: list[DraftLine], currency: str) -> list[Document]:
        """Raises :class:`LineFault`."""
        lines: list[Document] = []
        for number, draft in enumerate(drafts, 1):
            try:
                parts = self._parts(draft, number, currency)
            except CellFault as fault:
                raise LineFault(fault, draft.row) from None
            self.split += len(parts) - 1
            lines += parts
        return lines

    def _parts(self, draft: DraftLine, number: int, currency: str) -> list[Document]:
        """A line with its amounts in minor units, as one line or as the two that its total needs."""
        line: Document = {}
        for name, constant in self._constants:
            put(line, name, constant)
        for at, name in self._plain:
            value = draft.values[at]
            if value is not None:
                put(line, name, value)
        line.setdefault("line_id", str(number))
        for at, name, rule in self._amounts:
            cell = str(draft.values[at])
            amount = share_of(rule, cell, cost_of(line)) if rule.is_share else rule.value(cell, currency)
            if amount is not None:
                put(line, name, amount)
        total = line.pop("line_total", None)
        return [line] if total is None else with_total(line, total)


def cost_of(line: Document) -> int | None:
    """What all pieces cost before discounts; None without a price."""
    total, price, qty = line.get("line_total"), line.get("unit_price"), line["qty"]
    if isinstance(total, int):
        return total
    return price * qty if isinstance(price, int) and isinstance(qty, int) else None


def share_of(rule: CellRule, cell: str, whole: int | None) -> int | None:
    """The part of an amount that a cell names as a number (0.05) or per cent (5%), rounded half away from zero."""
    rate = rule.rate(cell)
    if rate is None:
        return None
    if whole is None:
        raise CellFault("amount_format", f"{rule.path} {cell!r} is a share, but there is no price to take it of")
    amount = divide_rounded(whole * rate.numerator, rate.denominator)
    if abs(amount) > MINOR_MAX:
        raise CellFault("amount_format", f"{rule.path} {cell!r} of {whole} is too large")
    return amount


def with_total(line: Document, total: object) -> list[Document]:
    """The line at the price that adds up to its total; where none does, two lines, one minor unit apart.

    3 pieces for 10.00 are 2 at 3.33 and 1 at 3.34: nothing is rounded away and no price is invented that the channel
    did not charge.
    """
    qty, price = line["qty"], line.get("unit_price")
    assert isinstance(qty, int) and isinstance(total, int)
    if qty < 1:
        raise CellFault("number_format", f"lines.line_total {total} needs a quantity of 1 or more, not {qty}")
    if price is not None:
        assert isinstance(price, int)
        if price * qty != total:
            said = f"lines.line_total is {total}, but {qty} at {price} are {price * qty} (minor units)"
            raise CellFault("line_total_differs", said)
        return [line]
    each, dearer = divmod(total, qty)
    if not dearer:
        return [line | {"unit_price": each}]
    shares = {name: line[name] for name in _of_whole_line() if name in line}
    first = {name: amount * (qty - dearer) // qty for name, amount in shares.items() if isinstance(amount, int)}
    rest = {name: amount - first[name] for name, amount in shares.items() if isinstance(amount, int)}
    more = {"line_id": f"{line['line_id']}/2", "qty": dearer, "unit_price": each + 1}
    return [line | first | {"qty": qty - dearer, "unit_price": each}, line | rest | more]


def _of_whole_line() -> list[str]:
    """Amounts of a line besides its prices: where it becomes two lines each has its part, and the parts add up."""
    amounts = (path.removeprefix("lines.") for path, field in LINE_FIELDS.items() if field.kind == "amount")
    return [name for name in amounts if name not in PRICES]


def put(target: Document, path: str, value: Value) -> None:
    """Set a field by its path: attributes keep the rest of the path as their name."""
    parent, _, leaf = path.rpartition(".")
    if path.startswith(ATTRIBUTES):
        parent, leaf = "attributes", path.removeprefix(ATTRIBUTES)
    if parent:
        branch = target.setdefault(parent, {})
        assert isinstance(branch, dict)
        branch[leaf] = value
    else:
        target[leaf] = value
