"""The report: figures as text and as one HTML page that needs nothing from elsewhere."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Sequence
from typing import Any

import xxhash

from bench.load import plots
from bench.load.session import Loaded

Row = Sequence[object]
HOLD_HEAD = (
    "of the knee",
    "offered/s",
    "answered/s",
    "p50 ms",
    "p90 ms",
    "p99 ms",
    "p99.9 ms",
    "max ms",
    "backlog max",
)
RAMP_HEAD = ("offered/s", "p50 ms", "p99 ms", "p99.9 ms", "backlog early", "late", "sustained")
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0 } td, th { padding: .2rem .7rem; text-align: right }
th { border-bottom: 1px solid #999; font-weight: 600 } td:first-child, th:first-child { text-align: left }
svg { max-width: 100%; height: auto } .good { color: #17692c } .bad { color: #b00020 } small { color: #666 }
"""


def checksum(result: dict[str, Any]) -> str:
    """Of all figures, so that text, JSON and page can be seen to belong together."""
    return str(xxhash.xxh3_64_hexdigest(json.dumps(result, sort_keys=True).encode()))


def as_text(result: dict[str, Any]) -> str:
    lines = [
        f"{result['bench']}: {result['scenario']}",
        f"knee = {result['knee']}",
        f"a burst was answered at {result['burst_orders_per_s']:,} orders/s",
    ]
    for load in result["loads"]:
        lines += ["", _load_line(load), *_aligned(HOLD_HEAD, _hold_rows(load)), *_remarks(load)]
    lines += ["", *_invariant_lines(result), _conditions_line(result), f"checksum {result['checksum']}"]
    return "\n".join(lines)


def as_html(result: dict[str, Any], loads: Sequence[Loaded]) -> str:
    parts = [f"<h1>{_e(result['bench'])}</h1><p>{_e(result['scenario'])}</p>", _verdict(result)]
    for load, raw in zip(result["loads"], loads, strict=True):
        parts += [
            f"<h2>{_e(_load_line(load))}</h2>",
            _table(HOLD_HEAD, _hold_rows(load)),
            *(f"<p>{_e(line)}</p>" for line in _remarks(load)),
            "<h3>Ramp</h3>",
            plots.ramp(raw),
            _table(RAMP_HEAD, _ramp_rows(load)),
            f"<p><small>Knee: {_e(result['knee'])}. Each rate was offered for one probe; a rate that failed was "
            "tried a second time.</small></p><h3>Latency at the holds</h3>",
            plots.latency(raw.holds),
        ]
        for hold in raw.holds:
            parts += [f"<h3>Hold at {hold.told['of_knee']:.0%} of the knee</h3>", plots.timeline(hold)]
    parts += [
        "<h2>Conditions</h2>",
        _table(("condition", ""), _condition_rows(result)),
        f"<p><small>checksum of the figures {_e(result['checksum'])}</small></p>",
    ]
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{_e(result["bench"])}</title>'
    return f"{head}<style>{_STYLE}</style><body>{''.join(parts)}</body></html>\n"


def _load_line(load: dict[str, Any]) -> str:
    reads = f", {load['reads_per_order']:g} reads an order" if load["reads_per_order"] else ""
    return f"Knee at {load['knee_orders_per_s']:,} orders/s{reads}"


def _hold_rows(load: dict[str, Any]) -> list[Row]:
    rows: list[Row] = []
    for hold in load["holds"]:
        waited = [f"{ms:,.1f}" for ms in hold["latency"].values()]
        rates = f"{hold['offered_per_s']:,}", f"{hold['answered_per_s']:,}"
        rows.append((f"{hold['of_knee']:.0%}", *rates, *waited, f"{hold['backlog_max']:,}"))
    return rows


def _ramp_rows(load: dict[str, Any]) -> list[Row]:
    return [
        (
            f"{probe['per_s']:,.0f}",
            *(f"{probe['latency'][mark]:,.1f}" for mark in ("p50_ms", "p99_ms", "p99.9_ms")),
            f"{probe['backlog_early']:,}",
            f"{probe['backlog_late']:,}",
            probe["why_not"] or "yes",
        )
        for probe in load["ramp"]
    ]


def _remarks(load: dict[str, Any]) -> list[str]:
    lines = []
    for hold in load["holds"]:
        at = f"at {hold['of_knee']:.0%}"
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(hold["reasons"].items())) or "none"
        statuses = ", ".join(f"{status} {count:,}" for status, count in sorted(hold["by_status"].items()))
        lines.append(f"{at}: orders {statuses}; reasons given: {reasons}; answers' checksum {hold['checksum']}")
        if "reads" in hold:
            reads = hold["reads"]
            waited = " ".join(f"{name} {ms:,.1f}" for name, ms in reads["latency"].items())
            codes = ", ".join(f"{code} {count:,}" for code, count in reads["by_http_status"].items())
            said = f"{reads['reads_per_s']:,} reads/s in {reads['calls']:,} calls, {reads['unanswered']:,} unanswered"
            lines.append(f"{at}: {said}; HTTP {codes}; {waited}")
        if "killed_at_s" in hold:
            lines.append(
                f"{at}: a shard was killed after {hold['killed_at_s']:.1f} s; the longest silence was "
                f"{hold['longest_silence_s']:.1f} s, the backlog bounded again after {hold['caught_up_after_s']:.1f} s"
            )
    return lines


def _invariant_lines(result: dict[str, Any]) -> list[str]:
    held = result["invariants"]
    lines = [
        f"while it ran: {held['cells_looked_at']:,} looks at every cell, {held['acknowledged_orders_read']:,} "
        f"acknowledged orders read back, {held['violations']:,} violations",
        f"at the end: verify {'clean' if held['verify_ok'] else 'NOT clean'}, {result['orders_accepted']:,} orders "
        f"acknowledged and stored, {result['units_promised']:,} units promised and taken",
    ]
    return lines + [f"VIOLATION {sentence}" for sentence in result["violations"]]


def _verdict(result: dict[str, Any]) -> str:
    broken = result["violations"]
    said = "Every promise held." if not broken else f"{len(broken)} promises were broken."
    lines = "".join(f"<li>{_e(line)}</li>" for line in _invariant_lines(result))
    return f'<p class="{"bad" if broken else "good"}"><b>{said}</b></p><ul>{lines}</ul>'


def _condition_rows(result: dict[str, Any]) -> list[Row]:
    said = dict(result["conditions"])
    packages = " ".join(f"{name} {version}" for name, version in said.pop("packages").items())
    own = {"format and scenario": result["bench"], "shards": result["shards"], "seconds a hold": result["seconds"]}
    return [*(own | said).items(), ("packages", packages), ("state hash", result["state_hash"])]


def _conditions_line(result: dict[str, Any]) -> str:
    return "; ".join(f"{name} {value}" for name, value in _condition_rows(result))


def _aligned(head: Row, rows: Iterable[Row]) -> list[str]:
    texts = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return ["  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)) for row in texts]


def _table(head: Row, rows: Iterable[Row]) -> str:
    cells = "".join("<tr>" + "".join(f"<td>{_e(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{''.join(f'<th>{_e(name)}</th>' for name in head)}</tr>{cells}</table>"


def _e(value: object) -> str:
    return html.escape(str(value))
