"""Payments: are we growing, and where does money leak?"""

from __future__ import annotations

import polars as pl
import streamlit as st

from apps.streamlit.components import charts, formats, kpi, states, tabs, theme
from apps.streamlit.components.page import Page, View
from apps.streamlit.components.tables import Column, table
from apps.streamlit.reads import payments

PAGE = Page("Payments", "Are we growing, and where does money leak?", ":material/payments:", 20)
#: Governed figures of the first row; known before the page is drawn, so that they can be compiled ahead.
FIGURES = (
    kpi.Governed("mrr", by_currency=True),
    kpi.Governed("churned_mrr", "Churned MRR", by_currency=True, lost=True),
    kpi.Governed("payments_failed", by_currency=True),
    kpi.Governed("recovered_amount", "Recovered", by_currency=True),
    kpi.Governed("refunded_amount", "Refunded", by_currency=True),
)


def render(view: View) -> None:
    if not view.currency:
        states.not_landed("payments", "stripe")
        return
    kpi.row(view, FIGURES)
    with states.guarded():
        _movements(view)
    with states.guarded():
        _cohorts(view)
    reasons, recovery = st.columns(2, gap="large")
    with reasons, states.guarded():
        _reasons(view)
    with recovery, states.guarded():
        _recovery(view)
    with states.guarded():
        _tie_out(view)
    with states.guarded():
        _tables(view)


def _movements(view: View) -> None:
    rows = payments.movements_by_month(view)
    if rows.is_empty():
        charts.head("MRR by month")
        states.no_rows(
            "MRR movements", f"the months up to {formats.month(view.end)}", "This workspace has no subscriptions."
        )
        return
    month = view.end.replace(day=1)
    import calendar

    incomplete = month if view.end.day < calendar.monthrange(view.end.year, view.end.month)[1] else None
    complete = rows.filter(pl.col("month_date") != incomplete) if incomplete else rows
    net = complete.group_by("month_date").agg(pl.col("amount_minor").sum()).sort("month_date")
    best, last = net.sort("amount_minor").row(-1, named=True), net.row(-1, named=True)
    direction = "gained" if last["amount_minor"] >= 0 else "lost"
    title = (
        f"{formats.month(last['month_date'])} {direction} {formats.money(abs(last['amount_minor']), view.currency)} net"
    )
    if best["month_date"] != last["month_date"]:
        title += f"; the best month was {formats.month(best['month_date'])} with {formats.money(best['amount_minor'], view.currency)}"
    else:
        title += ", the best month yet"
    note = f"MRR movements by month in {(view.currency or '').upper()}; the line is the net."
    if incomplete:
        note += f" {formats.month(incomplete)} is not complete and drawn pale."
    charts.draw(charts.movements(rows, view.currency or "", theme.current(), incomplete), title, note)


def _cohorts(view: View) -> None:
    rows = payments.cohorts(view).filter(pl.col("share").is_not_null())
    if rows["age"].n_unique() < 2 if not rows.is_empty() else True:
        return
    third = rows.filter((pl.col("age") == 3) & ~pl.col("incomplete"))
    title = "MRR kept by cohort"
    if not third.is_empty():
        kept = float((third["share"] * third["start_minor"]).sum()) / max(1, int(third["start_minor"].sum()))
        title = f"Three months after their first payment, cohorts keep {formats.ratio(kept, digits=0)} of their MRR"
    charts.draw(
        charts.triangle(rows, theme.current()),
        title,
        "Rows are months of first payment, columns months since; above 100% customers grew more than others left. "
        "The month that is not complete is pale.",
    )


def _reasons(view: View) -> None:
    rows = payments.failures(view)
    if rows.is_empty():
        charts.head("No payment failed")
        states.no_rows("failed payments", view.period, "Nothing to mend here.")
        return
    total = int(rows["attempts"].sum())
    top = rows.row(0, named=True)
    share = formats.ratio(top["attempts"] / total, digits=0)
    drawn = rows.with_columns(
        pl.col("reason").map_elements(formats.words, pl.String).alias("name"),
        pl.struct("attempts", "recovered")
        .map_elements(lambda r: f"{r['attempts']:,} · {formats.ratio(r['recovered'], digits=0)} paid later", pl.String)
        .alias("text"),
    )
    charts.draw(
        charts.ranked(drawn, "name", "attempts", "text", theme.current()),
        f"{formats.words(top['reason'])} is behind {share} of failures",
        f"{formats.plural(total, 'failed attempt')} by the provider's reason, and how many were paid later.",
    )


def _recovery(view: View) -> None:
    rows = payments.attempts(view)
    if rows.is_empty():
        return
    drawn = rows.with_columns(
        (pl.col("succeeded") / pl.col("attempts")).alias("share"),
        pl.col("attempt")
        .map_elements(
            lambda n: "First try" if n == 1 else f"Retry {n - 1}" + (" and later" if n == 5 else ""), pl.String
        )
        .alias("name"),
    )
    drawn = drawn.with_columns(
        pl.struct("share", "attempts")
        .map_elements(lambda r: f"{formats.ratio(r['share'], digits=0)} of {r['attempts']:,}", pl.String)
        .alias("text")
    )
    retries = drawn.filter(pl.col("attempt") > 1)
    title = "No payment was tried twice"
    if not retries.is_empty():
        share = int(retries["succeeded"].sum()) / int(retries["attempts"].sum())
        title = f"Retries succeed {formats.ratio(share, digits=0)} of the time"
    charts.draw(
        charts.ranked(drawn, "name", "share", "text", theme.current()),
        title,
        "Share that succeeds by attempt, last 12 months.",
    )


def _tie_out(view: View) -> None:
    rows = payments.tie_out(view)
    if rows.is_empty():
        return
    gaps = rows.filter(pl.col("gap_minor").is_not_null() & (pl.col("gap_minor") != 0))
    ok = gaps.is_empty()
    charts.head(
        "Payments and refunds equal the providers' bookings"
        if ok
        else f"{formats.plural(len(gaps), 'line')} do not tie out",
        "Facts of the period against balance transactions; a gap can be a booking on the day after the period.",
    )
    columns = [
        Column("provider", "Provider", "words"),
        Column("kind", "Booking", "words"),
        Column("facts", "Facts", "count"),
        Column("facts_minor", "Amount of facts", "money"),
        Column("bookings", "Bookings", "count"),
        Column("booked_minor", "Amount booked", "money"),
        Column("gap_minor", "Gap", "money"),
        Column("fee_minor", "Fees", "money"),
    ]
    table(rows, columns, view, name="tie-out")


def _tables(view: View) -> None:
    def failed() -> None:
        rows = payments.failed_payments(view)
        if rows.is_empty():
            states.no_rows("failed payments", view.period, "Nothing to mend here.")
        else:
            columns = [
                Column("customer", "Customer", "customer"),
                Column("paid_at", "Tried", "instant"),
                Column("failure_code", "Reason", "words"),
                Column("attempt_number", "Attempt", "count"),
                Column("amount_minor", "Amount", "money"),
                Column("provider", "Provider", "words"),
            ]
            table(rows, columns, view, name="failed-payments")

    def disputed() -> None:
        rows = payments.disputes(view)
        if rows.is_empty():
            states.no_rows("disputes", view.period, "Good so.")
        else:
            columns = [
                Column("customer", "Customer", "customer"),
                Column("disputed_at", "Opened", "instant"),
                Column("reason", "Reason", "words"),
                Column("status", "Status", "words"),
                Column("amount_minor", "Amount", "money"),
            ]
            table(rows, columns, view, name="disputes")

    tabs.lazy(
        "payment-tables",
        {"Failed payments": failed, "Disputes": disputed},
    )
