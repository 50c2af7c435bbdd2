"""Write one HTML page of all results: for each question a plot, its bars and where its figures are.

From the committed JSON files, which nothing is measured for. A question's module may say how it is plotted: `series`
gives lines (*name*, *x*, *y*) over `AXES`. Any other is plotted by its bars: what was measured, in parts of the bar.
Plots are SVG within the page, which asks nothing of anybody's server.
"""

from __future__ import annotations

import html
import io
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;font-size:.85rem}td,th{padding:.15rem .6rem;border-bottom:1px solid #ddd;text-align:left}
svg{width:100%;height:auto}.no{color:#b00020}code{background:#f4f4f4;padding:0 .2rem}"""
_HEAD = "<!doctype html><html lang=en><meta charset=utf-8><title>Benchmarks</title>"
_ABOUT = """Each plot is of one run of the command below it, on the machine named there.
Where bars are drawn, what is above 1 is better than what was asked for."""
_MET, _NOT_MET, _LINE = "#2f7d4f", "#b3404a", "#777777"
_MOST_TIMES = 4.0
"""Bars further than this from their mark are cut off in plots; the table says how far."""


def load(folder: Path) -> dict[str, dict[str, Any]]:
    """The results in *folder*, by question."""
    return {file.stem: json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))}


def page(results: Mapping[str, Mapping[str, Any]], modules: Mapping[str, Any]) -> str:
    """The whole page. *modules* are those of the questions, by name; results of no question are left out."""
    parts = [f"{_HEAD}<style>{_STYLE}</style><h1>Benchmarks</h1><p>{_ABOUT}</p>"]
    for name, module in modules.items():
        report = results.get(name)
        if report is not None:
            parts.append(_section(name, module, report))
    return "\n".join(parts) + "\n"


def _section(name: str, module: Any, report: Mapping[str, Any]) -> str:
    bars = found_bars(report)
    machine = report.get("machine", {})
    lines = module.series(report) if hasattr(module, "series") else []
    picture = _lines(lines, *module.AXES) if lines else _bars(bars) if bars else ""
    rows = "".join(_row(bar) for bar in bars)
    table = f"<table><tr><th>bar<th>asked<th>measured<th></tr>{rows}</table>" if rows else ""
    command = html.escape(report.get("command", f"python -m benchmarks {name}"))
    where = html.escape(
        f"{machine.get('cpu', '')}, {machine.get('cores', '?')} cores, Python {machine.get('python', '')}"
    )
    foot = f"<p><code>{command}</code><br>{where} · <a href={name}.json>{name}.json</a></p>"
    return f"<h2 id={name}>{html.escape(module.QUESTION)}</h2>{picture}{table}{foot}"


def found_bars(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The bars of *report*, each with how many times better than asked it was: over 1 is met."""
    found = []
    bars = report.get("bars")
    for bar in bars if isinstance(bars, list) else ():
        measured, asked = bar.get("measured"), bar.get("bar")
        if not isinstance(measured, int | float) or not isinstance(asked, int | float) or not asked:
            continue
        met = bool(bar.get("met"))
        up = measured >= asked
        times = measured / asked if up == met else asked / measured if measured else _MOST_TIMES
        told = [str(value) for key, value in bar.items() if key not in ("bar", "measured", "met", "kind")]
        found.append({"name": ", ".join(told), "bar": asked, "measured": measured, "met": met, "times": times})
    return found


def _row(bar: Mapping[str, Any]) -> str:
    met = "met" if bar["met"] else "<span class=no>not met</span>"
    return f"<tr><td>{html.escape(bar['name'])}<td>{bar['bar']:g}<td>{bar['measured']:g}<td>{met}</tr>"


def _bars(bars: Sequence[Mapping[str, Any]]) -> str:
    figure, axes = _figure(max(1.2, 0.28 * len(bars) + 0.8))
    names = [bar["name"] for bar in bars]
    widths = [min(bar["times"], _MOST_TIMES) for bar in bars]
    axes.barh(range(len(bars)), widths, color=[_MET if bar["met"] else _NOT_MET for bar in bars])
    axes.set_yticks(range(len(bars)), names, fontsize=8)
    axes.invert_yaxis()
    axes.axvline(1.0, color=_LINE)
    axes.set_xlabel("times better than the bar")
    return _svg(figure)


def _lines(lines: Sequence[Mapping[str, Any]], along: str, up: str) -> str:
    figure, axes = _figure(3.6)
    for line in lines:
        axes.plot(line["x"], line["y"], marker="o", label=line["name"])
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(along)
    axes.set_ylabel(up)
    axes.legend(fontsize=8)
    return _svg(figure)


def _figure(height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, height), layout="constrained")
    return figure, figure.subplots()


def _svg(figure: Any) -> str:
    """The figure alone, the same for the same figures."""
    import matplotlib as mpl

    with mpl.rc_context({"svg.hashsalt": "guard", "svg.fonttype": "none"}):
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()[out.getvalue().index("<svg") :]
