"""The sets, where they lie, and how much of each the suite takes; ``make real`` takes all of it."""

from __future__ import annotations

import gzip
import itertools
import os
import pathlib
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.labs.real_sets import brunel, northwind, uci
from tests.labs.real_sets.counted import Counted

ROOT = pathlib.Path(__file__).parents[3]
DATA = ROOT.parent / "shared/data"
WHOLE = os.environ.get("ORDER_ROUTER_REAL") == "full"
RATES = DATA / "tax/eu_vat_rates_data.json"


@dataclass(frozen=True)
class RealSet:
    """``orders`` is the file that is sent; ``rows`` of it are taken by the suite, None = all."""

    name: str
    example: str  # folder below examples/
    orders: pathlib.Path
    rows: int | None
    count: Callable[[pathlib.Path], Counted]
    tables_from: Callable[[pathlib.Path], list[pathlib.Path]]  # arguments of the example's derive_tables
    joins: dict[str, pathlib.Path] = field(default_factory=dict)
    # Into a folder: the joined files, one of them corrected so that what was refused is taken.
    corrected: Callable[[pathlib.Path], dict[str, pathlib.Path]] | None = None

    @property
    def missing(self) -> str:
        """Why the set cannot be run here; empty where it can."""
        there = [path for path in (self.orders, *self.joins.values(), *self.tables_from(self.orders)) if path]
        lost = [path.relative_to(ROOT.parent) for path in there if not path.exists()]
        return f"{self.name}: ../{lost[0]} is not there" if lost else ""

    def taken(self, folder: pathlib.Path) -> pathlib.Path:
        """The file of orders, or a file with its first rows."""
        if WHOLE or self.rows is None:
            return self.orders
        opener = gzip.open if self.orders.suffix == ".gz" else open
        part = folder / self.orders.name
        with opener(self.orders, "rb") as whole, opener(part, "wb") as kept:
            kept.writelines(itertools.islice(whole, self.rows + 1))
        return part


_NORTHWIND, _BRUNEL = DATA / "northwind", DATA / "brunel_supply_chain"
_NORTHWIND_JOINS = {name.lower(): _NORTHWIND / f"{name}.csv" for name in ("Orders", "Customers", "Shippers")}
UCI = RealSet(
    "UCI Online Retail",
    "uci_online_retail",
    DATA / "uci_online_retail/online_retail_2010-12_2011-12.csv.gz",
    30_000,
    uci.count,
    lambda taken: [taken],
)
NORTHWIND = RealSet(
    "Northwind",
    "northwind",
    _NORTHWIND / "OrderDetails.csv",
    None,
    lambda taken: northwind.count(taken.parent, RATES),
    lambda _: [_NORTHWIND, RATES],
    _NORTHWIND_JOINS,
    lambda folder: _NORTHWIND_JOINS | {"orders": northwind.corrected(_NORTHWIND, folder / "Orders.csv")},
)
BRUNEL = RealSet(
    "Brunel OrderList",
    "brunel",
    _BRUNEL / "OrderList.csv",
    2_000,
    lambda taken: brunel.count(taken, _BRUNEL / "WhCosts.csv"),
    lambda _: [_BRUNEL],
    {"costs": _BRUNEL / "WhCosts.csv"},
)
SETS = (UCI, NORTHWIND, BRUNEL)
