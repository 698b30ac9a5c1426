"""Colours: readable in light and dark, told apart by everybody, and equal to what Streamlit's own parts use."""

from __future__ import annotations

import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

from apps.streamlit.components import theme

CONFIG = Path(theme.__file__).resolve().parents[1] / ".streamlit" / "config.toml"


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    """WCAG 2.2, 1.4.3."""
    high, low = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colours", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
def test_marks_and_words_stand_out(colours: theme.Palette) -> None:
    marks = {colours.main, colours.good, colours.bad, colours.alarm, *colours.categories, *colours.movements.values()}
    weak = {c: round(contrast(c, colours.background), 2) for c in marks if contrast(c, colours.background) < 2.8}
    assert not weak
    assert contrast(colours.text, colours.background) >= 7
    assert contrast(colours.muted, colours.background) >= 4.5
    assert all(contrast(colours.text, step) >= 4.5 for step in colours.ramp)


@pytest.mark.parametrize("colours", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
def test_a_ramp_goes_one_way(colours: theme.Palette) -> None:
    steps = [_luminance(c) for c in colours.ramp]
    assert all(a > b for a, b in pairwise(steps)) or all(a < b for a, b in pairwise(steps))


@pytest.mark.parametrize("name", ["light", "dark"])
def test_charts_and_parts_share_their_colours(name: str) -> None:
    part = tomllib.loads(CONFIG.read_text())["theme"][name]
    colours = theme.palette(name)
    assert part["backgroundColor"] == colours.background
    assert part["textColor"] == colours.text
    assert part["primaryColor"] == colours.main
    assert part["greenColor"] == colours.good
    assert part["redColor"] == colours.bad
    for text, ground in (("greenTextColor", "greenBackgroundColor"), ("redTextColor", "redBackgroundColor")):
        assert contrast(part[text], part[ground]) >= 4.5


def test_nothing_is_sent_home() -> None:
    config = tomllib.loads(CONFIG.read_text())
    assert config["browser"]["gatherUsageStats"] is False
