"""What one check has to say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "fault"]


@dataclass
class Finding:
    subject: str
    level: Level
    found: str
    remedy: str = ""


def ok(subject: str, found: str) -> Finding:
    return Finding(subject, "ok", found)


def judge(subject: str, found: str, level: Level, remedy: str) -> Finding:
    """A finding whose remedy is shown only where there is something to mend."""
    return Finding(subject, level, found, "" if level == "ok" else remedy)
