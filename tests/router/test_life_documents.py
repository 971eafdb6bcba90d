"""What the pages for people say of events is what the rules and tables of the code say."""

from __future__ import annotations

import pathlib
import re

from kernels.life import layout
from router.life.event_types import EVENT_TYPES, NEEDS, TAKES, OrderEvent
from router.life.refusals import REFUSALS
from router.life.rules import INSPECT, RULES, Rule
from router.life.states import Stage

DOCS = pathlib.Path(__file__).parents[2] / "docs"
DOCUMENT = DOCS / "life.md"
HTTP = DOCS / "http.md"
UNITS = {"lines", "node", "shipment_id", "reason"}  # "the same" in the table of fields
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


def test_the_page_of_endpoints_says_which_fields_each_type_takes_and_needs() -> None:
    said: dict[str, set[str]] = {}
    needed: dict[str, tuple[str, ...]] = {}
    for types, fields in rows_of("| types | further fields |"):
        names = set(re.findall(r"`(\w+)`", fields.split(":")[0])) | (UNITS if "the same" in fields else set())
        needs_at_its_end = tuple(re.findall(r"`(\w+)`, needed", fields))
        for name, need in re.findall(r"`(\w+)`(?: \(needs `(\w+)`\))?", types):
            said[name] = names
            needed[name] = (need,) if need else needs_at_its_end
    assert said == {name: set(TAKES[event]) for name, event in EVENT_TYPES.items()}
    assert needed == {name: NEEDS.get(event, ()) for name, event in EVENT_TYPES.items()}


def test_the_page_of_endpoints_has_every_reason_of_the_books() -> None:
    said = [code for reasons, _ in rows_of("| `reason` | means |") for code in re.findall(r"`(\w+)`", reasons)]
    assert sorted(said) == sorted({refusal.code for refusal in REFUSALS.values()})


def rows_of(head: str) -> list[tuple[str, str]]:
    """Cells of the table with two columns that begins with a line."""
    lines = HTTP.read_text(encoding="utf-8").split(head + "\n|---|---|\n")[1].split("\n\n")[0].splitlines()
    cells = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return [(first, second) for first, second in cells]
