"""What became of the bits that were turned in one place."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.trials.flips.bits import SAME


@dataclass
class Tally:
    found: int = 0
    harmless: int = 0
    carrying_nothing: int = 0
    missed: list[str] = field(default_factory=list)

    def take(self, what: str, verdict: str, must_be_found: bool) -> None:
        if verdict.startswith("found"):
            self.found += 1
        elif verdict == SAME and not must_be_found:
            self.harmless += 1
        else:
            self.missed.append(f"{what}: {verdict}")

    def as_dict(self) -> dict[str, int]:
        counts = {"found": self.found, "harmless": self.harmless, "carrying_nothing": self.carrying_nothing}
        return {"bits": sum(counts.values()) + len(self.missed), **counts, "missed": len(self.missed)}
