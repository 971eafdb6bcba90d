"""Price, in plain Python: the specification of ``kernels/money/price.py``."""

from __future__ import annotations

from tests.reference.money.prorate import prorate, unit_parts
from tests.reference.money.weigh import value


def half_up(numerator: int, denominator: int) -> int:
    """Nearest whole number of a quotient that is not negative; halves go up."""
    return (2 * numerator + denominator) // (2 * denominator)


def given_units(promotion: dict, lines: list[dict]) -> list[int]:
    """Buy-X-get-Y: how many units of each line are given.

    All matching units are laid out by unit price, cheapest first and earlier lines first where equal. Every full
    group of buy + get units gives ``get`` of them, taken from the cheap end.
    """
    units = sorted(
        (line["unit_price"], number)
        for number, line in enumerate(lines)
        if line["sku"] in promotion["skus"]
        for _ in range(line["qty"])
    )
    count = len(units) // (promotion["buy"] + promotion["get"]) * promotion["get"]
    given = [0] * len(lines)
    for _, number in units[:count]:
        given[number] += 1
    return given


def weights(promotion: dict, lines: list[dict], remaining: list[int]) -> list[int]:
    """The part of each line's remaining amount that the promotion looks at."""
    matching = [left if line["sku"] in promotion["skus"] else 0 for line, left in zip(lines, remaining, strict=True)]
    if promotion["kind"] == "fixed_price":
        return [max(left - promotion["value"] * line["qty"], 0) for line, left in zip(lines, matching, strict=True)]
    if promotion["kind"] == "buy_x_get_y":
        # The remaining amount lies on a line's units one by one; those that carry least are the ones given.
        return [
            sum(sorted(unit_parts(left, line["qty"]))[:count]) if count else 0
            for line, left, count in zip(lines, remaining, given_units(promotion, lines), strict=True)
        ]
    return matching


def parts(promotion: dict, lines: list[dict], remaining: list[int]) -> list[int]:
    """What the promotion takes off each line."""
    base = weights(promotion, lines, remaining)
    if promotion["kind"] == "fixed":
        amount = min(promotion["value"], sum(base))
    elif promotion["kind"] == "fixed_price":
        amount = sum(base)
    else:
        amount = half_up(sum(base) * promotion["value"], 10_000)
    return prorate(amount, base)


def tax(net: int, rate_bp: int, inclusive: bool) -> tuple[int, int]:
    """Tax, and what is paid with it."""
    if inclusive:
        return net - half_up(net * 10_000, 10_000 + rate_bp), net
    return half_up(net * rate_bp, 10_000), net + half_up(net * rate_bp, 10_000)


def price(order: dict, taxes: dict, shipping_tax: tuple[int, bool]) -> dict:
    """Money of one order: ``granted`` promotions in precedence order, ``taxes`` by SKU as (rate, inclusive)."""
    lines, granted = order["lines"], order["granted"]
    if value(lines) is None:
        nothing = dict.fromkeys(("gross", "discount", "tax", "total"), 0)
        return {
            "lines": [nothing] * len(lines), "promotions": [0] * len(granted),
            "total": 0, "discount": 0, "tax": 0, "shipping": 0,
        }  # fmt: skip
    gross = [line["qty"] * line["unit_price"] for line in lines]
    remaining, fee, given = list(gross), max(order["fee"], 0), []
    for promotion in granted:
        if promotion["kind"] == "free_shipping":
            given.append(fee)
            fee = 0
        else:
            taken = parts(promotion, lines, remaining)
            given.append(sum(taken))
            remaining = [left - part for left, part in zip(remaining, taken, strict=True)]
    priced = []
    for line, whole, net in zip(lines, gross, remaining, strict=True):
        line_tax, paid = tax(net, *taxes[line["sku"]])
        priced.append({"gross": whole, "discount": whole - net, "tax": line_tax, "total": paid})
    fee_tax, shipping = tax(fee, *shipping_tax)
    return {
        "lines": priced,
        "promotions": given,
        "total": sum(line["total"] for line in priced) + shipping,
        "discount": sum(given),
        "tax": sum(line["tax"] for line in priced) + fee_tax,
        "shipping": shipping,
    }
