"""Customer 360: who is this, and how are they?"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import altair as alt
import polars as pl
import streamlit as st

from apps.streamlit.components import charts, formats, kpi, states, theme
from apps.streamlit.components.page import Page, View
from apps.streamlit.components.tables import Column, table
from apps.streamlit.reads import customer

PAGE = Page(
    "Customer 360",
    "Who is this, and how are they?",
    ":material/person_search:",
    60,
    filters=(),
    needs="dashboards.people",
)


def render(view: View) -> None:
    asked = st.query_params.get("customer")
    text = st.text_input(
        "Search",
        placeholder="Search by company, e-mail address of any user, or customer id",
        key="customer-search",
        icon=":material/search:",
        label_visibility="collapsed",
    )
    if text and text != st.session_state.get("searched"):
        # a new search leaves the customer that was open
        st.session_state["searched"] = text
        asked = None
        st.query_params.pop("customer", None)
    if asked:
        known = customer.one(view, asked)
        if known is not None:
            _one(view, known)
            return
        st.warning(
            f"There is no customer “{formats.md(asked[:60])}” in workspace {view.workspace}. Search above, or choose one below.",
            icon=":material/person_off:",
        )
    _find(view, text)


def _find(view: View, text: str) -> None:
    found = customer.search(view, text) if text.strip() else customer.at_risk(view)
    if text.strip() and found.is_empty():
        states.empty(
            "Nobody found", f"No customer or user of workspace {view.workspace} matches “{formats.md(text[:60])}”."
        )
        return
    if found.is_empty():
        states.empty("No paying customer in this workspace", "Search above for customers that do not pay.")
        return
    title = (
        f"{formats.plural(len(found), 'customer')} found"
        if text.strip()
        else "Where to start: large customers that are least healthy"
    )
    charts.head(title, "A name opens the customer.")
    columns = [
        Column("customer", "Customer", "customer"),
        Column("health_score", "Health (of 100)", "count"),
        Column("mrr_minor", "MRR", "money"),
        Column("plan_name", "Plan"),
        Column("subscription_status", "Subscription", "words"),
        Column("country_code", "Country"),
        Column("last_seen_at", "Last seen", "instant"),
    ]
    table(found, columns, view, name="customers")


def _one(view: View, known: dict[str, Any]) -> None:
    key = str(known["customer_id"])
    score = customer.prediction(view, key)
    parts = [known["email"], known["country_code"], known["plan_name"], formats.words(known["subscription_status"])]
    since = f"customer since {formats.day(known['created_at'])}" if known["created_at"] else ""
    st.markdown(f"### {formats.md(known['name'] or key)}")
    st.caption(" · ".join(formats.md(p) for p in [*parts, since, key] if p and p != formats.DASH))
    if known["churned_at"]:
        st.warning(f"This customer left on {formats.day(known['churned_at'])}.", icon=":material/logout:")
    kpi.row(view, [_mrr(view, known), _health(known), _score(score), _seen(view, known), _invoices(view, known)])
    if score:
        with states.guarded():
            _reasons(score)
    with states.guarded():
        _timeline(view, key)
    with states.guarded():
        _users(view, key)


def _mrr(view: View, known: dict[str, Any]) -> kpi.Plain:
    moves = customer.mrr_by_month(view, str(known["customer_id"]))
    course = tuple(float(v) for v in moves["closing_mrr_minor"]) if len(moves) > 2 else ()
    last = moves.row(-1, named=True) if len(moves) else None
    note = (
        f"{formats.words(last['movement'])} {formats.money(last['amount_minor'], last['currency'], signed=True)}, {formats.day(last['day'])}"
        if last
        else "never paid"
    )
    return kpi.Plain(
        "MRR",
        formats.money(known["mrr_minor"], known["currency"]),
        "Monthly recurring revenue of the customer's subscriptions that are active or past due.",
        note=note,
        course=course,
    )


def _health(known: dict[str, Any]) -> kpi.Plain:
    value = known["health_score"]
    word = formats.DASH if value is None else "healthy" if value >= 70 else "watch" if value >= 40 else "in trouble"
    return kpi.Plain(
        "Health",
        f"{value} of 100" if value is not None else formats.DASH,
        "30 points for the share of users who came in 30 days, 30 for how lately the last came, 20 for payments that "
        "went through, 20 for files used; 0 for customers that do not pay.",
        note=f"{word} · {formats.plural(known['active_users_30d'] or 0, 'active user')}",
        alarm=value is not None and value < 40,
    )


def _score(score: dict[str, Any] | None) -> kpi.Plain:
    if score is None:
        return kpi.Plain(
            "Churn score",
            formats.DASH,
            "No prediction holds this customer; only paying customers are scored.",
            note="not scored",
        )
    return kpi.Plain(
        "Churn score",
        formats.ratio(score["score"]),
        f"Probability to leave within 60 days, by model {score['model_name']} version {score['model_version']}, "
        f"from features as of {formats.day(score['as_of_date'])}.",
        note=f"tenth {score['decile']} of 10 (1 is the riskiest)",
        alarm=score["decile"] == 1,
    )


def _seen(view: View, known: dict[str, Any]) -> kpi.Plain:
    return kpi.Plain(
        "Last seen",
        formats.ago(known["last_seen_at"], view.clock.as_of),
        "Time from the customer's last sign-in or file event to the newest data of the workspace.",
        note=formats.instant(known["last_seen_at"]) if known["last_seen_at"] else "no sign-in, no file",
    )


def _invoices(view: View, known: dict[str, Any]) -> kpi.Plain:
    number = customer.open_invoices(view, str(known["customer_id"]))
    return kpi.Plain(
        "Open invoices",
        formats.money(known["open_invoice_minor"] or 0, known["currency"]),
        "Amount of invoices that are issued and not paid.",
        note=f"{formats.plural(number, 'invoice')} · {formats.plural(known['failed_payments_30d'] or 0, 'failed payment')} in 30 days",
        alarm=bool(known["open_invoice_minor"]),
    )


def _reasons(score: dict[str, Any]) -> None:
    reasons = [score[f"reason_{i}"] for i in (1, 2, 3) if score.get(f"reason_{i}")]
    if not reasons:
        return
    charts.head(
        f"Why the churn score is {formats.ratio(score['score'])}", "What moved this score most, the strongest first."
    )
    st.markdown("\n".join(f"{i}. {formats.md(reason)}" for i, reason in enumerate(reasons, 1)))


def readable(row: dict[str, Any]) -> str:
    """The detail of an event in words: `12300|usd|card_declined` → `$123.00 · Card declined`."""
    parts = (row["detail"] or "").split("|")
    first = parts[0].split(" ")
    if len(parts) > 1 and first[-1].lstrip("+-").isdigit():
        amount = formats.money(int(first[-1]), parts[1], exact=True, signed=first[-1].startswith(("+", "-")))
        return " · ".join([" ".join([*first[:-1], amount]), *(formats.words(p) for p in parts[2:])])
    if row["lane"] == "Files" and parts[0].endswith(" bytes"):
        head, number = parts[0].rsplit(", ", 1)
        return f"{head}, {formats.size(int(number.split(' ')[0]))} out"
    return parts[0]


def _timeline(view: View, key: str) -> None:
    rows = customer.timeline(view, key)
    if rows.is_empty():
        states.no_rows("events", "this customer's life", "Nothing was ever recorded.")
        return
    spans = {"90": "Last 90 days", "365": "Last 12 months", "all": "Everything"}
    colours = theme.current()
    charts.head(
        "Everything, in one time line",
        "Sign-ins, mail and files are summed by day. Point at a mark to read it; times are UTC.",
    )
    left, right = st.columns([1, 3], vertical_alignment="center")
    span = left.selectbox(
        "Span", list(spans), index=1, format_func=spans.__getitem__, key="timeline-span", label_visibility="collapsed"
    )
    offered = [lane for lane in customer.LANES if lane in set(rows["lane"])]
    lanes = (
        right.pills(
            "Kinds",
            offered,
            default=offered,
            selection_mode="multi",
            key="timeline-lanes",
            label_visibility="collapsed",
        )
        or offered
    )
    since = view.clock.as_of - timedelta(days=int(span)) if span != "all" else datetime.min
    shown = rows.filter((pl.col("happened_at") >= since) & pl.col("lane").is_in(lanes))
    if shown.is_empty():
        states.no_rows("events", spans[span].lower(), "Choose a longer span.")
        return
    shown = shown.with_columns(
        pl.struct(shown.columns).map_elements(readable, pl.String).alias("detail"),
        pl.col("what").map_elements(formats.words, pl.String),
        pl.when(pl.col("good").is_null())
        .then(pl.lit("neutral"))
        .when("good")
        .then(pl.lit("good"))
        .otherwise(pl.lit("bad"))
        .alias("kind"),
    )
    kinds = {"good": colours.main, "neutral": colours.before, "bad": colours.bad}
    shapes = {"good": "circle", "neutral": "square", "bad": "triangle-down"}
    chart = (
        alt.Chart(shown.head(5000))
        .mark_point(filled=True, size=70, opacity=0.8)
        .encode(
            x=alt.X(
                "yearmonthdatehoursminutes(happened_at):T",
                title=None,
                axis=alt.Axis(format="%-d %b %y", tickCount=8, labelOverlap="greedy", grid=True),
            ),
            y=alt.Y("lane:N", sort=list(customer.LANES), title=None, axis=alt.Axis(grid=True, tickBand="extent")),
            color=alt.Color("kind:N", scale=alt.Scale(domain=list(kinds), range=list(kinds.values())), legend=None),
            shape=alt.Shape("kind:N", scale=alt.Scale(domain=list(shapes), range=list(shapes.values())), legend=None),
            tooltip=[
                alt.Tooltip("happened_at:T", title="When (UTC)", format="%-d %b %Y %H:%M"),
                alt.Tooltip("what:N", title="What"),
                alt.Tooltip("detail:N", title="Detail"),
            ],
        )
        .properties(height=44 * max(2, shown["lane"].n_unique()) + 30)
    )
    charts.show(chart, f"Time line of {len(shown)} events; the table below lists them")
    st.caption("● went well  ■ neutral  ▼ went badly")
    columns = [
        Column("happened_at", "When", "instant"),
        Column("lane", "Kind"),
        Column("what", "What"),
        Column("detail", "Detail"),
    ]
    table(shown, columns, view, name="timeline")


def _users(view: View, key: str) -> None:
    rows = customer.users(view, key)
    if rows.is_empty():
        return
    charts.head(formats.plural(len(rows), "user"))
    columns = [
        Column("full_name", "User"),
        Column("email", "E-mail"),
        Column("status", "Status", "words"),
        Column("last_login_at", "Last sign-in", "instant"),
        Column("is_mfa_enrolled", "Second factor", "flag"),
        Column("created_at", "Since", "instant"),
    ]
    table(rows, columns, view, name="customer-users")
