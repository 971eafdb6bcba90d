"""From the bytes of a mapping file to a mapping; whatever is wrong with it is said at once, key by key."""

from __future__ import annotations

from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from adapters.channels.csv.mapping import Mapping
from adapters.channels.csv.mapping_faults import faults_of
from router.errors import Misconfigured

_LEFT_OUT = object()  # what has the wrong form and cannot be looked at further


def load_mapping(raw: bytes) -> Mapping:
    """Raises :class:`Misconfigured` with one line for every fault."""
    try:
        decode = msgspec.json.decode if raw.lstrip()[:1] == b"{" else msgspec.toml.decode
        said = decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise Misconfigured(f"The mapping file cannot be read: {fault}.") from None
    if not isinstance(said, dict):
        raise Misconfigured("The mapping file cannot be read: it is no table of keys.")
    faults: list[str] = []
    kept = _struct("", said, Mapping, faults)
    mapping = None if kept is _LEFT_OUT else msgspec.convert(kept, Mapping)
    if mapping is not None:
        faults += faults_of(mapping)
    if faults or mapping is None:
        listed = "".join(f"\n  {fault}" for fault in faults)
        many = "is wrong in 1 place" if len(faults) == 1 else f"is wrong in {len(faults)} places"
        raise Misconfigured(f"The mapping file {many}:{listed}")
    return mapping


def _looked_through(where: str, value: Any, kind: Any, faults: list[str]) -> Any:
    """The part without what has the wrong form; each such element is a fault and hides no other."""
    if get_origin(kind) is dict and isinstance(value, dict):
        element = get_args(kind)[1]
        parts = {key: _looked_through(f"{where}.{key!r}", part, element, faults) for key, part in value.items()}
        return {key: part for key, part in parts.items() if part is not _LEFT_OUT}
    if get_origin(kind) is list and isinstance(value, list):
        element = get_args(kind)[0]
        listed = [_looked_through(f"{where} {place}", part, element, faults) for place, part in enumerate(value, 1)]
        return [part for part in listed if part is not _LEFT_OUT]
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(value, dict):
        return _struct(where, value, kind, faults)
    try:
        msgspec.convert(value, kind)
    except (msgspec.ValidationError, RecursionError) as fault:
        faults.append(f"{where}: {fault}")
        return _LEFT_OUT
    return value


def _struct(where: str, value: dict[str, Any], kind: type[msgspec.Struct], faults: list[str]) -> Any:
    types = get_type_hints(kind)
    inside, named = (f"{where}.", f"{where}: ") if where else ("", "")
    faults += [f"{named}unknown field `{name}`" for name in value if name not in types]
    needed = [field.name for field in msgspec.structs.fields(kind) if field.required]
    missing = [f"{named}{name} is missing" for name in needed if name not in value]
    faults += missing
    known = {name: part for name, part in value.items() if name in types}
    parts = {name: _looked_through(f"{inside}{name}", part, types[name], faults) for name, part in known.items()}
    kept = {name: part for name, part in parts.items() if part is not _LEFT_OUT}
    return _LEFT_OUT if missing or any(name not in kept for name in needed) else kept
