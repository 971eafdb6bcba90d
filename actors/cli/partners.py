"""``order-router partners``: which adapters there are, whether the partners of a configuration fit, and a sandbox."""

from __future__ import annotations

import argparse
import pathlib
from typing import TYPE_CHECKING, Any

from actors.cli.output import UsageError, add_json_flag, fail, print_result, whole_number

if TYPE_CHECKING:
    from adapters._registry import AnyAdapter

SANDBOX_KEY, SANDBOX_HOOK_SECRET = "sandbox-key", "sandbox-hook-secret"  # of nothing that is worth anything


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "partners",
        help="adapters of payment providers and carriers, and a sandbox",
        description="Lists adapters and their settings, checks the partners of a configuration, runs a sandbox with a "
        "payment provider and a carrier that fail on demand. Values of secrets are never shown.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listed = actions.add_parser("list", help="every adapter, what it is and can do")
    show = actions.add_parser("show", help="settings and secrets of an adapter")
    show.add_argument("adapter")
    check = actions.add_parser("check", help="whether partners fit their adapters, and their secrets are there")
    check.add_argument("--config", type=pathlib.Path, required=True, metavar="FILE", help="as `serve` takes it")
    for action in (listed, show, check):
        add_json_flag(action)
    sandbox = actions.add_parser("sandbox", help="run a payment provider and a carrier for trials")
    sandbox.add_argument("--port", type=whole_number(1, 65_535), required=True)
    sandbox.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s: this machine)")
    said = "router that gets webhooks (default %(default)s)"
    sandbox.add_argument("--hooks", default="http://127.0.0.1:8080", metavar="URL", help=said)
    return parser


def run(arguments: argparse.Namespace) -> int:
    actions = {"list": _list, "show": _show, "check": _check, "sandbox": _sandbox}
    return actions[arguments.action](arguments)


def _list(arguments: argparse.Namespace) -> int:
    from adapters._registry import registered

    found = [_summary(adapter) for adapter in registered().values()]
    print_result(arguments.json, {"adapters": found}, "\n".join(map(_line, found)))
    return 0


def _summary(adapter: type[AnyAdapter]) -> dict[str, Any]:
    spec = adapter.spec
    intents = {intent.__name__: repeat.value for intent, repeat in spec.repeats.items()}
    about = {"adapter": spec.name, "kind": spec.kind.value, "about": spec.about}
    return {**about, "intents": intents}


def _line(summary: dict[str, Any]) -> str:
    can_do = ", ".join(f"{intent} ({repeat})" for intent, repeat in summary["intents"].items())
    return f"{summary['adapter']:<20}{summary['kind']:<10}{summary['about']}\n{'':<30}{can_do}"


def _show(arguments: argparse.Namespace) -> int:
    from adapters._registry import described_settings, registered

    adapter = registered().get(arguments.adapter)
    if adapter is None:
        raise UsageError(f"no adapter is called {arguments.adapter!r}; there are {', '.join(registered())}.")
    settings = described_settings(adapter.spec.settings)
    lines = [f"{each['setting']:<26}{each['takes']:<34}{each['default']}" for each in settings]
    shown = {**_summary(adapter), "settings": settings}
    print_result(arguments.json, shown, "\n".join([_line(_summary(adapter)), "", *lines]))
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from router.config import load_config

    try:
        partners = load_config(arguments.config.read_bytes()).partners
    except OSError as fault:
        raise UsageError(f"--config {arguments.config}: {fault.strerror}.") from None
    except ValueError as fault:
        raise UsageError(f"--config {arguments.config}: {fault}.") from None
    judged = {name: _fault_of(name, given) for name, given in partners.items()}
    faults = {name: words for name, words in judged.items() if words}
    words = [faults.get(name, f"[partners.{name}]: fits, and its secrets are there.") for name in partners]
    result: dict[str, object] = {"partners": list(partners), "faults": faults}
    print_result(arguments.json, result, "\n".join(words) or "The configuration names no partners.")
    return fail(f"{len(faults)} of {len(partners)} partners cannot be used.", exit_code=1) if faults else 0


def _fault_of(name: str, given: dict[str, Any]) -> str:
    from actors.store.secret_places import secret_at
    from adapters._registry import open_partner
    from router.errors import Misconfigured

    try:
        open_partner(name, given, secret_at)
    except Misconfigured as fault:
        return str(fault)
    return ""


def _sandbox(arguments: argparse.Namespace) -> int:
    import time

    from aiohttp import web

    from adapters.sandbox.server import Sandbox, SandboxSettings

    hooks = f"{arguments.hooks.rstrip('/')}/v1/hooks"
    settings = SandboxSettings(SANDBOX_KEY, SANDBOX_HOOK_SECRET, f"{hooks}/pay", f"{hooks}/ship")
    started_ms = time.time_ns() // 1_000_000  # begins ids and numbers, so that no two runs tell the same fact
    sandbox = Sandbox(settings, f"{started_ms:x}", started_ms // 1_000, lambda: time.time_ns() // 1_000_000)
    fitting = _sandbox_configuration(f"http://{arguments.host}:{arguments.port}")
    web.run_app(
        sandbox.application(),
        host=arguments.host,
        port=arguments.port,
        handler_cancellation=True,
        print=lambda *_: print(fitting, flush=True),  # said once it listens
        access_log=None,
    )
    return 0


def _sandbox_configuration(url: str) -> str:
    """What a router needs to speak with it: the environment, and tables of its configuration."""
    tables = [
        f'[partners.{partner}]\nadapter = "{adapter}"\nurl = "{url}"\nallow_private = true\n'
        'api_key = "env:SANDBOX_KEY"\nhook_secrets = ["env:SANDBOX_HOOK_SECRET"]\n'
        for partner, adapter in (("pay", "sandbox_payments"), ("ship", "sandbox_carrier"))
    ]
    exports = f"# export SANDBOX_KEY={SANDBOX_KEY} SANDBOX_HOOK_SECRET={SANDBOX_HOOK_SECRET}\n"
    return f"{exports}\n" + "\n".join(tables)
