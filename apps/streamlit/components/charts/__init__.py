"""The charts: one function for each shape, drawn with a title that states the finding.

Belongs here: marks, scales, how the incomplete is shown. Does not belong here: which numbers (reads/), colours by
hand (theme.py). Axes of bars start at zero; gaps stay gaps; days are UTC.
"""

from apps.streamlit.components.charts.comparisons import intervals as intervals
from apps.streamlit.components.charts.comparisons import ranked as ranked
from apps.streamlit.components.charts.comparisons import triangle as triangle
from apps.streamlit.components.charts.courses import days as days
from apps.streamlit.components.charts.courses import lines as lines
from apps.streamlit.components.charts.courses import minutes as minutes
from apps.streamlit.components.charts.courses import minutes_of as minutes_of
from apps.streamlit.components.charts.courses import stacked_days as stacked_days
from apps.streamlit.components.charts.frame import AXIS_BYTES as AXIS_BYTES
from apps.streamlit.components.charts.frame import AXIS_COUNT as AXIS_COUNT
from apps.streamlit.components.charts.frame import AXIS_PERCENT as AXIS_PERCENT
from apps.streamlit.components.charts.frame import HEIGHT as HEIGHT
from apps.streamlit.components.charts.frame import Chart as Chart
from apps.streamlit.components.charts.frame import axis_money as axis_money
from apps.streamlit.components.charts.frame import draw as draw
from apps.streamlit.components.charts.frame import head as head
from apps.streamlit.components.charts.frame import show as show
from apps.streamlit.components.charts.frame import spark as spark
from apps.streamlit.components.charts.money import bridge as bridge
from apps.streamlit.components.charts.money import bridge_is_cut as bridge_is_cut
from apps.streamlit.components.charts.money import movements as movements
