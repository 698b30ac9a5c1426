"""Overview: how is the company doing, and what changed?"""

from __future__ import annotations

from datetime import datetime, time

import polars as pl
import streamlit as st

from apps.streamlit.components import charts, data, formats, kpi, states, theme
from apps.streamlit.components.page import Page, View
from apps.streamlit.components.tables import Column, table
from apps.streamlit.reads import access, files, overview
from warehouse.versions import Version

PAGE = Page("Overview", "How is the company doing, and what changed?", ":material/monitoring:", 10)
#: Governed figures of the first row; known before the page is drawn, so that they can be compiled ahead.
FIGURES = (
    kpi.Governed("mrr", by_currency=True),
    kpi.Governed("nrr", by_currency=True, monthly=True),
    kpi.Governed("paying_customers", "Active customers", by_currency=True),
    kpi.Governed("payment_success_rate", by_currency=True),
)
_STEPS = {
    "new": "New",
    "expansion": "Expansion",
    "reactivation": "Back again",
    "contraction": "Contraction",
    "churn": "Churn",
}


def render(view: View) -> None:
    bursts, taken = access.bursts(view), files.unusual_users(view)
    kpi.row(view, [*FIGURES, _incidents(bursts, taken)])
    if view.currency:
        with states.guarded():
            _bridge(view)
        moved, happened = st.columns([3, 2], gap="large")
        with moved, states.guarded():
            _moved(view)
    else:
        happened = st.container()
        states.not_landed("recurring revenue", "stripe")
    with happened, states.guarded():
        _happened(view, bursts, taken)
    if view.currency:
        with states.guarded():
            _largest(view)


def _incidents(bursts: pl.DataFrame, taken: pl.DataFrame) -> kpi.Plain:
    number = len(bursts) + taken["user_id"].n_unique()
    return kpi.Plain(
        "Incidents to look at",
        formats.count(number),
        "Bursts of refused sign-ins (at least fifty from one address within ten minutes) and users who took far more "
        "files in a day than they ever did, both in the period. Owner: security. Details: pages Access and Files.",
        note=f"{formats.plural(len(bursts), 'burst')}, {formats.plural(taken['user_id'].n_unique(), 'unusual user')}"
        if number
        else "no bursts, nobody unusual",
        alarm=number > 0,
    )


def _bridge(view: View) -> None:
    steps = overview.bridge(view)
    currency = view.currency or ""
    moves = [(_STEPS[kind], steps[kind], kind) for kind in overview.KINDS if steps[kind]]
    change = steps["closing"] - steps["opening"]
    if not moves:
        charts.head(f"MRR stood still at {formats.money(steps['closing'], currency)}")
        states.no_rows("MRR movements", view.period)
        return
    gain = max((m for m in moves if m[1] > 0), key=lambda m: m[1], default=None)
    loss = min((m for m in moves if m[1] < 0), key=lambda m: m[1], default=None)
    why = " and ".join(
        text
        for text in (
            f"{gain[0].lower()} brought {formats.money(gain[1], currency)}" if gain else "",
            f"{loss[0].lower()} took {formats.money(-loss[1], currency)}" if loss else "",
        )
        if text
    )
    verb = "grew" if change > 0 else "fell" if change < 0 else "ended where it began,"
    amount = f" by {formats.money(abs(change), currency)}" if change else ""
    first, last = f"{formats.day(view.start, year=False)}", f"{formats.day(view.end, year=False)}"
    full = [(f"Before {first}", steps["opening"], "total"), *moves, (last, steps["closing"], "total")]
    cut = charts.bridge_is_cut(steps["opening"], [m[1] for m in moves])
    note = f"{currency.upper()} only; currencies are never added up." + (
        " The axis does not start at zero, so that the steps can be seen." if cut else ""
    )
    charts.draw(charts.bridge(full, currency, theme.current()), f"MRR {verb}{amount}: {why}", note)
    if len(view.currencies) > 1:
        with st.expander("All currencies, side by side"):
            columns = [
                Column("code", "Currency"),
                Column("opening_minor", "MRR before", "money"),
                Column("gained_minor", "Gained", "money"),
                Column("lost_minor", "Lost", "money"),
                Column("closing_minor", "MRR after", "money"),
            ]
            rows = overview.currencies(view).with_columns(pl.col("currency").str.to_uppercase().alias("code"))
            table(rows, columns, view, name="mrr-by-currency")


def _moved(view: View) -> None:
    charts.head("What moved", "Net change of MRR by segment.")
    segment = st.segmented_control(
        "Split by",
        list(overview.SEGMENTS),
        default="country",
        format_func=lambda s: formats.words(overview.SEGMENTS[s]),
        key="segment",
        label_visibility="collapsed",
        required=True,
    )
    rows = overview.moved(view, segment or "country")
    if rows.is_empty():
        states.no_rows("movements", view.period)
        return
    top = rows.row(0, named=True)
    word = "gained" if top["net_minor"] >= 0 else "lost"
    st.markdown(
        f"**{formats.md(formats.words(top['segment']) if segment == 'age' else top['segment'])}** {word} most: "
        f"{formats.md(formats.money(top['net_minor'], view.currency, signed=True))} net from {formats.plural(top['customers'], 'customer')}."
    )
    columns = [
        Column("segment", formats.words(overview.SEGMENTS[segment or "country"])),
        Column("net_minor", "Net", "money"),
        Column("gained_minor", "Gained", "money"),
        Column("lost_minor", "Lost", "money"),
        Column("customers", "Customers", "count"),
    ]
    table(rows, columns, view, name=f"moved-by-{segment}")


def _happened(view: View, bursts: pl.DataFrame, taken: pl.DataFrame) -> None:
    charts.head("What happened then", "Campaigns, incidents and publications of the period; times are UTC.")
    events: list[tuple[object, str, str, tuple[str, str]]] = []
    for row in overview.campaigns(view).iter_rows(named=True):
        share = formats.ratio(row["opened"] / row["sent"], digits=0) if row["sent"] else formats.DASH
        what = f"Campaign **{formats.md(formats.campaign(row['campaign_id']))}** went to {row['sent']:,}; {share} opened it"
        events.append((row["first_at"], ":material/campaign:", what, ("email", "Open E-mail")))
    for row in bursts.iter_rows(named=True):
        inside = formats.plural(row["successes"], "success", "successes")
        what = f"**{row['attempts']:,} sign-ins** tried from {formats.md(row['ip_address'])}, {inside}"
        events.append((row["started_at"], ":material/gpp_bad:", what, ("access", "Open Access")))
    for row in taken.unique("user_id", keep="first", maintain_order=True).iter_rows(named=True):
        who, usual = formats.md(row["user_name"] or row["user_id"]), formats.size(row["usual_bytes"])
        what = f"**{who}** took {formats.size(row['bytes'])}, usually {usual} a day"
        events.append((datetime.combine(row["day"], time()), ":material/folder_off:", what, ("files", "Open Files")))
    for version in _published(view):
        events.append(
            (
                version.published_at,
                ":material/publish:",
                f"Warehouse **v{version.version}** published",
                ("data_health", "Open Data health"),
            )
        )
    if not events:
        states.no_rows("campaigns, incidents or publications", view.period)
    for at, icon, what, (page, label) in sorted(events, key=lambda e: str(e[0]), reverse=True)[:8]:
        with st.container(gap=None):
            st.markdown(f"{icon} {formats.day(at)} · {what}")  # type: ignore[arg-type]
            view.go(page, label)


def _published(view: View) -> list[Version]:
    import psycopg

    from nexus.errors import NexusError

    try:
        known = data.all_versions(view.version, str(data.settings().home))
    except (NexusError, psycopg.Error, OSError):
        return []
    return [v for v in known if v.published_at and view.start <= v.published_at.date() <= view.end][:3]


def _largest(view: View) -> None:
    rows = overview.largest(view)
    charts.head(f"{formats.plural(len(rows), 'movement')} behind it", "The largest first; a name opens the customer.")
    if rows.is_empty():
        states.no_rows("movements", view.period)
        return
    columns = [
        Column("customer", "Customer", "customer"),
        Column("movement_date", "Day", "day"),
        Column("movement", "Movement", "words"),
        Column("amount_minor", "MRR change", "money"),
        Column("closing_mrr_minor", "MRR after", "money"),
        Column("country_code", "Country"),
    ]
    table(rows, columns, view, name="movements")
