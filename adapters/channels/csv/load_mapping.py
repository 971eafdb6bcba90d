"""From the bytes of a mapping file to a mapping; whatever is wrong with it is said at once, key by key."""

from __future__ import annotations

from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from adapters.channels.csv.mapping import Mapping
from adapters.channels.csv.mapping_faults import faults_of
from router.errors import Misconfigured


def load_mapping(raw: bytes) -> Mapping:
    """Raises :class:`Misconfigured` with one line for every fault."""
    try:
        decode = msgspec.json.decode if raw.lstrip()[:1] == b"{" else msgspec.toml.decode
        said = decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise Misconfigured(f"The mapping file cannot be read: {fault}.") from None
    if not isinstance(said, dict):
        raise Misconfigured("The mapping file cannot be read: it is no table of keys.")
    faults = _form_faults(said)
    if not faults:
        mapping = msgspec.convert(said, Mapping)
        faults = faults_of(mapping)
    if faults:
        listed = "".join(f"\n  {fault}" for fault in faults)
        many = "is wrong in 1 place" if len(faults) == 1 else f"is wrong in {len(faults)} places"
        raise Misconfigured(f"The mapping file {many}:{listed}")
    return mapping


def _form_faults(said: dict[str, Any]) -> list[str]:
    """What does not have the form of a mapping: unknown keys, missing ones, values of another type."""
    types = get_type_hints(Mapping)
    faults = [f"{name!r} is no key of a mapping" for name in said if name not in types]
    if "columns" not in said:
        faults.append("columns is missing: it says which column is which field")
    for name in types.keys() & said.keys():
        faults += _part_faults(name, said[name], types[name])
    return sorted(faults)


def _part_faults(where: str, value: Any, kind: Any) -> list[str]:
    """Faults of one part; tables and lists are looked through element by element, so that none hides another."""
    elements: list[tuple[str, Any, Any]] = []
    if get_origin(kind) is dict and isinstance(value, dict):
        elements = [(f"{where}.{key!r}", element, get_args(kind)[1]) for key, element in value.items()]
    elif get_origin(kind) is list and isinstance(value, list):
        elements = [(f"{where} {place}", element, get_args(kind)[0]) for place, element in enumerate(value, 1)]
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(value, dict):
        return _struct_faults(where, value, kind)
    else:
        return _converted(where, value, kind)
    return [fault for part in elements for fault in _part_faults(*part)]


def _struct_faults(where: str, value: dict[str, Any], kind: type[msgspec.Struct]) -> list[str]:
    types = get_type_hints(kind)
    faults = [f"{where}: unknown field `{name}`" for name in value if name not in types]
    for name in types.keys() & value.keys():
        faults += _part_faults(f"{where}.{name}", value[name], types[name])
    needed = [field.name for field in msgspec.structs.fields(kind) if field.required]
    return faults + [f"{where}: {name} is missing" for name in needed if name not in value]


def _converted(where: str, value: Any, kind: Any) -> list[str]:
    try:
        msgspec.convert(value, kind)
    except (msgspec.ValidationError, RecursionError) as fault:
        return [f"{where}: {fault}"]
    return []
