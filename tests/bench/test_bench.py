"""Benches are checked on a small scale, and what compares their results; their clients have tests of their own."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import numpy as np
import pytest

import bench as benches
from actors.cli.main import main
from bench.harness import report as _harness
from bench.harness.limits import decode_orders_per_s
from bench.harness.pieces import make_pieces
from bench.harness.workload import CHUNK_ORDERS, Workload
from bench.speed import compare, goals, pipeline, recovery, shards
from bench.speed.kernels.recorder import public_kernels

ORDERS = 400
SMALL = CHUNK_ORDERS


@pytest.mark.parametrize("stream_format", ["ndjson", "arrow"])
def test_the_bare_limit_decodes_the_same_bytes(stream_format: str) -> None:
    assert decode_orders_per_s(stream_format, make_pieces(Workload("bad_input"), stream_format, ORDERS, 0)) > 0


def test_conditions_are_complete_and_printed() -> None:
    result = {"bench": "none", "orders": 12_345, "latency": {"p50_ms": 1.5}, "conditions": _harness.conditions()}
    text = _harness.as_text(result)
    assert "12,345" in text and "p50_ms 1.5" in text
    assert all(str(result["conditions"][name]) in text for name in ("cpu", "kernel", "commit"))  # type: ignore[index]
    assert _harness.percentiles_ms(np.zeros(0)) == {}


# --- benches that look at one process ------------------------------------------------------------


@pytest.fixture(scope="module")
def small_runs() -> dict[str, dict[str, Any]]:
    """Every bench of one process once, at a size that proves that it runs."""
    return {
        "pipeline arrow everyday": pipeline.run("arrow", SMALL, "everyday"),
        "pipeline ndjson everyday": pipeline.run("ndjson", SMALL, "everyday"),
        "shards arrow everyday": shards.run(SMALL, counts=(1, 8)),
        "recovery": recovery.run(SMALL, steps=1),
    }


def test_every_step_of_the_path_has_a_cost_and_both_media_types_the_same_answers(
    small_runs: dict[str, dict[str, Any]],
) -> None:
    arrow, ndjson = small_runs["pipeline arrow everyday"], small_runs["pipeline ndjson everyday"]
    assert arrow["checksum"] == ndjson["checksum"] and arrow["by_status"] == ndjson["by_status"]
    for run in (arrow, ndjson):
        assert set(run["processor_us_per_order"]) == {*pipeline.STEPS, "log_write"}
        assert all(us > 0 for us in run["processor_us_per_order"].values())


def test_what_is_timed_as_one_step_is_not_timed_as_another() -> None:
    clock = pipeline.Clock()
    for _ in range(4):
        clock.time("decode", lambda: sum(range(400_000)))
        clock.time("encode", lambda: None)
        clock.batch_ends(10)
    assert clock.steps["decode"][0] > 100 * clock.steps["encode"][0] and len(clock.steps["decode"]) == 4


def test_more_shards_decide_the_same_orders(small_runs: dict[str, dict[str, Any]]) -> None:
    run = small_runs["shards arrow everyday"]
    assert run["new_orders"] == SMALL - Workload().expected(SMALL)["duplicates"]
    assert run["cost_to_one_shard"]["1"] == 1 and run["is_flat"] == (run["cost_to_one_shard"]["8"] <= shards.COST_MAX)


def test_a_start_from_the_log_and_one_from_checkpoints_are_both_timed(small_runs: dict[str, dict[str, Any]]) -> None:
    step = small_runs["recovery"][f"after_{SMALL}"]
    assert 0 < step["bare_read_s"] < step["replay_s"] and step["restore_s"] > 0


def test_the_baseline_knows_every_figure_that_benches_give(small_runs: dict[str, dict[str, Any]]) -> None:
    """At full size; a bench that is renamed or loses a figure would otherwise never be compared again."""
    stored = json.loads(compare.BASELINE.read_text())["benches"]
    for bench, run in small_runs.items():
        (figures,) = compare.figures_of(run).values()
        (known,) = (names for name, names in stored.items() if name.startswith(f"{bench}, "))
        assert set(figures) <= set(known), bench
    kernels = {name.split()[1] for name in stored if name.startswith("kernel ")}
    assert kernels and kernels <= set(public_kernels()), "the baseline names kernels that are gone"


# --- comparing with the baseline -----------------------------------------------------------------

BASELINE = {
    "tolerance": 0.25,
    "benches": {"stream, 100 orders": {"ratio_to_bare_decode": 0.5, "cost_to_bare.decode": 2.0}},
}


def told(rate: float, cost: float) -> dict[str, Any]:
    return {"bench": "stream", "orders": 100, "ratio_to_bare_decode": rate, "cost_to_bare": {"decode": cost}, "s": 9}


@pytest.fixture
def baseline(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "baseline.json").write_text(json.dumps(BASELINE))
    return tmp_path / "baseline.json"


def compared(baseline: pathlib.Path, run: dict[str, Any], *more: str) -> int:
    file = baseline.with_name("run.json")
    file.write_text(json.dumps(run))
    return main(["bench", "compare", str(file), "--baseline", str(baseline), *more])


@pytest.mark.parametrize(
    ("run", "code", "sentence"),
    [
        (told(0.5, 2.0), 0, ""),
        (told(0.41, 2.4), 0, ""),  # within the tolerance
        (told(5.0, 0.2), 0, "better"),
        (told(0.39, 2.0), 1, "ratio_to_bare_decode was 0.5 and is 0.39, 28% worse where 25% are tolerated"),
        (told(0.5, 2.6), 1, "cost_to_bare.decode was 2 and is 2.6, 30% worse where 25% are tolerated"),
        ({"bench": "stream", "orders": 100, "ratio_to_bare_decode": 0.5}, 1, "this run does not have it"),
        ({"bench": "goals", "runs": [told(0.5, 2.0), told(0.3, 2.0)]}, 1, "67% worse"),
    ],
)
def test_a_regression_is_exit_code_1_and_a_sentence(
    baseline: pathlib.Path, run: dict[str, Any], code: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compared(baseline, run) == code
    assert sentence in capsys.readouterr().out


@pytest.mark.parametrize(
    ("run", "sentence"),
    [
        ({"bench": "stream", "orders": 7, "ratio_to_bare_decode": 9.0}, "no stream, 7 orders"),
        ({"bench": "memory", "orders": 100}, "holds no ratios"),
    ],
)
def test_a_run_that_cannot_be_compared_is_no_success(
    baseline: pathlib.Path, run: dict[str, Any], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compared(baseline, run) == 1
    assert sentence in capsys.readouterr().err


def test_an_accepted_run_is_the_new_baseline(baseline: pathlib.Path) -> None:
    assert compared(baseline, told(0.3, 2.0)) == 1
    assert compared(baseline, told(0.3, 2.0), "--accept") == 0
    assert compared(baseline, told(0.3, 2.0)) == 0


def test_kernels_are_compared_by_name_mix_and_size() -> None:
    said = {"mix": "b2b", "orders": 512, "cost_to_copy": 1.5}
    run = {"benchmarks": [{"params": {"name": "price.price"}, "extra_info": said, "stats": {"median": 1e-3}}]}
    assert compare.figures_of(run) == {"kernel price.price b2b, 512 orders": {"cost_to_copy": 1.5}}
    run["benchmarks"][0]["stats"] = {"median": 1e-5}  # too quick to be told from the cost of a call
    assert compare.figures_of(run) == {}


# --- goals ---------------------------------------------------------------------------------------


def test_every_goal_is_measured_or_says_why_not(small_runs: dict[str, dict[str, Any]]) -> None:
    wanted = goals.goals(1_000)
    runs: dict[str, Any] = {
        "pipeline ndjson": small_runs["pipeline ndjson everyday"],
        "pipeline arrow": small_runs["pipeline arrow everyday"],
        "stream arrow": {"orders_per_s": 2_000_000},
        "stream ndjson": {"orders_per_s": 150_000},
        "single": "ServerFailed: the router did not become ready",
        "memory": {
            "cost_last_to_first": 0.8,
            "memory_bytes_per_order": 600.0,
            "memory_bytes_per_opened_order": 500.0,
            "memory_bytes_per_closed_order": 28.0,
            "ready_after_kill_s": 5.0,
        },
        "events": {
            **{
                f"{kind}_{form}": {"events_per_s": 150_000}
                for kind in ("whole", "parts")
                for form in ("arrow", "ndjson")
            },
            **{f"single_events_{where}": {"p99_ms": 50.0} for where in ("alone", "beside")},
            "whole_lives": {"lives_per_s": 10_000},
        },
    }
    lines = {line["text"]: line for line in goals.lines(wanted, runs)}
    assert set(goals.benches(1_000)) == {goal.bench for goal in wanted}
    ratios = [lines[text]["ratio"] for text in ("Arrow, end to end", "NDJSON, end to end")]
    assert ratios == [2.0, 0.5]
    costs = [line["ratio"] for text, line in lines.items() if text.startswith("memory, ")]
    assert costs == [0.5, 2.0, 2.0]
    named = ("events of whole orders, Arrow", "events for parts, NDJSON", "whole lives")
    assert [lines[text]["ratio"] for text in named] == [0.5, 3.0, 0.5]
    assert lines["an event beside a full order stream, p99"]["ratio"] == 2.0
    assert lines["single POSTs"]["measured"] is None
    text = goals.as_text({"goals": list(lines.values()), "runs": [], "conditions": _harness.conditions()})
    assert "not measured: ServerFailed" in text and text.count("reached") >= 2 and "1,000,000" in text


def test_whoever_opens_the_folder_finds_every_room() -> None:
    folder, told = pathlib.Path(str(benches.__file__)).parent, str(benches.__doc__)
    rooms = [path.parent.relative_to(folder).as_posix() + "/" for path in folder.glob("*/**/__init__.py")]
    shared = [path.name for path in (folder / "harness").glob("[!_]*.py")]
    assert len(rooms) > 8 and not [name for name in rooms + shared if name not in told]


@pytest.mark.parametrize("name", ["", "events", "lab", "pipeline", "shards", "recovery", "goals", "compare"])
def test_every_bench_has_a_help_text(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench", *name.split(), "--help"])
    assert ended.value.code == 0 and "usage: " in capsys.readouterr().out
