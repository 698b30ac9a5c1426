"""Access: who gets in, and who should not?"""

from __future__ import annotations

import polars as pl
import streamlit as st

from apps.streamlit.components import charts, formats, kpi, states, tabs, theme
from apps.streamlit.components.page import Page, View
from apps.streamlit.components.tables import Column, table
from apps.streamlit.reads import access

PAGE = Page(
    "Access", "Who gets in, and who should not?", ":material/key:", 50, filters=("period",), needs="dashboards.security"
)
#: Governed figures of the first row; known before the page is drawn, so that they can be compiled ahead.
FIGURES = (
    kpi.Governed("logins", "Sign-ins"),
    kpi.Governed("login_success_rate", "Success"),
    kpi.Governed("mfa_coverage", "MFA coverage"),
)
_OUTCOMES = {"success": "Signed in", "challenge": "Challenged", "failure": "Refused", "burst": "Part of a burst"}


def render(view: View) -> None:
    attempts, bursts, dormant = access.attempts_by_day(view), access.bursts(view), access.dormant(view)
    accounts = access.active_accounts(view)
    kpi.row(
        view,
        [
            *FIGURES,
            _bursts_figure(bursts),
            kpi.Plain(
                "Dormant accounts",
                formats.count(len(dormant)),
                f"Active accounts that have not signed in for {access.DORMANT_DAYS} days or never did. Owner: security.",
                note=f"{formats.ratio(len(dormant) / accounts) if accounts else formats.DASH} of {accounts:,} active",
            ),
        ],
    )
    if attempts.is_empty():
        states.no_rows("sign-ins", view.period)
        return
    with states.guarded():
        _attempts(view, attempts, bursts)
    with states.guarded():
        _burst(view, bursts)
    with states.guarded():
        _tables(view, dormant)


def _bursts_figure(bursts: pl.DataFrame) -> kpi.Plain:
    let_in = int(bursts["successes"].sum()) if not bursts.is_empty() else 0
    return kpi.Plain(
        "Bursts of refusals",
        formats.count(len(bursts)),
        "At least fifty refused sign-ins from one address within ten minutes, counted once for each address and day. "
        "Owner: security.",
        note=f"{int(bursts['attempts'].sum()):,} attempts, {let_in:,} let in" if len(bursts) else "none in the period",
        alarm=let_in > 0,
    )


def _attempts(view: View, attempts: pl.DataFrame, bursts: pl.DataFrame) -> None:
    colours = theme.current()
    tints = (colours.before, colours.categories[0], colours.categories[1], colours.movements["churn"])
    order = [_OUTCOMES[key] for key in _OUTCOMES if key in set(attempts["outcome"])]
    ranks = {key: rank for rank, key in enumerate(_OUTCOMES)}
    drawn = attempts.with_columns(
        pl.col("outcome").replace_strict(ranks, default=9).alias("rank"),
        pl.col("outcome").replace(_OUTCOMES).alias("what"),
    )
    refused = int(attempts.filter(pl.col("outcome").is_in(["failure", "burst"]))["attempts"].sum())
    total = int(attempts.filter(pl.col("outcome") != "challenge")["attempts"].sum())
    title = f"{formats.ratio(refused / total) if total else formats.DASH} of {total:,} attempts were refused"
    if not bursts.is_empty():
        worst = bursts.row(0, named=True)
        share = formats.ratio(int(bursts["attempts"].sum()) / max(1, refused), digits=0)
        title += f"; {share} of that in the burst of {formats.day(worst['started_at'].date(), year=False)}"
    chart = charts.stacked_days(
        drawn, "attempts", "what", order, [tints[ranks[k]] for k in _OUTCOMES if _OUTCOMES[k] in order]
    )
    charts.draw(chart, title, "Attempts to sign in by day and outcome.")


def _burst(view: View, bursts: pl.DataFrame) -> None:
    if bursts.is_empty():
        charts.head(
            "No burst of refused sign-ins", f"No address was refused fifty times within ten minutes in {view.period}."
        )
        return
    labels = {
        i: f"{formats.instant(r['started_at'])} · {r['ip_address']} · {r['attempts']:,} attempts"
        for i, r in enumerate(bursts.iter_rows(named=True))
    }
    chosen = 0
    if len(labels) > 1:
        chosen = st.selectbox("Burst", list(labels), format_func=labels.__getitem__, key="burst", width=480)
    case = bursts.row(chosen, named=True)
    inside = access.let_in(view, case["ip_address"])
    took = formats.duration(case["ended_at"] - case["started_at"])
    opened = formats.plural(len(inside), "sign-in") if len(inside) else "nobody"
    title = f"{case['attempts']:,} attempts from {case['ip_address']} in {took}; {opened} got in"
    charts.head(
        title,
        f"Minute by minute on {formats.day(case['started_at'].date())}, UTC. {formats.plural(case['users'], 'account')} were tried"
        + (f" from {case['country_code']}." if case["country_code"] not in (None, "ZZ") else "."),
    )
    left, right = st.columns([3, 2], gap="large")
    colours = theme.current()
    with left:
        rows = access.burst_minutes(view, case["ip_address"], case["started_at"], case["ended_at"])
        order = ["everybody else", "burst, refused", "burst, let in"]
        tints = [colours.before, colours.categories[1], colours.movements["churn"]]
        charts.show(charts.minutes(rows, order, tints), f"Chart: {title}")
    with right:
        if inside.is_empty():
            st.markdown("**No account was opened from this address.** Keep the address blocked.")
        else:
            st.markdown("**Look at these accounts now**: they were opened from the burst's address.")
            for row in inside.head(5).iter_rows(named=True):
                factor = "with" if row["is_mfa"] else "**without**"
                who = formats.md(row["user_name"] or row["user_email"])
                st.markdown(f"- {who}, {formats.instant(row['login_at'])}, {factor} a second factor")
                if row["customer"]:
                    name = formats.md(row["customer_name"] or row["customer"])
                    view.go(
                        "customer_360", f"Open customer {name}", ":material/person_search:", customer=row["customer"]
                    )


def _tables(view: View, dormant: pl.DataFrame) -> None:
    charts.head("Deeper")

    def sleepers() -> None:
        if dormant.is_empty():
            states.no_rows("dormant accounts", view.period, "Everybody came by.")
        else:
            columns = [
                Column("user_name", "User"),
                Column("email", "E-mail"),
                Column("customer", "Customer", "customer"),
                Column("last_at", "Last sign-in", "instant"),
                Column("days", "Days ago", "count"),
                Column("is_mfa_enrolled", "Second factor", "flag"),
            ]
            table(dormant, columns, view, name="dormant-accounts", caption=f"no sign-in for {access.DORMANT_DAYS} days")

    def factors() -> None:
        columns = [
            Column("customer", "Customer", "customer"),
            Column("users", "Users who signed in", "count"),
            Column("mfa_users", "With second factor", "count"),
            Column("coverage", "Coverage", "ratio"),
        ]
        table(access.mfa_by_customer(view), columns, view, name="mfa-by-customer")

    def places() -> None:
        rows = access.new_countries(view)
        if rows.is_empty():
            states.no_rows("sign-ins from a new country", view.period, "Nobody came from somewhere new.")
        else:
            columns = [
                Column("user_name", "User"),
                Column("customer", "Customer", "customer"),
                Column("first_at", "Signed in", "instant"),
                Column("country_code", "New country"),
                Column("usual_country", "Usual country"),
                Column("sign_ins_before", "Sign-ins before", "count"),
                Column("ip_address", "Address"),
                Column("is_mfa", "Second factor", "flag"),
            ]
            table(rows, columns, view, name="new-countries")

    def changes() -> None:
        rows = access.changes(view)
        if rows.is_empty():
            states.no_rows("changes", view.period)
        else:
            columns = [
                Column("changed_at", "When", "instant"),
                Column("action_group", "Kind", "words"),
                Column("action", "Change", "words"),
                Column("actor", "By"),
                Column("target", "To"),
                Column("customer", "Customer", "customer"),
                Column("outcome", "Outcome", "words"),
            ]
            table(rows, columns, view, name="iam-changes", caption="changes of roles first")

    tabs.lazy(
        "access-tables",
        {
            "Dormant accounts": sleepers,
            "Without a second factor": factors,
            "New countries": places,
            "Changes of rights": changes,
        },
    )
