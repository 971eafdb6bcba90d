"""Why an order was decided as it was, from its own records and the tables of that day; nodes: explain_nodes.py."""

from __future__ import annotations

from collections.abc import Mapping

from router.config import Config
from router.log.columns import STATUS_NAMES, Admission
from router.log.steps import Step, order_step
from router.queries.answered import answered_lines, parcels_of, reference_text, twin_of
from router.queries.explain_nodes import nodes_view
from router.queries.reason_values import values_of
from router.queries.source import Indexed, RecordSource, Row
from router.queries.text import date_text, name_of, time_text
from router.reasons import Said, describe
from router.tables.compiled import Tables, TablesOf

_VERDICTS = {Admission.PROCEED: "proceed", Admission.HOLD: "hold", Admission.REJECT: "reject"}


def explain_view(shard: int, found: Indexed, source: RecordSource, tables_of: TablesOf, config: Config) -> Row | None:
    """Admission, risk, promotions and plan of the order; None while its decision is not durable.

    Costs are minor units of the order's currency. The margin is what the best plan over other nodes would have
    cost more.
    """
    step = order_step(source, found[0])
    if step is None:
        return None
    tables = tables_of(step.tables_version)
    own = values_of(step, source.document(step.sequence, step.row), tables, config)
    return {
        "order_id": step.given["order_id"],
        "cursor": reference_text(shard, step.reference),
        "decided_at": time_text(step.now_ms),
        "tables_version": step.tables_version,
        "status": STATUS_NAMES[step.outcome["status"]],
        "admission": _admission(step, own),
        "risk": {"admitted": step.given["risk"], "final": step.outcome["risk"]},
        "reasons": describe(step.outcome["reasons"], own),
        "duplicate_of": twin_of(step.outcome["twin"]),
        "promotions": _promotions(step, tables),
        "plan": _plan(step, tables),
        "nodes": nodes_view(step, tables),
    }


def _admission(step: Step, own: Mapping[int, Said]) -> Row:
    return {
        "verdict": _VERDICTS[step.given["admission"]],
        "reasons": describe(step.given["reasons"], own),
        "line": step.given["reason_line"] + 1 or None,
    }


def _promotions(step: Step, tables: Tables) -> Row:
    granted = set(step.outcome["granted"])
    name = tables.promotions.ids.text
    return {
        "candidates": [name(number) for number in step.given["promotions"]],
        "granted": [name(number) for number in step.outcome["granted"]],
        "not_granted": [name(number) for number in step.given["promotions"] if number not in granted],
    }


def _plan(step: Step, tables: Tables) -> Row:
    cost, runner_up = step.outcome["cost_minor"], step.outcome["runner_up_minor"]
    return {
        "parcels": parcels_of(step.outcome["parcels"], tables),
        "units": [_units(line, answer, tables) for line, answer in answered_lines(step)],
        "promise_date": date_text(step.outcome["promise_day"]),
        "promise_by": time_text(step.given["promise_by_ms"]),
        "weight_g": step.given["weight_g"],
        "cost": cost,
        "runner_up_cost": runner_up if runner_up >= 0 else None,
        "margin": runner_up - cost if runner_up >= 0 else None,
    }


def _units(line: Row, answer: Row, tables: Tables) -> Row:
    return {
        "sku": name_of(tables.skus.ids, line["sku"]),
        "qty": line["qty"],
        "node": tables.nodes.ids.text(line["node"]) if line["node"] >= 0 else None,
        "taken": [
            {
                "node": tables.nodes.ids.text(part["node"]),
                "sku": tables.skus.ids.text(part["sku"]),
                "qty": part["qty"],
            }
            for part in answer["allocations"]
        ],
        "backordered": answer["backordered"],
    }
