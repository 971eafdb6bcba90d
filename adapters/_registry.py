"""Which adapters there are, and how a partner of the configuration becomes one: settings checked, secrets fetched.

Every module of a room of partners has one adapter. What is wrong with a partner is said in words with its name and
setting, never with a value: somebody may have written a secret where its place belongs.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import re
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

import adapters.carriers
import adapters.payments
from adapters._spec import Adapter, Rotated, Secret, Secrets, Settings
from router.errors import Misconfigured

ROOMS = (adapters.payments, adapters.carriers)
PARTNER_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")  # it begins the ids of the partner's events
AnyAdapter = Adapter[Any]


@functools.cache
def registered() -> dict[str, type[AnyAdapter]]:
    """Every adapter by its name; two of one name are a bug."""
    found: dict[str, type[AnyAdapter]] = {}
    for module in _modules():
        (own,) = [each for each in vars(module).values() if _is_adapter_of(each, module.__name__)]
        assert own.spec.name not in found, f"{own.spec.name} is the name of two adapters"
        found[own.spec.name] = own
    return dict(sorted(found.items()))


def _modules() -> Iterator[Any]:
    for room in ROOMS:
        for module in pkgutil.iter_modules(room.__path__):
            yield importlib.import_module(f"{room.__name__}.{module.name}")


def _is_adapter_of(thing: object, module: str) -> bool:
    return isinstance(thing, type) and issubclass(thing, Adapter) and thing.__module__ == module


def secret_fields(settings: type[Settings]) -> dict[str, bool]:
    """Names of the settings that say where secrets are; True: of several, which are rotated."""
    hints = typing.get_type_hints(settings, include_extras=True)
    return {name: hint == Rotated for name, hint in hints.items() if hint in (Secret, Rotated)}


def described_settings(settings: type[Settings]) -> list[dict[str, str]]:
    """Name, what it takes and default of each setting, those that must be given first."""
    secrets = secret_fields(settings)
    rows = []
    for field in msgspec.structs.fields(settings):
        kind = typing.get_args(field.type)[0] if typing.get_origin(field.type) is typing.Annotated else field.type
        choices = typing.get_args(kind) if typing.get_origin(kind) is typing.Literal else ()
        takes = " or ".join(choices) or _WORDS.get(typing.get_origin(kind) or kind, "a list")
        if field.name in secrets:
            takes = "where the secrets are, a list" if secrets[field.name] else "where the secret is"
        unsaid = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
        default = "needed" if field.required else msgspec.json.encode(unsaid).decode()
        rows.append({"setting": field.name, "takes": takes, "default": default})
    return sorted(rows, key=lambda row: row["default"] != "needed")


_WORDS: dict[object, str] = {str: "a text", int: "a whole number", bool: "true or false", dict: "a table"}


def settings_of(partner: str, given: Mapping[str, object]) -> tuple[type[AnyAdapter], Settings]:
    """The adapter of a partner and its settings, checked; raises Misconfigured."""
    where = f"[partners.{partner}]"
    if not PARTNER_NAME.fullmatch(partner):
        raise Misconfigured(f"{where}: a partner's name has a to z, 0 to 9, _ and -, and at most 40 of them.")
    name = given.get("adapter")
    adapter = registered().get(name) if isinstance(name, str) else None
    if adapter is None:
        raise Misconfigured(f"{where}: adapter names one of {', '.join(registered())}.")
    try:
        return adapter, msgspec.convert(given, adapter.spec.settings)
    except msgspec.ValidationError as fault:
        raise Misconfigured(f"{where}: {_in_words(str(fault))}") from None


def _in_words(fault: str) -> str:
    """msgspec names the place, and of a pattern only that it is not met."""
    if "matching regex" in fault and "env:" in fault:
        return f'{fault[fault.rfind("`$") :].strip("`$.")} says where the secret is: "env:NAME" or "file:PATH".'
    return f"{fault}; `order-router partners show` lists the settings."


def open_partner(partner: str, given: Mapping[str, object], resolve: Callable[[str], str]) -> AnyAdapter:
    """The adapter of a partner, ready; ``resolve`` fetches a secret from where it is, and raises Misconfigured."""
    adapter, settings = settings_of(partner, given)
    values = {}
    for name, rotates in secret_fields(type(settings)).items():
        places: tuple[str, ...] = getattr(settings, name) if rotates else (getattr(settings, name),)
        try:
            values[name] = tuple(resolve(place) for place in places)
        except Misconfigured as fault:
            raise Misconfigured(f"[partners.{partner}]: {name}: {fault}") from None
    return adapter(partner, settings, Secrets(values))
