"""E-mail: does our mail arrive, and does it work?"""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import streamlit as st

from apps.streamlit.components import charts, formats, kpi, states, tabs, theme
from apps.streamlit.components.page import Page, View
from apps.streamlit.components.tables import Column, table
from apps.streamlit.reads import email

PAGE = Page("E-mail", "Does our mail arrive, and does it work?", ":material/mail:", 30, filters=("period",))
#: Governed figures of the first row; known before the page is drawn, so that they can be compiled ahead.
FIGURES = (
    kpi.Governed("emails_delivered", "Delivered"),
    kpi.Governed("hard_bounce_rate", "Hard bounces"),
    kpi.Governed("complaint_rate", "Complaints"),
    kpi.Governed("human_open_rate", "Opened by people"),
    kpi.Governed("click_rate", "Clicked by people"),
)
_KINDS = {"all": "All mail", "campaign": "Campaigns", "transactional": "Transactional"}
#: Stages by who did it: the share of people is never mixed with that of machines.
_STAGES = (
    ("sent", "Sent", "mail"),
    ("delivered", "Delivered", "mail"),
    ("opened", "Opened by people", "people"),
    ("opened_machine", "Opened by machines only", "machines"),
    ("clicked", "Clicked by people", "people"),
    ("clicked_scanner", "Clicked by scanners only", "machines"),
)
_FUNNEL = [
    Column("sent", "Sent", "count"),
    Column("delivered_rate", "Delivered", "ratio"),
    Column("open_rate", "Opened by people", "ratio"),
    Column("machine_rate", "Machines only", "ratio", "Opened by a mail client's proxy and by no person"),
    Column("click_rate", "Clicked by people", "ratio"),
    Column("scanner_rate", "Scanners only", "ratio", "Clicked by a security scanner and by no person"),
    Column("hard_rate", "Hard bounces", "ratio"),
    Column("complained", "Complaints", "count"),
    Column("unsubscribed", "Unsubscribed", "count"),
]


def render(view: View) -> None:
    category = (
        st.segmented_control(
            "Mail",
            list(_KINDS),
            default="all",
            format_func=_KINDS.__getitem__,
            key="mail-kind",
            label_visibility="collapsed",
            required=True,
        )
        or "all"
    )
    where = () if category == "all" else (("category", category),)
    kpi.row(view, [replace(figure, where=where) for figure in FIGURES])
    totals = email.totals(view, category)
    if not totals["sent"]:
        states.no_rows("mail", view.period)
        return
    with states.guarded():
        _funnel(totals)
    with states.guarded():
        _arms(view)

    def campaigns() -> None:
        rows = _rates(email.campaigns(view, category)).with_columns(
            pl.col("campaign").map_elements(formats.campaign, pl.String)
        )
        table(
            rows,
            [Column("campaign", "Campaign or template"), Column("first_sent_at", "First sent", "instant"), *_FUNNEL],
            view,
            name="mail-by-campaign",
        )

    def domains() -> None:
        table(
            _rates(email.domains(view, category)),
            [Column("domain", "Recipient domain"), *_FUNNEL],
            view,
            name="mail-by-domain",
        )

    tabs.lazy(
        "mail-tables",
        {"By campaign and template": campaigns, "By recipient domain": domains},
    )


def _rates(rows: pl.DataFrame) -> pl.DataFrame:
    sent, delivered = pl.col("sent"), pl.col("delivered")

    def share(hits: str, of: pl.Expr) -> pl.Expr:
        return pl.when(of > 0).then(pl.col(hits) / of)

    return rows.with_columns(
        share("delivered", sent).alias("delivered_rate"),
        share("bounced_hard", sent).alias("hard_rate"),
        share("opened", delivered).alias("open_rate"),
        share("opened_machine", delivered).alias("machine_rate"),
        share("clicked", delivered).alias("click_rate"),
        share("clicked_scanner", delivered).alias("scanner_rate"),
    )


def _funnel(totals: dict[str, int]) -> None:
    colours = theme.current()
    tint = {"mail": colours.before, "people": colours.main, "machines": colours.categories[1]}
    delivered = totals["delivered"]
    rows = pl.DataFrame(
        [
            {
                "stage": label,
                "number": totals[key],
                "kind": kind,
                "text": f"{totals[key]:,}"
                + (
                    f" · {formats.ratio(totals[key] / delivered)}"
                    if delivered and key not in ("sent", "delivered")
                    else ""
                ),
            }
            for key, label, kind in _STAGES
        ]
    )
    inflated = totals["opened"] + totals["opened_machine"]
    title = f"{formats.ratio(totals['opened'] / delivered, digits=0) if delivered else formats.DASH} of delivered mail was opened by people"
    if totals["opened_machine"] and delivered:
        title += f"; counting machines it would look like {formats.ratio(inflated / delivered, digits=0)}"
    import altair as alt

    base = alt.Chart(rows).encode(
        y=alt.Y("stage:N", sort=[s[1] for s in _STAGES], title=None, axis=alt.Axis(domain=False)),
        x=alt.X("number:Q", axis=None, scale=alt.Scale(domain=[0, totals["sent"] * 1.25])),
    )
    bars = base.mark_bar(height=22, cornerRadiusEnd=2).encode(
        color=alt.Color("kind:N", scale=alt.Scale(domain=list(tint), range=list(tint.values())), legend=None),
        tooltip=[alt.Tooltip("stage:N", title=""), alt.Tooltip("text:N", title="")],
    )
    labels = base.mark_text(align="left", dx=6).encode(text="text:N")
    charts.draw(
        alt.layer(bars, labels).properties(height=34 * len(rows)),
        title,
        "Shares are of delivered mail. Machines are mail clients that prefetch; scanners are security gateways that follow links.",
    )


def _arms(view: View) -> None:
    rows = email.arms(view)
    if rows.is_empty():
        return
    names = rows["campaign"].unique(maintain_order=True).to_list()
    charts.head("Campaign arms", "Rates with their 95% interval (Wilson); arms are compared by what people did.")
    left, right = st.columns([1, 2], gap="large")
    with left:
        chosen = st.selectbox("Campaign", names, key="arms-campaign", format_func=formats.campaign)
        measures = {
            "opened": "human open rate",
            "clicked": "click rate",
            "visited": "visits",
            "converted": "conversions",
        }
        seen = rows.filter(pl.col("campaign") == chosen)
        offered = [key for key in measures if seen[key].fill_null(0).sum()] or ["opened"]
        measure = st.radio("Compare", offered, format_func=lambda m: formats.words(measures[m]), key="arms-measure")
    base = "delivered" if measure in ("opened", "clicked") else "recipients"
    compared = [
        email.Rate(
            f"{formats.words(r['arm'])}{' (hold-out)' if r['is_holdout'] else ''}", int(r[measure] or 0), int(r[base])
        )
        for r in seen.iter_rows(named=True)
        if not (r["is_holdout"] and base == "delivered")
    ]
    state, sentence = email.verdict(compared, measures[measure])
    with right:
        icon = {
            "winner": ":material/emoji_events:",
            "none": ":material/balance:",
            "thin": ":material/hourglass_empty:",
        }[state]
        st.markdown(f"{icon} **{formats.md(sentence)}**")
        frame = pl.DataFrame(
            [
                {"name": f"{r.name} · {r.of:,}", "rate": r.rate, "low": r.interval[0], "high": r.interval[1]}
                for r in compared
            ],
            schema={"name": pl.String, "rate": pl.Float64, "low": pl.Float64, "high": pl.Float64},
        )
        charts.show(charts.intervals(frame, theme.current()), sentence)
