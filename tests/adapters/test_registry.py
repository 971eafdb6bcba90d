"""Adapters by their names, and partners of a configuration: what does not fit is said without any value."""

from __future__ import annotations

import pathlib
import types
from typing import Any

import pytest

from actors.store.secret_places import SECRET_BYTES_MAX, secret_at
from adapters import _registry
from adapters._registry import described_settings, open_partner, registered, settings_of
from adapters.payments.sandbox import SandboxPayments
from router.config import load_config
from router.errors import Misconfigured

GIVEN: dict[str, Any] = {
    "adapter": "sandbox_payments", "url": "https://pay.example", "api_key": "env:K", "hook_secrets": ["env:H"],
}  # fmt: skip


def fault(partner: str = "pay", **changes: Any) -> str:
    given = {name: value for name, value in (GIVEN | changes).items() if value is not None}
    with pytest.raises(Misconfigured) as refused:
        open_partner(partner, given, lambda place: "secret")
    return str(refused.value)


def test_every_module_of_a_room_has_one_adapter_and_two_of_a_name_are_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(registered()) == ["sandbox_carrier", "sandbox_payments"]
    module = types.ModuleType("copied")

    class Copied(SandboxPayments):
        __module__ = "copied"

    module.Copied = Copied  # type: ignore[attr-defined]
    modules = [*_registry._modules(), module]
    monkeypatch.setattr(_registry, "_modules", lambda: modules)
    with pytest.raises(AssertionError, match="two adapters"):
        registered.__wrapped__()


def test_what_does_not_fit_is_named_with_its_partner_and_setting() -> None:
    assert "[partners.pay]: adapter names one of sandbox_carrier, sandbox_payments" in fault(adapter="nobody")
    assert "[partners.pay]" in fault(adapter=7) and "`url`" in fault(url=None)
    assert "colour" in fault(colour="red") and "partners show" in fault(colour="red")
    assert "$.deadline_ms" in fault(deadline_ms=0) and "$.hook_secrets" in fault(hook_secrets=[])
    assert "partner's name" in fault("Pay") and "partner's name" in fault("p" * 41)


@pytest.mark.parametrize("written", ["sk_live_4711", "env:", "env:1X", "env:A B", "file:", "http://x", "ENV:K"])
def test_a_text_that_is_no_place_of_a_secret_is_not_repeated(written: str) -> None:
    for changes in ({"api_key": written}, {"hook_secrets": ["env:H", written]}):
        said = fault(**changes)
        assert '"env:NAME" or "file:PATH"' in said and next(iter(changes)) in said
        assert written not in said.replace('"env:NAME"', "").replace('"file:PATH"', "")


def test_a_secret_that_is_not_there_is_told_by_its_place(tmp_path: pathlib.Path) -> None:
    with pytest.raises(Misconfigured, match=r"\[partners.pay\]: api_key: env:NOT_SET_ANYWHERE is empty or not set"):
        open_partner("pay", GIVEN | {"api_key": "env:NOT_SET_ANYWHERE"}, secret_at)


def test_secrets_are_fetched_from_the_environment_and_from_files(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_KEY", "of the environment")
    assert secret_at("env:A_KEY") == "of the environment"
    file = tmp_path / "secret"
    for content, read in ((b"s3cret\n", "s3cret"), (b"s3cret\r\n", "s3cret"), (b" two\nlines \n\n", " two\nlines ")):
        file.write_bytes(content)
        assert secret_at(f"file:{file}") == read
    for content in (b"", b"\n", b"\xff\xfe", b"x" * (SECRET_BYTES_MAX + 1)):
        file.write_bytes(content)
        with pytest.raises(Misconfigured, match="secret"):
            secret_at(f"file:{file}")
    with pytest.raises(Misconfigured, match="No such file"):
        secret_at(f"file:{tmp_path / 'none'}")
    with pytest.raises(Misconfigured, match="directory"):
        secret_at(f"file:{tmp_path}")


def test_a_configuration_has_partners_as_it_was_written() -> None:
    text = b'[partners.pay]\nadapter = "sandbox_payments"\nurl = "https://pay.example"\napi_key = "env:K"\n'
    partners = load_config(text + b'hook_secrets = ["env:H", "file:h"]\n').partners
    adapter, settings = settings_of("pay", partners["pay"])
    assert adapter is SandboxPayments and settings.deadline_ms == 15_000
    assert settings.hook_secrets == ("env:H", "file:h")  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="partners"):
        load_config(b'[partners]\npay = "sandbox_payments"\n')


def test_every_setting_is_described_and_no_secret_has_a_value() -> None:
    for adapter in registered().values():
        rows = {row["setting"]: row for row in described_settings(adapter.spec.settings)}
        assert set(rows) == set(adapter.spec.settings.__struct_fields__)
        assert rows["api_key"]["takes"] == "where the secret is" and rows["api_key"]["default"] == "needed"
        assert rows["deadline_ms"] == {"setting": "deadline_ms", "takes": "a whole number", "default": "15000"}
