"""Secrets of partners, fetched from where the configuration says they are: ``env:NAME`` or ``file:PATH``."""

from __future__ import annotations

import os
import pathlib

from router.errors import Misconfigured

SECRET_BYTES_MAX = 64 << 10  # a key with its certificates


def secret_at(place: str) -> str:
    """The secret itself, without the end of its line; raises Misconfigured, which names the place alone."""
    kind, _, name = place.partition(":")
    assert kind in ("env", "file"), "the settings of every adapter say so"
    value = os.environ.get(name, "") if kind == "env" else _read(place, pathlib.Path(name))
    if not value:
        raise Misconfigured(f"{place} is empty or not set; give the process that runs the router this secret.")
    return value


def _read(place: str, path: pathlib.Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(SECRET_BYTES_MAX + 1)
        text = raw.decode()
    except OSError as fault:
        raise Misconfigured(f"{place}: {fault.strerror}.") from None
    except UnicodeDecodeError:
        raise Misconfigured(f"{place} is no text in UTF-8.") from None
    if len(raw) > SECRET_BYTES_MAX:
        raise Misconfigured(f"{place} has more than {SECRET_BYTES_MAX} bytes, which is no secret.")
    return text.rstrip("\r\n")
