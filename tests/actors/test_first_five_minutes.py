"""README's first five minutes, pasted as they stand into a shell of a fresh folder."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys

import pytest

from actors.store.data_folder import DataFolder

HERE = pathlib.Path(__file__).parents[2]
MINUTES_MAX = 10


def pasted() -> str:
    text = (HERE / "README.md").read_text()
    block = re.search(r"## First five minutes\n\n```sh\n(.*?)```", text, re.DOTALL)
    assert block is not None
    return block[1]


@pytest.mark.ray
@pytest.mark.timeout(60 * MINUTES_MAX)
def test_the_first_five_minutes_work_as_they_stand(tmp_path: pathlib.Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shutil.copytree(HERE / "examples" / "first", tmp_path / "examples" / "first")
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "order-router").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m actors.cli.main "$@"\n')
    (commands / "order-router").chmod(0o755)
    setup, *lines = pasted().splitlines()
    assert setup == "make setup && . .venv/bin/activate"
    script = "\n".join(lines).replace("8080", str(port))
    for command in ("load", "send", "orders list", "orders show", "explain", "events add", "stock move"):
        script = script.replace(f"order-router {command} ", f"order-router {command} --url http://127.0.0.1:{port} ")
    path = f"{commands}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(HERE)}
    try:
        done = subprocess.run(
            ["bash", "-c", f"set -em\n{script}\nwait"],
            cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60 * MINUTES_MAX - 30, check=False,
        )  # fmt: skip
    finally:
        data = DataFolder(tmp_path / "var" / "data")
        for left in (data.shared, data.ray):
            shutil.rmtree(left.resolve(), ignore_errors=True)
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert f"ready http://127.0.0.1:{port}" in done.stdout
    assert "sent 4 orders, 4 answered" in done.stdout and "rejected, sku_unknown: 1" in done.stdout
    assert "ship of order A-1001" in done.stdout and "partially_shipped" in done.stdout
    assert "line 1: POT: 8 ordered, 8 allocated (8 at LYON)" in done.stdout, done.stdout
