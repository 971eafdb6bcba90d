"""What the desk needs is loaded by the desk alone: orders neither start later for it nor wait for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("sqlalchemy", "alembic", "mako")


@pytest.mark.parametrize(
    "module", ["actors.run.supervisor", "actors.gateway.main", "actors.gateway.endpoints.table", "actors.cli.main",
               "actors.care.backup", "actors.care.doctor.folder"],
)  # fmt: skip
def test_no_other_process_loads_a_database(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
