"""docs/life.md says of every event what router/life/rules.py does: its table is written from the rules, here."""

from __future__ import annotations

import pathlib

from kernels.life import layout
from router.life.event_types import EVENT_TYPES, OrderEvent
from router.life.rules import INSPECT, RULES, Rule
from router.life.states import Stage

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "life.md"
HEAD = (
    "| event | takes units of | and they are | changes nothing where they are | fills in what was skipped |",
    "|---|---|---|---|---|",
)
MOVING = (
    layout.KIND_UNITS,
    layout.KIND_RETURN,
    layout.KIND_HOLD,
    layout.KIND_RELEASE,
    layout.KIND_REJECT,
    layout.KIND_MARK,
)


def test_the_table_of_units_is_that_of_the_rules() -> None:
    rows = [row_of(event, rule) for event, rule in RULES.items() if rule.kind in MOVING]
    table = "\n".join((*HEAD, *rows))
    assert table in DOCUMENT.read_text(encoding="utf-8"), f"docs/life.md should have:\n\n{table}"


def test_every_event_is_spoken_of() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert not [name for name in EVENT_TYPES if f"`{name}`" not in text]


def row_of(event: OrderEvent, rule: Rule) -> str:
    takes = "; then ".join(words(tier) for tier in rule.tiers)
    becomes = "as before, marked" if rule.kind == layout.KIND_MARK else rule.target.name.lower()
    return f"| `{event.name.lower()}` | {takes} | {becomes} | {words(rule.done)} | {words(rule.late)} |"


def words(classes: tuple[int, ...]) -> str:
    """Stages by name; units that came back are one of them, inspected or not, unless those alone are meant."""
    names = [Stage(number).name.lower() for number in classes if number != INSPECT]
    return ", ".join(names) or "returned that await inspection" * (INSPECT in classes)
