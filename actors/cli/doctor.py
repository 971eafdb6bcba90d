"""``order-router doctor``: what is wrong with this machine or a data folder, and how to mend it."""

from __future__ import annotations

import argparse
import pathlib
from typing import Any

from actors.cli.output import add_json_flag, print_result

SIGNS = {"ok": "ok  ", "warning": "look", "fault": "BAD "}


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "doctor",
        help="check this machine and a data folder",
        description="Exit code 1 when something will not work. Reads only; safe while the router runs.",
    )
    parser.add_argument("--data", type=pathlib.Path, metavar="DIR", help="data folder to check as well")
    parser.add_argument("--port", type=int, default=8080, help="port that `serve` shall use (default %(default)s)")
    add_json_flag(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    from actors.doctor import folder, machine

    findings = machine.check(arguments.data or pathlib.Path("."), arguments.port)
    if arguments.data is not None:
        findings += folder.check(arguments.data)
    lines = []
    for finding in findings:
        lines.append(f"{SIGNS[finding.level]}  {finding.subject:<18}{finding.found}")
        if finding.remedy:
            lines.append(f"      -> {finding.remedy}")
    faults = sum(finding.level == "fault" for finding in findings)
    lines.append(f"{faults} faults." if faults else "Nothing stands in the way.")
    print_result(
        arguments.json, {"faults": faults, "findings": [vars(finding) for finding in findings]}, "\n".join(lines)
    )
    return 1 if faults else 0
