"""``order-router doctor``: what is wrong with this machine or a data folder, and how to mend it."""

from __future__ import annotations

import argparse
import pathlib
from typing import Any

from actors.cli.first_start import compile_kernels
from actors.cli.output import Progress, UsageError, add_json_flag, print_result, whole_number

SIGNS = {"ok": "ok  ", "warning": "look", "fault": "BAD "}


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "doctor",
        help="check this machine and a data folder",
        description="Exit code 1 when something will not work. Reads only; safe while the router runs. With --cut-to "
        "it makes a new folder of a damaged one, up to the last records that are whole, and says what is lost.",
    )
    parser.add_argument("--data", type=pathlib.Path, metavar="DIR", help="data folder to check as well")
    parser.add_argument(
        "--port",
        type=whole_number(0, 65_535),
        default=8080,
        help="port that `serve` shall use (default %(default)s; 0: any that is free)",
    )
    parser.add_argument(
        "--cut-to", type=pathlib.Path, metavar="NEW", help="a new folder that ends before the damage in DIR"
    )
    add_json_flag(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    if arguments.cut_to is not None:
        if arguments.data is None:
            raise UsageError("--cut-to needs --data DIR, the damaged folder.")
        return _cut(arguments)
    from actors.care.doctor import folder, machine

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


def _cut(arguments: argparse.Namespace) -> int:
    import dataclasses

    compile_kernels()
    from actors.care.doctor.cut import Cutter
    from actors.care.reading.apart import apart
    from actors.cli import verify
    from actors.store.data_folder import DataFolder

    progress, data = Progress(), DataFolder(arguments.data)
    data.identity()
    lock = data.lock()
    try:
        cut = apart(lambda show: Cutter(data, show).make(arguments.cut_to), progress.show)
    finally:
        lock.close()
    verdict = verify.verdict_of(DataFolder(arguments.cut_to), progress)
    progress.done()
    lost = [*cut.sentences()] or ["nothing is lost"]
    lost.append(
        f"the {cut.lost_orders} lost orders that can be named, to be sent again: {arguments.cut_to}.lost.ndjson"
    )
    text = "\n".join([*lost, verify.as_text(verdict)])
    print_result(arguments.json, {**dataclasses.asdict(cut), "lost": lost, "verify": verdict}, text)
    return 0 if verdict["ok"] else 1
