"""Did something become slower? Runs against the stored baseline, as ratios to the bare limit of the same run.

Seconds differ from machine to machine and from hour to hour; what the least that any such router must do cost in the
same run takes most of that out. Every bench names its ratios so that they say which way is better:

    ratio_to_…      times as quick as the bare limit: more is better
    cost_…          times the bare limit's cost: less is better

A figure that is worse than the baseline by more than the tolerance is a regression. Figures only count against a
baseline of the same bench with as many orders.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from router.errors import RouterError

BASELINE = pathlib.Path(__file__).with_name("baseline.json")
QUICKER, DEARER = "ratio_to_", "cost_"
# Two runs of one commit on a shared two-core machine differ by up to so much.
TOLERANCE = 0.3
KERNEL_US_MIN = 20.0  # a quicker call is measured by what calling costs, so it is left out


class NothingToCompare(RouterError):
    """A file holds no run, or none that the baseline knows."""


def run(files: Sequence[str], baseline: pathlib.Path, accept: bool) -> dict[str, Any]:
    """``violations`` names every regression. ``accept`` makes the runs the new baseline of their benches."""
    found = {name: figures for file in files for name, figures in figures_of(_read(pathlib.Path(file))).items()}
    if not found:
        raise NothingToCompare(f"{', '.join(files)} holds no ratios; give it what a bench printed with --json.")
    stored: dict[str, Any] = _read(baseline) if baseline.exists() else {"tolerance": TOLERANCE, "benches": {}}
    if accept:
        stored["benches"] = dict(sorted((stored["benches"] | found).items()))
        baseline.write_text(json.dumps(stored, indent=2) + "\n", encoding="utf-8")
    return compare(found, stored)


def compare(found: Mapping[str, Mapping[str, float]], stored: Mapping[str, Any]) -> dict[str, Any]:
    tolerance, rows = float(stored["tolerance"]), []
    known = [name for name in found if name in stored["benches"]]
    if not known:
        raise NothingToCompare(f"The baseline has no {' or '.join(found)}; compare runs of the sizes it names.")
    for name in known:
        before = stored["benches"][name]
        for figure in sorted(set(before) | set(found[name])):
            rows.append(_row(name, figure, before.get(figure), found[name].get(figure), tolerance))
    return {
        "bench": "compare",
        "tolerance": tolerance,
        "rows": rows,
        "not_in_baseline": [name for name in found if name not in known],
        "violations": [_sentence(row, tolerance) for row in rows if row["verdict"] in ("regression", "missing")],
    }


def _row(bench: str, figure: str, before: float | None, now: float | None, tolerance: float) -> dict[str, Any]:
    row = {"bench": bench, "figure": figure, "baseline": before, "now": now, "worse": None, "verdict": "new"}
    if now is None:
        return row | {"verdict": "missing"}
    if before is None:
        return row
    worse = now / before - 1 if is_cost(figure) else before / max(now, 1e-9) - 1
    verdict = "regression" if worse > tolerance else "better" if worse < -tolerance else "same"
    return row | {"worse": round(worse, 3), "verdict": verdict}


def _sentence(row: dict[str, Any], tolerance: float) -> str:
    if row["verdict"] == "missing":
        return f"{row['bench']}: {row['figure']} is in the baseline, but this run does not have it."
    return (
        f"{row['bench']}: {row['figure']} was {row['baseline']:g} and is {row['now']:g}, "
        f"{row['worse']:.0%} worse where {tolerance:.0%} are tolerated."
    )


def as_text(result: dict[str, Any]) -> str:
    rows = [("bench", "figure", "baseline", "now", "worse by", "")]
    for row in result["rows"]:
        worse = "-" if row["worse"] is None else f"{row['worse']:+.0%}"
        shown = ("-" if row[side] is None else f"{row[side]:g}" for side in ("baseline", "now"))
        rows.append((row["bench"], row["figure"], *shown, worse, row["verdict"]))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines += [f"not in the baseline: {name}" for name in result["not_in_baseline"]]
    return "\n".join([*lines, *result["violations"]])


def is_cost(figure: str) -> bool:
    return figure.startswith(DEARER)


def figures_of(told: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Ratios by bench: of one bench's result, of a run of several, or of what pytest-benchmark wrote."""
    if "benchmarks" in told:
        return dict(_kernel_figures(told["benchmarks"]))
    if "runs" in told:
        return {name: figures for run_ in told["runs"] for name, figures in figures_of(run_).items()}
    ratios = {name: value for name, value in told.items() if name.startswith((QUICKER, DEARER))}
    return {_name_of(told): dict(_flat("", ratios))} if ratios else {}


def _name_of(told: Mapping[str, Any]) -> str:
    return f"{told['bench']}, {told['orders']:,} orders" if "orders" in told else str(told["bench"])


def _flat(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{name}.", value)
        else:
            yield prefix + name, float(value)


def _kernel_figures(benchmarks: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, float]]]:
    for bench in benchmarks:
        said = bench["extra_info"]
        if "cost_to_copy" in said and bench["stats"]["median"] * 1e6 >= KERNEL_US_MIN:
            name = f"kernel {bench['params']['name']} {said['mix']}, {said['orders']:,} orders"
            yield name, {"cost_to_copy": said["cost_to_copy"]}


def _read(path: pathlib.Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise NothingToCompare(f"{path}: {fault.strerror}; name a file that a bench wrote with --json.") from None
    except ValueError as fault:
        raise NothingToCompare(f"{path} is no JSON ({fault}); name what a bench printed with --json.") from None
    if not isinstance(told, dict):
        raise NothingToCompare(f"{path} holds no JSON object; name what a bench printed with --json.")
    return told
