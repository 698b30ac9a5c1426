"""@@title: who pays us, and how often does it fail?"""

from __future__ import annotations

from apps.streamlit.components import charts, formats, kpi, states, theme
from apps.streamlit.components.page import Page, View
from apps.streamlit.components.tables import Column, table
from apps.streamlit.reads import @@name as reads

PAGE = Page(
    "@@title",
    "Who pays us, and how often does it fail?",
    ":material/dashboard:",
    100,
)


def render(view: View) -> None:
    days = reads.by_day(view)
    tried, failed = int(days["attempts"].sum()), int(days["failed"].sum())
    if not tried:
        states.no_rows("payments", view.period)
        return
    # figures that are governed metrics are named by kpi.Governed instead, with their change and course
    kpi.row(
        view,
        [
            kpi.Plain("Attempts", formats.count(tried), "Payments that were tried in the period."),
            kpi.Plain("Failed", formats.count(failed), "Those that did not succeed."),
            kpi.Plain("Failure rate", formats.ratio(failed / tried), "Failed attempts among all."),
        ],
    )
    worst = days.sort("failed", descending=True).row(0, named=True)
    charts.draw(
        charts.days(days, "failed", theme.current(), label="Failed"),
        f"{formats.day(worst['day'])} saw the most failures: {formats.count(worst['failed'])}",
        "Failed payments by day.",
    )
    with states.guarded():
        columns = [
            Column("customer", "Customer", "customer"),
            Column("attempts", "Attempts", "count"),
            Column("failed", "Failed", "count"),
            Column("collected_minor", "Collected", "money"),
        ]
        table(reads.by_customer(view), columns, view, name="@@name-by-customer")
