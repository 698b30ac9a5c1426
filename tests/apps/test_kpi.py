"""Figures: arrow, colour and words agree on whether a change is good."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from apps.streamlit.components import kpi
from apps.streamlit.components.kpi import Figure, Good


def _figure(delta: str | None, good: Good) -> Figure:
    return Figure("MRR", "$1", delta, "was $2", good, (1.0, 2.0, 3.0), None, "meaning")


@pytest.mark.parametrize(
    ("delta", "good", "said"),
    [
        ("+5.0%", "up", "better"),
        ("−5.0%", "up", "worse"),
        ("+5.0%", "down", "worse"),
        ("−5.0%", "down", "better"),
        ("0", "up", ""),
        (None, "up", ""),
        ("+5.0%", "none", ""),
    ],
)
def test_direction(delta: str | None, good: Good, said: str) -> None:
    assert kpi.direction(_figure(delta, good)) == said


def _draw(delta: str, good: str) -> None:
    from apps.streamlit.components import kpi
    from apps.streamlit.components.kpi import Figure

    figure = Figure("MRR", "$1", delta, "was $2", good, (), None, "meaning")  # type: ignore[arg-type]
    kpi._card(None, figure, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("delta", "good", "arrow", "colour"),
    [
        ("−5.0%", "up", "DOWN", "RED"),
        ("+5.0%", "up", "UP", "GREEN"),
        ("−5.0%", "down", "DOWN", "GREEN"),
        ("0", "up", "NONE", "GRAY"),
    ],
)
def test_arrow_and_colour(delta: str, good: Good, arrow: str, colour: str) -> None:
    app = AppTest.from_function(_draw, kwargs={"delta": delta, "good": good}).run()
    assert not app.exception
    proto = app.metric[0].proto
    assert proto.MetricDirection.Name(proto.direction) == arrow
    assert proto.MetricColor.Name(proto.color) == colour
