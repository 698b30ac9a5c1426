"""Files: what is stored, who takes it, what does it cost?"""

from __future__ import annotations

import polars as pl
import streamlit as st

from apps.streamlit.components import charts, formats, kpi, states, tabs, theme
from apps.streamlit.components.page import Page, View
from apps.streamlit.components.tables import Column, table
from apps.streamlit.reads import files

PAGE = Page(
    "Files", "What is stored, who takes it, what does it cost?", ":material/folder_open:", 40, filters=("period",)
)
#: Governed figures of the first row; known before the page is drawn, so that they can be compiled ahead.
FIGURES = (
    kpi.Governed("storage_bytes", "Storage"),
    kpi.Governed("egress_bytes", "Egress"),
    kpi.Governed("active_files", "Active files"),
    kpi.Governed("file_uploads", "Uploads"),
    kpi.Governed("file_shares", "Shares"),
)


def render(view: View) -> None:
    kpi.row(view, FIGURES)
    days = files.egress_by_day(view)
    if not days["downloads"].sum() and not days["bytes"].sum():
        states.no_rows("file events", view.period)
        return
    unusual = files.unusual_users(view)
    with states.guarded():
        _egress(view, days, unusual)
    with states.guarded():
        _case(view, unusual)
    with states.guarded():
        _tables(view)


def _egress(view: View, days: pl.DataFrame, unusual: pl.DataFrame) -> None:
    cases = unusual["day"].to_list() if not unusual.is_empty() else []
    drawn = days.with_columns(
        ((pl.col("score") > files.UNUSUAL_DAY).fill_null(False) | pl.col("day").is_in(cases)).alias("unusual"),
        pl.col("bytes").map_elements(formats.size, pl.String).alias("text"),
    )
    marked = drawn.filter(pl.col("unusual")).sort("bytes", descending=True)
    total = formats.size(int(days["bytes"].sum()))
    if marked.is_empty():
        title = f"{total} left storage, and no day was unusual"
    else:
        worst = marked.row(0, named=True)
        title = f"{total} left storage; {formats.day(worst['day'], year=False)} stands out with {worst['text']}"
    charts.draw(
        charts.days(
            drawn, "bytes", theme.current(), axis=charts.AXIS_BYTES, marked="unusual", label="Egress", text="text"
        ),
        title,
        f"Egress by day. Marked ▼: a robust z-score above {files.UNUSUAL_DAY:.0f} against the days before, or a user far above their own past.",
    )


def _case(view: View, unusual: pl.DataFrame) -> None:
    if unusual.is_empty():
        charts.head(
            "Nobody took far more than they usually do",
            f"No user-day in {view.period} is unusual against that user's own past.",
        )
        return
    people = unusual.unique("user_id", keep="first", maintain_order=True)
    names = {
        r[
            "user_id"
        ]: f"{r['user_name'] or r['user_id']} · {formats.day(r['day'], year=False)} · {formats.size(r['bytes'])}"
        for r in people.iter_rows(named=True)
    }
    chosen = people["user_id"][0]
    if len(people) > 1:
        charts.head(f"{len(people)} users took far more than they usually do")
        chosen = st.selectbox("Case", list(names), format_func=names.__getitem__, key="case", width=480)
    case = unusual.filter(pl.col("user_id") == chosen).row(0, named=True)
    objects = files.user_objects(view, chosen, case["day"])
    who = case["user_name"] or case["email"] or case["user_id"]
    times = case["bytes"] / case["usual_bytes"] if case["usual_bytes"] else None
    days = files.user_days(view, chosen).with_columns(
        (pl.col("day") == case["day"]).alias("unusual"),
        pl.col("bytes").map_elements(formats.size, pl.String).alias("text"),
    )
    title = f"{who} took {formats.size(case['bytes'])} on {formats.day(case['day'])}" + (
        f", {times:,.0f} times a usual day" if times else ""
    )
    charts.head(title, "Possible exfiltration: one user's egress by day, 90 days, against their own past.")
    left, right = st.columns([3, 2], gap="large")
    with left:
        chart = charts.days(
            days, "bytes", theme.current(), axis=charts.AXIS_BYTES, marked="unusual", label="Egress", text="text"
        )
        charts.show(chart, f"Chart: {title}")
    with right:
        first, last = (f"{at:%H:%M}" for at in (min(objects["first_at"]), max(objects["last_at"])))
        addresses = objects["ip_address"].unique().to_list()
        lines = [
            f"**{formats.plural(int(objects['downloads'].sum()), 'download')}** of {formats.plural(objects['object_key'].n_unique(), 'object')}",
            f"from {', '.join(formats.md(a) for a in addresses[:3])}"
            + (f" and {len(addresses) - 3} more" if len(addresses) > 3 else ""),
            f"between {first} and {last} UTC",
            f"usual day: {formats.size(case['usual_bytes'])}; robust z-score {case['score']:,.0f} (marked from {files.UNUSUAL:.0f})",
        ]
        st.markdown("\n".join(f"- {line}" for line in lines))
        if case["customer"]:
            view.go(
                "customer_360",
                f"Open customer {formats.md(case['customer_name'] or case['customer'])}",
                ":material/person_search:",
                customer=case["customer"],
            )
    with st.expander(f"What was taken: {formats.plural(len(objects), 'object')}"):
        columns = [
            Column("object_key", "Object"),
            Column("downloads", "Downloads", "count"),
            Column("bytes", "Bytes", "size"),
            Column("ip_address", "Address"),
            Column("first_at", "First", "instant"),
        ]
        table(objects, columns, view, name="case-objects")


def _tables(view: View) -> None:
    charts.head("Who takes it")

    def customers() -> None:
        columns = [
            Column("customer", "Customer", "customer"),
            Column("egress_bytes", "Egress", "size"),
            Column("downloads", "Downloads", "count"),
            Column("uploads", "Uploads", "count"),
            Column("users", "Users", "count"),
            Column("storage_bytes", "Stored", "size"),
            Column("objects", "Objects", "count"),
        ]
        table(files.by_customer(view), columns, view, name="files-by-customer")

    def objects() -> None:
        columns = [
            Column("object_key", "Object"),
            Column("egress_bytes", "Egress", "size"),
            Column("downloads", "Downloads", "count"),
            Column("users", "Users", "count"),
            Column("customer", "Customer", "customer"),
            Column("last_at", "Last", "instant"),
        ]
        table(files.by_object(view), columns, view, name="files-by-object")

    def addresses() -> None:
        columns = [
            Column("ip_address", "Address"),
            Column("egress_bytes", "Egress", "size"),
            Column("requests", "Requests", "count"),
            Column("users", "Users", "count"),
            Column("refused", "Refused", "count", "Answers of 400 and above"),
            Column("first_at", "First", "instant"),
            Column("last_at", "Last", "instant"),
        ]
        table(files.by_address(view), columns, view, name="files-by-address")

    tabs.lazy(
        "file-tables",
        {"By customer": customers, "By object": objects, "By address": addresses},
    )
