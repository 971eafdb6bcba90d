"""What commands print: results on stdout (as text or one JSON object), progress and faults on stderr."""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import shutil
import sys
import time
from collections.abc import Callable
from typing import TextIO

PROGRESS_EVERY_S = 1.0


class UsageError(Exception):
    """The command line asks for something that cannot be; answered with exit code 2."""


def whole_number(low: int, high: int = 1 << 62) -> Callable[[str], int]:
    """The type of an option: a whole number within bounds, refused in words."""

    def read(text: str) -> int:
        with contextlib.suppress(ValueError):
            if low <= int(text) <= high:
                return int(text)
        upwards = "upwards" if high == 1 << 62 else f"to {high:,}"
        raise argparse.ArgumentTypeError(f"takes a whole number from {low:,} {upwards}, not {text!r}")

    return read


def add_json_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")


def add_server_flags(parser: argparse.ArgumentParser, key_required: bool = True) -> None:
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="address of the router (default %(default)s)")
    said = "API key, or @FILE to read it from a file (DIR/admin.key say)"
    parser.add_argument("--key", required=key_required, help=said)


def read_key(given: str) -> str:
    if not given.startswith("@"):
        return given
    try:
        with open(given[1:], encoding="utf-8") as file:
            return file.read().strip()
    except OSError as fault:
        raise UsageError(f"--key {given}: {fault.strerror}; name a file that holds the key.") from None


def print_result(as_json: bool, result: dict[str, object], text: str, file: TextIO | None = None) -> None:
    """``file``: instead of standard output, where that holds what was asked for itself."""
    print(json.dumps(result, ensure_ascii=False) if as_json else text, file=file, flush=True)


def rfc3339(moment_ms: int) -> str:
    """A moment as people are shown it, in UTC, to the second."""
    return dt.datetime.fromtimestamp(moment_ms / 1000, dt.UTC).isoformat(timespec="seconds")


def fail(sentence: str, exit_code: int) -> int:
    print(f"order-router: {sentence}", file=sys.stderr)
    return exit_code


class Progress:
    """A line on stderr, at most once a second; overwritten in place on a terminal."""

    def __init__(self, line_every_s: float = PROGRESS_EVERY_S) -> None:
        """``line_every_s``: the same where lines cannot be overwritten."""
        self._in_place = sys.stderr.isatty()
        self._every_s = PROGRESS_EVERY_S if self._in_place else line_every_s
        self._due_s = time.monotonic() + PROGRESS_EVERY_S
        self._shown = ""

    def show(self, text: str) -> None:
        now_s = time.monotonic()
        if now_s < self._due_s:
            return
        self._due_s = now_s + self._every_s
        if self._in_place:
            width = shutil.get_terminal_size().columns - 1  # a line that wraps could not be overwritten
            print(f"\r\x1b[K{text[:width]}", end="", file=sys.stderr, flush=True)
        elif text != self._shown:
            print(text, file=sys.stderr, flush=True)
        self._shown = text

    def say(self, text: str) -> None:
        """A line that stays, at once."""
        print(f"\r\x1b[K{text}" if self._in_place else text, file=sys.stderr, flush=True)

    def done(self) -> None:
        """The line goes: what was done is said by the result."""
        if self._shown and self._in_place:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
