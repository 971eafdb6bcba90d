"""A desk's database from outside: its version, or why no desk opens with it, in the desk's own words."""

from __future__ import annotations

import pathlib

from actors.store.desk.database import looked_at
from actors.store.desk.file import schema_version
from actors.store.desk.migrate import refuse_newer, version_of
from actors.store.desk.place import refuse_others


def version_found(folder: pathlib.Path, url: str, name: str) -> str | None:
    """Of its schema; None where there is none yet. ``name``: of the data folder. Raises Retryable, Misconfigured and
    Damaged."""
    if not url and schema_version(folder) is None:
        return None
    with looked_at(folder, url) as connection:
        version = version_of(connection)
        refuse_newer(version)
        if version is not None:
            refuse_others(connection, name)
    return version
