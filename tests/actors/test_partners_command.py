"""``order-router partners``: what it lists and checks, that no secret is printed, and the sandbox as a process."""

from __future__ import annotations

import json
import os
import pathlib
import socket
import subprocess
import sys
import tomllib
import urllib.request
from typing import Any

import pytest

from actors.cli.main import main
from adapters._registry import open_partner, registered
from router.config import load_config

SECRET = "sk_live_4711"
TABLE = """[partners.pay]
adapter = "sandbox_payments"
url = "https://pay.example"
api_key = "{key}"
hook_secrets = ["env:HOOK_SECRET"]
"""


def answered(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    assert main(["partners", *arguments, "--json"]) == code
    return dict(json.loads(capsys.readouterr().out))


def test_it_lists_every_adapter_with_what_it_can_do(capsys: pytest.CaptureFixture[str]) -> None:
    found = answered(capsys, "list")["adapters"]
    assert [each["adapter"] for each in found] == list(registered())
    payments = found[-1]
    assert payments["kind"] == "payment" and payments["intents"]["Refund"] == "keyed"
    assert main(["partners", "list"]) == 0 and "Label (once)" in capsys.readouterr().out


def test_it_shows_the_settings_of_one(capsys: pytest.CaptureFixture[str]) -> None:
    settings = {row["setting"]: row for row in answered(capsys, "show", "sandbox_carrier")["settings"]}
    assert settings["hook_secrets"]["takes"] == "where the secrets are, a list"
    assert main(["partners", "show", "sandbox_carrier"]) == 0
    assert "requests_per_second_max" in capsys.readouterr().out
    assert main(["partners", "show", "nobody"]) == 2 and "sandbox_payments" in capsys.readouterr().err


def test_it_checks_the_partners_of_a_configuration(
    capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "router.toml"
    monkeypatch.setenv("PAY_KEY", SECRET)
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    file.write_text(TABLE.format(key="env:PAY_KEY"))
    assert answered(capsys, "check", "--config", str(file)) == {"partners": ["pay"], "faults": {}}
    for written in ("env:NOT_SET_ANYWHERE", SECRET):
        file.write_text(TABLE.format(key=written))
        faults = answered(capsys, "check", "--config", str(file), code=1)["faults"]
        assert "[partners.pay]" in faults["pay"] and "api_key" in faults["pay"] and SECRET not in faults["pay"]
    assert main(["partners", "check", "--config", str(file)]) == 1
    told = capsys.readouterr()
    assert SECRET not in told.out + told.err and "1 of 1" in told.err
    file.write_text("")
    assert main(["partners", "check", "--config", str(file)]) == 0 and "no partners" in capsys.readouterr().out
    assert main(["partners", "check", "--config", str(tmp_path / "none")]) == 2
    file.write_text("partners = 7")
    assert main(["partners", "check", "--config", str(file)]) == 2


def test_serve_refuses_partners_that_do_not_fit_before_it_starts_anything(
    capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.cli.serve.compile_kernels", lambda: None)
    file = tmp_path / "router.toml"
    file.write_text(TABLE.format(key=SECRET))
    assert main(["serve", "--data", str(tmp_path / "data"), "--port", "1", "--config", str(file)]) == 1
    told = capsys.readouterr().err
    assert "[partners.pay]: api_key says where the secret is" in told and SECRET not in told
    assert not (tmp_path / "data").exists()


def test_the_sandbox_says_what_a_router_needs_and_answers(tmp_path: pathlib.Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "actors.cli.main", "partners", "sandbox", "--port", str(port)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)
    try:
        assert running.stdout is not None
        lines = [running.stdout.readline() for _ in range(15)]  # it says so once it listens
        exported = dict(pair.split("=") for pair in lines[0].removeprefix("# export ").split())
        partners = load_config("".join(lines).encode()).partners
        assert tomllib.loads("".join(lines))["partners"] == partners and list(partners) == ["pay", "ship"]
        for name, given in partners.items():
            open_partner(name, given, lambda place: exported[place.removeprefix("env:")])
        key = {"Authorization": f"Bearer {exported['SANDBOX_KEY']}"}
        asked = urllib.request.Request(f"http://127.0.0.1:{port}/carrier/labels/by-reference/k", headers=key)
        with urllib.request.urlopen(asked, timeout=10) as answer:
            assert json.loads(answer.read()) == {"labels": []}
    finally:
        running.terminate()
        assert running.wait(20) == 0
        running.stdout.close()  # type: ignore[union-attr]
