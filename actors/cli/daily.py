"""What the commands of daily work share: the router that they ask, lines of a file, and results of lines."""

from __future__ import annotations

import argparse
import collections
import itertools
import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from actors.cli.output import Progress, UsageError, read_key
from actors.client.reasons import Reasons

if TYPE_CHECKING:
    from actors.client.asking import Router

LINES_A_REQUEST = 10_000


def router_of(arguments: argparse.Namespace) -> Router:
    """The router that --url names; raises Retryable within seconds where there is none."""
    from actors.client.asking import Router

    return Router(arguments.url, read_key(arguments.key))


def given_query(arguments: argparse.Namespace, names: Sequence[str]) -> dict[str, str]:
    """Options that were given, as the query of a request."""
    return {name: str(value) for name in names if (value := getattr(arguments, name)) is not None}


def add_scope_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--channel", help="the order's channel, where ids are unique in their channel only")
    parser.add_argument("--seller", help="the order's seller, where ids are unique to their seller only")


def new_id(prefix: str) -> str:
    """An id for an event or a movement that was given none."""
    return f"{prefix}-{uuid.uuid4().hex}"


def units_of(text: str) -> dict[str, Any]:
    """So many units of a line, as --line says them."""
    line_id, _, qty = text.rpartition("=")
    if not line_id or not qty.isdecimal():
        raise UsageError(f"--line {text!r}: write LINE_ID=QTY, 1=2 say.")
    return {"line_id": line_id, "qty": int(qty)}


def posted_once(
    router: Router, path: str, query: Mapping[str, str], said: Mapping[str, Any], key: str, so_that: str
) -> dict[str, Any]:
    """What a request under an Idempotency-Key gives; whoever hears no answer is told the key, ``so_that`` the same is
    done once."""
    from actors.client.asking import JSON, PASSES, Body, RequestRefused
    from router.errors import Retryable

    again = f"Ask again with --idempotency-key {key}, so that {so_that}."
    try:
        found: dict[str, Any] = router.json("POST", path, query, Body(json.dumps(said).encode(), JSON, key))
    except Retryable as fault:
        raise Retryable(f"{fault} {again}", fault.retry_after_ms) from None
    except RequestRefused as fault:
        if fault.status not in PASSES:
            raise
        raise RequestRefused(f"{fault} {again}", fault.status, fault.problem) from None
    return found


def read_lines(path: str) -> Iterator[bytes]:
    """Lines of a file (plain, .gz or .zst), or of standard input (``-``), that hold something."""
    from actors.client.sources import open_bytes

    with open_bytes(path) as file:
        for line in file:
            if line.strip():
                yield line.rstrip(b"\r\n") + b"\n"


class Results:
    """What became of lines that were sent: how many of each status, and the first few refusals of each reason."""

    def __init__(self) -> None:
        self.by_status: collections.Counter[str] = collections.Counter()
        self._reasons = Reasons()

    @property
    def refused(self) -> int:
        return self.by_status["refused"]

    def add(self, row: int, result: dict[str, Any]) -> None:
        self.by_status[result["status"]] += 1
        if result["status"] == "refused":
            reason = result.get("reason") or result.get("code") or "no_reason"
            self._reasons.add(reason, {"row": row} | {name: said for name, said in result.items() if name != "status"})

    def document(self) -> dict[str, object]:
        return {
            "sent": self.by_status.total(),
            "by_status": dict(self.by_status),
            "refused_by_reason": dict(self._reasons.counts),
            "refused_examples": self._reasons.examples,
        }

    def text(self, noun: str) -> str:
        lines = [f"{self.by_status.total():,} {noun} sent"]
        lines += [f"  {status:<22}{count:>12,}" for status, count in sorted(self.by_status.items())]
        for reason, count in sorted(self._reasons.counts.items()):
            lines.append(f"refused, {reason}: {count:,}")
            lines += [f"  row {each['row']}: {each.get('detail', '')}" for each in self._reasons.examples[reason]]
        return "\n".join(lines)


def send_lines(router: Router, path: str, lines: Iterator[bytes], on_count: Callable[[int], None]) -> Results:
    """Post JSON lines some thousand at a time; a line is answered by a line."""
    from actors.client.asking import NDJSON, Body

    results, sent = Results(), 0
    while piece := list(itertools.islice(lines, LINES_A_REQUEST)):
        for number, result in enumerate(router.lines("POST", path, Body(b"".join(piece), NDJSON)), sent + 1):
            results.add(number, result)
        sent += len(piece)
        on_count(sent)
    return results


def send_file(arguments: argparse.Namespace, path: str, noun: str) -> Results:
    """Post the lines of a file, with progress; raises UsageError where it holds none."""
    progress = Progress()
    with router_of(arguments) as router:
        results = send_lines(
            router, path, read_lines(arguments.file), lambda sent: progress.show(f"{sent:,} {noun} sent")
        )
    progress.done()
    if not results.by_status:
        raise UsageError(f"{arguments.file} holds no {noun}; write one JSON object a line.")
    return results
