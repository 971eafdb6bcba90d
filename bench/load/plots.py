"""The report's plots, as SVG text that goes into the page as it is."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from bench.load.figures import CURVE
from bench.load.knee import P99_MS_MAX
from bench.load.session import Hold, Loaded

WIDE, HIGH = 8.0, 3.6
STYLE = {"svg.fonttype": "none", "axes.grid": True, "grid.alpha": 0.3, "axes.spines.top": False, "font.size": 9}
SHARES = (0.5, 0.9, 0.99, 0.999, 0.9999)


def ramp(load: Loaded) -> str:
    """Waiting time over offered rate; crosses where the rate was not sustained."""

    def draw(axes: Sequence[Axes]) -> None:
        (plot,) = axes
        order = np.argsort([probe.per_s for probe in load.probes])
        rate = np.array([load.probes[at].per_s for at in order])
        held = np.array([load.probes[at].is_sustained for at in order])
        for mark in ("p50_ms", "p99_ms", "p99.9_ms"):
            waited = np.array([load.latencies[at][mark] for at in order])
            (line,) = plot.plot(rate, waited, label=mark[:-3])
            plot.plot(rate[held], waited[held], "o", color=line.get_color(), markersize=4)
            plot.plot(rate[~held], waited[~held], "x", color=line.get_color())
        plot.axhline(P99_MS_MAX, linestyle=":", color="grey", label=f"bound of p99, {P99_MS_MAX:g} ms")
        plot.axvline(load.knee_per_s, linestyle="--", color="black", label=f"knee, {load.knee_per_s:,.0f}/s")
        plot.set(xlabel="orders offered a second (x: not sustained)")
        _waiting(plot)
        plot.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        plot.legend(fontsize=8)

    return _svg("ramp", 1, draw)


def latency(holds: Sequence[Hold]) -> str:
    """Which share of orders waited at most so long."""

    def draw(axes: Sequence[Axes]) -> None:
        (plot,) = axes
        for hold in holds:
            share = f"{hold.told['of_knee']:.0%} of the knee"
            plot.plot(1 / (1 - CURVE), hold.curve, label=f"orders, {share}")
            if hold.reads_curve:
                plot.plot(1 / (1 - CURVE), hold.reads_curve, linestyle="--", label=f"reads, {share}")
        plot.set(xscale="log", xlabel="share of orders")
        plot.set_xticks([1 / (1 - share) for share in SHARES], [f"{share:.2%}" for share in SHARES])
        plot.minorticks_off()
        _waiting(plot)
        plot.legend(fontsize=8)

    return _svg("latency", 1, draw)


def timeline(hold: Hold) -> str:
    """Rates, backlog and p99 over the time of one hold."""

    def draw(axes: Sequence[Axes]) -> None:
        series = hold.series
        axes[0].plot(series.at_s, series.offered_per_s, label="offered a second")
        axes[0].plot(series.at_s, series.answered_per_s, label="answered a second", alpha=0.8)
        axes[1].plot(series.at_s, series.backlog, label="due and not answered")
        axes[2].plot(series.at_s, series.p99_ms, label="p99, ms")
        for plot in axes:
            if hold.killed_at_s is not None:
                plot.axvline(hold.killed_at_s, color="red", linestyle="--", label="kill -9 of a shard")
            plot.set_ylim(bottom=0)
            plot.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
            plot.legend(fontsize=8, loc="upper left")
        axes[-1].set_xlabel("seconds")

    return _svg(f"timeline-{hold.told['of_knee']}", 3, draw)


def _waiting(plot: Axes) -> None:
    """Waiting times go up the side, on a scale that shows the quick and the slow ones."""
    plot.set(yscale="log", ylabel="ms from due to answered")
    plot.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    plot.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    plot.yaxis.set_minor_formatter(NullFormatter())


def _svg(name: str, rows: int, draw: Callable[[Sequence[Axes]], None]) -> str:
    """Without pyplot, so that nothing looks for a screen; the salt keeps ids of several plots on a page apart."""
    with mpl.rc_context({**STYLE, "svg.hashsalt": name}):  # type: ignore[dict-item]  # matplotlib lists every key
        figure = Figure(figsize=(WIDE, HIGH * (1 + (rows - 1) * 0.6)), layout="constrained")
        axes = figure.subplots(rows, 1, squeeze=False, sharex=True)[:, 0]
        draw(list(axes))
        sink = io.StringIO()
        FigureCanvasSVG(figure).print_svg(sink, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]  # its own
    text = sink.getvalue()
    return text[text.index("<svg") :]
