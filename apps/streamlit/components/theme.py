"""Colours of charts for light and dark, and what every Altair chart has in common.

Belongs here: palettes and the Altair config. Does not belong here: formats (formats.py); colours of Streamlit's own
parts (.streamlit/config.toml).
Every pair that carries a meaning is told apart with any colour vision (blue against orange), has at least 3:1 contrast
to its background, and is never the only sign: an arrow, a sign or a label says the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours by meaning. On every step of `ramp` the colour `text` can be read."""

    text: str
    muted: str
    grid: str
    background: str
    main: str
    before: str
    good: str
    bad: str
    alarm: str
    quiet: str
    band: str
    categories: tuple[str, ...]
    ramp: tuple[str, ...]
    movements: dict[str, str]


LIGHT = Palette(
    text="#0f1724",
    muted="#525d6e",
    grid="#e8ecf1",
    background="#ffffff",
    main="#1d4fd7",
    before="#8d9aad",
    good="#00708a",
    bad="#b8430a",
    alarm="#b8430a",
    quiet="#8491a5",
    band="#dfe7f8",
    categories=("#1d4fd7", "#c45a00", "#0f8478", "#7a4fc9", "#b93b77", "#6b7788"),
    ramp=("#f7f9fe", "#e3ecfc", "#cbdbf9", "#b0c8f5", "#93b4f1"),
    movements={
        "new": "#1d4fd7",
        "expansion": "#0f8478",
        "reactivation": "#7a4fc9",
        "contraction": "#d9822b",
        "churn": "#a83a06",
    },
)
DARK = Palette(
    text="#e7ebf2",
    muted="#a9b3c2",
    grid="#28313e",
    background="#10151d",
    main="#8fb0ff",
    before="#69778b",
    good="#4cc3de",
    bad="#ff9a5c",
    alarm="#ff9a5c",
    quiet="#7f8da1",
    band="#1d2b49",
    categories=("#8fb0ff", "#f0a04b", "#4ec9b8", "#bb9bf5", "#f08bb8", "#9aa7b8"),
    ramp=("#141b28", "#182744", "#1e3564", "#264583", "#2f56a4"),
    movements={
        "new": "#8fb0ff",
        "expansion": "#4ec9b8",
        "reactivation": "#bb9bf5",
        "contraction": "#f2b880",
        "churn": "#f2762e",
    },
)


def palette(mode: str | None) -> Palette:
    return DARK if mode == "dark" else LIGHT


def current() -> Palette:
    """The palette of the viewer's theme."""
    import streamlit as st

    return palette(st.context.theme.type)


def config(colours: Palette) -> dict[str, Any]:
    """What all charts share. Labels are never cut short, grids are faint, nothing is framed."""
    axis = {
        "labelColor": colours.muted,
        "titleColor": colours.muted,
        "gridColor": colours.grid,
        "domainColor": colours.grid,
        "tickColor": colours.grid,
        "labelLimit": 260,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelPadding": 6,
        "titlePadding": 8,
    }
    return {
        "background": "transparent",
        "font": '"Source Sans", sans-serif',
        "view": {"stroke": None},
        "axis": axis,
        "axisX": {"grid": False, "ticks": False},
        "axisY": {"domain": False, "ticks": False},
        "legend": {
            "orient": "top",
            "title": None,
            "labelColor": colours.muted,
            "labelFontSize": 12,
            "symbolType": "square",
            "symbolSize": 90,
            "labelLimit": 260,
            "offset": 4,
            "columnPadding": 14,
        },
        "range": {"category": list(colours.categories), "heatmap": list(colours.ramp)},
        "text": {"color": colours.text, "fontSize": 12},
        "rule": {"color": colours.muted},
        "line": {"strokeWidth": 2},
    }
