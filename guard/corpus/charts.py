"""Charts as SVG, drawn by Vega-Lite (Satyanarayan et al. 2017) inside this process: nothing is fetched, no script runs.

Each is as wide as a phone; a page puts them beside each other where there is room.
"""

from __future__ import annotations

import importlib.util
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COLORS = {
    "allow": "#4c956c", "flag": "#c9a227", "label": "#5f7fbf", "redact": "#d98032", "replace": "#b5651d",
    "review": "#8a5fbf", "block": "#b23a48",
}  # fmt: skip
"""What each action is drawn in, everywhere on the page."""
_WIDTH = 230
_VERSION = "5.20"
_FONT = "system-ui, -apple-system, 'Noto Sans CJK SC', 'Microsoft YaHei', sans-serif"
_CONFIG: dict[str, Any] = {
    "font": _FONT,
    "background": "transparent",
    "view": {"stroke": None},
    "axis": {"labelColor": "#555", "titleColor": "#555", "gridColor": "#e6e6e6", "domain": False, "tickColor": "#ccc"},
    "legend": {"orient": "bottom", "columns": 4, "title": None, "labelColor": "#555"},
}
_ID = re.compile(r'(id="|url\(#|href="#)([A-Za-z_][\w-]*)')


def available() -> bool:
    """Whether charts can be drawn here."""
    return importlib.util.find_spec("vl_convert") is not None


def scores(category: str, bins: Sequence[int], words: Mapping[str, str]) -> str:
    """How many records have which highest score of *category*; the count on a scale of orders of magnitude."""
    step = 1 / len(bins)
    values = [
        {"from": round(n * step, 4), "to": round((n + 1) * step, 4), "base": 0.5, "count": count}
        for n, count in enumerate(bins)
        if count
    ]
    scale = {"type": "log", "domain": [0.5, max(2, *bins)]}
    return _draw(
        f"scores-{category}",
        {
            "height": 90,
            "data": {"values": values},
            "mark": {"type": "bar", "color": "#45689a"},
            "encoding": {
                "x": {"field": "from", "type": "quantitative", "title": words["score"],
                      "scale": {"domain": [0, 1]}, "axis": {"tickCount": 5, "grid": False}},
                "x2": {"field": "to"},
                "y": {"field": "count", "type": "quantitative", "title": None, "scale": scale,
                      "axis": {"values": [1, 10, 100, 1000, 10**4, 10**5, 10**6, 10**7], "format": "~s"}},
                "y2": {"field": "base"},
            },
        },
    )  # fmt: skip


def stacked(
    name: str,
    counts: Mapping[str, Mapping[str, int]],
    words: Mapping[str, str],
    *,
    shares: bool,
    across: bool = False,
) -> str:
    """Actions by the values of a column: as *shares*, or as counts; *across* for values that are long words."""
    order = [action for action in COLORS if any(action in one for one in counts.values())]
    values = [
        {"value": _short(value), "action": words.get(action, action), "count": count, "order": order.index(action)}
        for value, by in counts.items()
        for action, count in by.items()
        if action in COLORS
    ]
    amount: dict[str, Any] = {
        "field": "count", "type": "quantitative", "title": None, "stack": "normalize" if shares else "zero",
        "axis": {"format": "%" if shares else "~s", "tickCount": 4},
    }  # fmt: skip
    label: dict[str, Any] = {"field": "value", "type": "nominal", "title": None, "sort": None}
    if across:
        label["axis"] = {"labelLimit": 110}
    else:
        label["axis"] = {"labelAngle": -60, "labelOverlap": True}
    return _draw(
        f"stack-{name}",
        {
            "height": {"step": 18} if across else 130,
            "width": _WIDTH - 80 if across else _WIDTH,
            "data": {"values": values},
            "mark": "bar",
            "encoding": {
                "y" if across else "x": label,
                "x" if across else "y": amount,
                "color": {"field": "action", "type": "nominal",
                          "scale": {"domain": [words.get(a, a) for a in order], "range": [COLORS[a] for a in order]}},
                "order": {"field": "order"},
            },
        },
    )  # fmt: skip


def together(rules: Sequence[str], pairs: Sequence[Mapping[str, Any]]) -> str:
    """How often two rules fired on the same record."""
    values = [
        {"one": _short(a), "other": _short(b), "records": pair["records"]}
        for pair in pairs
        for a, b in (pair["rules"], pair["rules"][::-1])
        if a in rules and b in rules
    ]
    axis = {"labelLimit": 110}
    return _draw(
        "together",
        {
            "width": {"step": 22},
            "height": {"step": 22},
            "data": {"values": values},
            "encoding": {
                "x": {"field": "one", "type": "nominal", "title": None, "axis": {**axis, "labelAngle": -60}},
                "y": {"field": "other", "type": "nominal", "title": None, "axis": axis},
            },
            "layer": [
                {"mark": "rect", "encoding": {"color": {"field": "records", "type": "quantitative", "legend": None,
                                                        "scale": {"range": ["#eaf0f8", "#45689a"], "zero": True}}}},
                {"mark": {"type": "text", "fontSize": 9},
                 "encoding": {"text": {"field": "records", "format": "~s"}}},
            ],
        },
    )  # fmt: skip


def _draw(name: str, spec: dict[str, Any]) -> str:
    import vl_convert

    drawn = vl_convert.vegalite_to_svg({"width": _WIDTH, "config": _CONFIG, **spec}, vl_version=_VERSION)
    prefix = "c" + re.sub(r"\W", "-", name) + "-"
    return _ID.sub(lambda found: f"{found[1]}{prefix}{found[2]}", drawn)


def _short(value: str) -> str:
    return value if len(value) <= 28 else f"…{value[-27:]}"
