"""All rows of one version to ``Tables``. Numbers given out by earlier versions stay what they were."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from router.arrow.string_table import StringTable
from router.errors import RowError
from router.money import EXPONENTS
from router.tables.arrays import frozen, int32s, offsets_of
from router.tables.bundles import recomposed_errors
from router.tables.compile_nodes import compile_nodes
from router.tables.compile_promotions import compile_promotions
from router.tables.compile_rates import ZonePlan, compile_rates, plan_zones
from router.tables.compile_skus import compile_skus
from router.tables.compile_taxes import compile_taxes
from router.tables.compiled import PLACES_FORM, NodeTable, PlaceTable, RateTable, Tables
from router.tables.countries import COUNTRIES, postcode_patterns
from router.tables.row_checks import check_promoted_skus
from router.tables.row_types import TableRows
from router.tables.rows import Rows
from router.tables.stock_rows import stock_errors

# Bounds of what is dense in memory; each is far above what a network of warehouses needs.
NODES_MAX = 4_096
PROMOTIONS_MAX = 2_048


def accept(upload: Rows, stored: TableRows, tables: Tables) -> TableRows:
    """All rows with the upload's in place of the former; raises TableRejected when they do not fit together.

    ``tables`` is the compiled form of ``stored``.
    Stock rows replace those of the cells they name, every other table is replaced as a whole.
    """
    upload.findings.joined(_misfits(upload, tables)).raise_if_any()
    rows: Any = upload.rows
    if upload.table == "stock":
        named = {(row.sku, row.node) for row in rows}
        rows = [row for row in stored.stock if (row.sku, row.node) not in named] + rows
    accepted = msgspec.structs.replace(stored, **{upload.table: rows})
    upload.findings.joined(_zone_errors(upload, accepted)).raise_if_any()  # of rows whose zones can all be read
    return accepted


def _misfits(upload: Rows, tables: Tables) -> Iterator[RowError]:
    """Rows that refer to what was never loaded, or make something else of what was, or are too many."""
    rows: Any = upload.rows
    if upload.table == "skus":
        yield from recomposed_errors(rows, upload.places, tables.skus)
    if upload.table == "promotions":
        yield from check_promoted_skus(rows, upload.places, tables.skus.ids)
    if upload.table == "stock":
        yield from stock_errors(rows, upload.places, tables)
    yield from _too_many(upload)


def _too_many(upload: Rows) -> Iterator[RowError]:
    for table, most in (("nodes", NODES_MAX), ("promotions", PROMOTIONS_MAX)):
        if upload.table == table and len(upload.rows) > most:
            detail = f"The table takes {most} rows at most, and this is one more; leave some out."
            yield RowError(upload.places[most], "", "limit", detail)


def _zone_errors(upload: Rows, accepted: TableRows) -> Iterator[RowError]:
    if upload.table not in ("rates", "nodes") or not upload.rows:
        return
    try:
        plan_zones(accepted.rates, accepted.nodes, None)
    except ValueError as fault:
        yield RowError(upload.places[0], "to_zone" if upload.table == "rates" else "ship_to", "limit", f"{fault}.")


def compile_tables(
    version: int, rows: TableRows, previous: Tables | None, as_of_ms: int, stored: TableRows | None = None
) -> Tables:
    """The compiled form of accepted rows; ``as_of_ms`` places the calendars (400 days before to 800 after).

    ``stored`` are the rows that ``previous`` was compiled from: what the very same rows were made into is taken over.
    """
    before = previous
    same = _unchanged(rows, stored) if before and before.places.form == PLACES_FORM else frozenset[str]()
    currencies = (before.currencies if before else StringTable()).extended(_currencies(rows))
    channels = (before.channels if before else StringTable()).extended(_channels(rows))
    classes = (before.taxes.class_ids if before else StringTable()).extended(_tax_classes(rows))
    if before and "skus" in same and currencies is before.currencies:
        skus = before.skus
    else:
        skus = compile_skus(rows.skus, before.skus if before else None, currencies, classes)
    if before and "taxes" in same and classes is before.taxes.class_ids:
        taxes = before.taxes
    else:
        taxes = compile_taxes(rows.taxes, classes, before.taxes.area_ids if before else None)
    nodes, rates, places = _freight(rows, before, same, channels, as_of_ms)
    return Tables(
        version=version,
        skus=skus,
        nodes=nodes,
        rates=rates,
        taxes=taxes,
        promotions=compile_promotions(rows.promotions, skus.ids, channels, currencies),
        currencies=currencies,
        currency_exponent=frozen(int32s(EXPONENTS[code] for code in currencies.values)),
        channels=channels,
        countries=StringTable(COUNTRIES),
        places=places,
    )


def _unchanged(rows: TableRows, stored: TableRows | None) -> frozenset[str]:
    """Tables whose rows are the very same ones."""
    names = TableRows.__struct_fields__
    return frozenset(name for name in names if stored and getattr(rows, name) is getattr(stored, name))


def _freight(
    rows: TableRows, before: Tables | None, same: frozenset[str], channels: StringTable, as_of_ms: int
) -> tuple[NodeTable, RateTable, PlaceTable]:
    """Nodes, whose calendars are always those of now; rates and places, which depend on both tables."""
    former_nodes = before.nodes.ids if before else None
    if before and {"rates", "nodes"} <= same:
        nodes = compile_nodes(rows.nodes, former_nodes, channels, before.rates.zones, as_of_ms)
        return nodes, before.rates, before.places
    plan = plan_zones(rows.rates, rows.nodes, before.rates.zones if before else None)
    nodes = compile_nodes(rows.nodes, former_nodes, channels, plan.zones, as_of_ms)
    rates = compile_rates(rows.rates, rows.nodes, nodes, plan, before.rates if before else None)
    return nodes, rates, _places(plan)


def empty_tables(as_of_ms: int) -> Tables:
    """Version 0: nothing loaded yet."""
    return compile_tables(0, TableRows(), None, as_of_ms)


def _currencies(rows: TableRows) -> Iterator[str]:
    yield from (row.currency for row in rows.skus)
    yield from (row.when.currency for row in rows.promotions if row.when.currency is not None)


def _channels(rows: TableRows) -> Iterator[str]:
    for node in rows.nodes:
        yield from node.channels or ()
    for promotion in rows.promotions:
        yield from promotion.when.channels or ()


def _tax_classes(rows: TableRows) -> Iterator[str]:
    yield from (row.tax_class for row in rows.skus)
    yield from (row.tax_class for row in rows.taxes)


def _places(plan: ZonePlan) -> PlaceTable:
    return PlaceTable(
        postcode_patterns=list(postcode_patterns()),
        zone_texts=list(plan.patterns.texts),
        cover_offset=frozen(offsets_of([len(cover) for cover in plan.covers])),
        cover=frozen(int32s(offer for cover in plan.covers for offer in sorted(cover))),
        form=PLACES_FORM,
    )
