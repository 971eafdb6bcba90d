"""Bring a database to the newest schema, version by version, in the transaction that is open."""

from __future__ import annotations

import pathlib

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from router.errors import Misconfigured

FOLDER = pathlib.Path(__file__).parent / "migrations"


def migrate(connection: Connection, to: str = "head") -> None:
    """Raises Misconfigured where a newer release has been there."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    found, script = version_of(connection), ScriptDirectory.from_config(config)
    if found == script.get_current_head():
        return
    refuse_newer(found)
    command.upgrade(config, to)


def refuse_newer(version: str | None) -> None:
    """Raises Misconfigured where a newer release has been there; None is a new database."""
    if version is not None and version not in versions():
        raise Misconfigured(
            f"the desk's database has version {version}, which a newer release made; use that release, or remove the "
            "desk: its work items are read from the log again"
        )


def versions() -> list[str]:
    """Of the schema, oldest first."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return [each.revision for each in ScriptDirectory.from_config(config).walk_revisions()][::-1]


def version_of(connection: Connection) -> str | None:
    """None: a new database."""
    return MigrationContext.configure(connection).get_current_revision()
