"""Does an Arrow schema describe orders? Which columns are known, and which go into the document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from router.errors import shortened
from router.log.columns import REQUIRED_FIELDS
from router.wire.batch import WireError
from router.wire.fields import LINE_FIELDS, LINE_TEXTS, NUMBER_FIELDS, TEXT_FIELDS, TIME_FIELDS, arrow_name

# What the log keeps of an order by itself, so that the document need not.
_IN_THE_LOG = frozenset({"order_id", "channel", "seller", "currency", "placed_at", "priority", "total"})

_FAULTS_MAX, _FAULT_MAX = 20, 200  # told of a schema; characters of one


@dataclass(frozen=True)
class ArrowPlan:
    """Which columns of a stream's schema are read, and which are kept in the document."""

    known: frozenset[str]
    document: tuple[str, ...]


def plan_columns(schema: pa.Schema) -> ArrowPlan:
    """Refuse a schema that is not one of orders, in one sentence that names the faults."""
    known = {arrow_name(name): text_faults for name in TEXT_FIELDS}
    known.update({arrow_name(name): time_faults for name in TIME_FIELDS})
    known.update({arrow_name(name): whole_faults for name in NUMBER_FIELDS if name not in TIME_FIELDS})
    known.update({"coupons": _texts, "lines": _lines})
    counts = Counter(schema.names)
    faults = [f"{name} stands there {count} times" for name, count in counts.items() if count > 1 and name in known]
    faults += [f"{name} is missing" for name in _required() if name not in counts]
    for field in schema:
        if counts[field.name] == 1 and field.name in known:
            faults += known[field.name](field.name, field.type)
    if faults:
        raise no_schema_of("orders", faults)
    document = [name for name in schema.names if name not in _IN_THE_LOG and counts[name] == 1]
    if _is_in_wire(schema.field("lines").type):
        document.remove("lines")
    return ArrowPlan(frozenset(known) & frozenset(schema.names), tuple(document))


def no_schema_of(rows: str, faults: list[str]) -> WireError:
    """One sentence with the first faults and their number: a schema may have as many as it has columns."""
    told = [shortened(fault, _FAULT_MAX) for fault in faults[:_FAULTS_MAX]]
    if len(faults) > _FAULTS_MAX:
        told.append(f"and {len(faults) - _FAULTS_MAX} faults more")
    return WireError("arrow_schema", f"this is not a schema of {rows}: {'; '.join(told)}")


def _required() -> list[str]:
    objects = {name.partition(".")[0] for name in REQUIRED_FIELDS if "." in name}
    return ["lines"] + [
        arrow_name(name) for name in REQUIRED_FIELDS if name not in objects and not name.startswith("lines.")
    ]


def _is_in_wire(lines: pa.DataType) -> bool:
    """Do the lines hold nothing but what the log keeps of them?"""
    item = lines.value_type
    return {item.field(index).name for index in range(item.num_fields)} <= {"sku", "qty", "unit_price"}


def is_text(dtype: pa.DataType) -> bool:
    if pa.types.is_dictionary(dtype):
        return is_text(dtype.value_type)
    checks: tuple[Callable[[pa.DataType], bool], ...] = (
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_string_view,
        pa.types.is_null,
    )
    return any(check(dtype) for check in checks)


def text_faults(name: str, dtype: pa.DataType) -> list[str]:
    return [] if is_text(dtype) else [f"{name} is {dtype}, send a string"]


def whole_faults(name: str, dtype: pa.DataType) -> list[str]:
    fits = pa.types.is_integer(dtype) or pa.types.is_null(dtype)
    return [] if fits else [f"{name} is {dtype}, send an integer (money in minor units)"]


def time_faults(name: str, dtype: pa.DataType) -> list[str]:
    fits = pa.types.is_null(dtype) or (pa.types.is_timestamp(dtype) and dtype.tz is not None)
    return [] if fits else [f"{name} is {dtype}, send timestamp[ms, tz=UTC]"]


def is_list(dtype: pa.DataType) -> bool:
    return bool(pa.types.is_list(dtype) or pa.types.is_large_list(dtype))


def _texts(name: str, dtype: pa.DataType) -> list[str]:
    fits = pa.types.is_null(dtype) or (is_list(dtype) and is_text(dtype.value_type))
    return [] if fits else [f"{name} is {dtype}, send list<string>"]


def _lines(name: str, dtype: pa.DataType) -> list[str]:
    if not is_list(dtype) or not pa.types.is_struct(dtype.value_type):
        return [f"{name} is {dtype}, send list<struct<sku: string, qty: int32, unit_price: int64>>"]
    item = dtype.value_type
    counts = Counter(item.field(index).name for index in range(item.num_fields))
    faults = [f"{name}.{key} stands there {counts[key]} times" for key in LINE_FIELDS if counts[key] > 1]
    faults += [f"{name}.{key} is missing" for key in ("sku", "qty") if not counts[key]]
    for key in LINE_FIELDS:
        if counts[key] == 1:
            check = text_faults if key in LINE_TEXTS else whole_faults
            faults += check(f"{name}.{key}", item.field(key).type)
    return faults
