"""Table uploads that unfold: bundles of bundles, circles, and CSV of fields, columns and rows without end."""

from __future__ import annotations

from bench.harness.streaming import NDJSON
from bench.harness.tables import as_ndjson
from bench.trials.attack.attack import Attack, Body, table
from bench.trials.attack.ground import NEIGHBOURS_SKU, SKUS, priced, sku, tables, up_to

MIB = 1 << 20
CSV = "text/csv"
_COMPONENTS = 1_000


def own_skus() -> bytes:
    """The campaign's, which the neighbour goes on ordering."""
    return tables()["skus"]


def _bundle(name: str, parts: list[str]) -> dict[str, object]:
    whole = priced(name, bundle=[{"sku": part, "qty": 1} for part in parts])
    del whole["weight_g"]
    return whole


def bundles(count: int, parts: int = _COMPONENTS) -> bytes:
    """Each is one bundle, which has a thousand components."""
    inner = _bundle("BUNDLE", [sku(at) for at in range(parts)])
    return own_skus() + as_ndjson([inner, *(_bundle(f"OUTER-{at:05d}", ["BUNDLE"]) for at in range(count))])


def circles(count: int, back: int = 20) -> bytes:
    """A chain of bundles, each with edges back to some before it."""
    rows = [_bundle(f"C{at:05d}", [f"C{(at + 1) % count:05d}", *_before(at, back)]) for at in range(count)]
    return as_ndjson(rows)


def _before(at: int, back: int) -> list[str]:
    return [f"C{number:05d}" for number in range(max(0, at - back), at)]


def long_field(size: int) -> bytes:
    """A quoted field of megabytes, with line ends and quotes in it."""
    return b'sku,name,price,currency,weight_g,tax_class\nA,"' + b'x""\n' * (size // 4) + b'",1,GBP,1,standard\n'


def open_quote(size: int) -> bytes:
    """A field that never ends."""
    return b'sku,name,price,currency,weight_g,tax_class\nA,"' + b"a,b\n" * (size // 4)


def columns(count: int) -> bytes:
    return b"sku," + b",".join(b"c%d" % at for at in range(count)) + b"\nA" + b"," * count + b"\n"


def empty_rows(count: int) -> bytes:
    return b"sku,name,price,currency,weight_g,tax_class\n" + b",,,,,\n" * count


def line_ends(count: int) -> bytes:
    """The campaign's own SKUs, then nothing."""
    names = [*map(sku, range(SKUS)), NEIGHBOURS_SKU]
    rows = "".join(f"{name},500,GBP,100,standard\n" for name in names)
    return b"sku,price,currency,weight_g,tax_class\n" + rows.encode() + b"\n" * count


def long_names(count: int, size: int) -> bytes:
    """Rows whose currency, and a field that no row has, have names of so many bytes."""
    return as_ndjson({**priced("A", currency="G" * size), "x" * size: at} for at in range(count))


def many_skus(bytes_max: int) -> bytes:
    return own_skus() + up_to(bytes_max, lambda at: as_ndjson([priced(f"new-{at}")]))


def templates(bytes_max: int) -> bytes:
    """Rows that nothing is decided by: kept with their version, and that is all."""
    return up_to(bytes_max, lambda at: as_ndjson([{"template": f"t{at}", "body": "x" * 1_000}]))


def movements(bytes_max: int) -> Body:
    one = {"kind": "receipt", "sku": sku(0), "node": "n-000", "qty": 1}
    body = up_to(bytes_max, lambda at: as_ndjson([{"movement_id": f"m{at}", **one}]))
    return Body("service", "POST", "/v1/stock", NDJSON, body)


_SKUS = ("skus",)

ATTACKS = (
    Attack("tables", "20,000 bundles of a bundle of 1,000", lambda: [table("skus", bundles(20_000))]),
    Attack("tables", "circles with back edges", lambda: [table("skus", circles(20_000))]),
    Attack("tables", "CSV: a field of 32 MiB", lambda: [table("skus", long_field(32 * MIB), CSV)]),
    Attack("tables", "CSV: a quote that never ends", lambda: [table("skus", open_quote(32 * MIB), CSV)]),
    Attack("tables", "CSV: a million columns", lambda: [table("skus", columns(1_000_000), CSV)]),
    Attack("tables", "CSV: 300,000 empty rows", lambda: [table("skus", empty_rows(300_000), CSV)]),
    Attack("tables", "CSV: 60 million line ends", lambda: [table("skus", line_ends(60_000_000), CSV)]),
    Attack("tables", "names of 500 kB in 60 rows", lambda: [table("skus", long_names(60, 500_000))]),
    Attack("tables", "16 MiB of movements", lambda: [movements(16 * MIB)]),
    Attack("growth", "64 MiB of templates", lambda: [table("templates", templates(63 * MIB))], keeps=True),
    Attack("growth", "980 bundles of 1,000, as many as are taken", lambda: [table("skus", bundles(980))], keeps=True),
    Attack("growth", "64 MiB of new SKUs", lambda: [table("skus", many_skus(62 * MIB))], keeps=True, restores=_SKUS),
)
