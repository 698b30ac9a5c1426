"""What surrounds every page: header, filters, written states, errors.

Belongs here: the order of a page's parts. Does not belong here: any figure.
"""

from __future__ import annotations

from types import ModuleType

import duckdb
import streamlit as st

from apps.streamlit.components import data, filters, formats, passport, states
from apps.streamlit.components.page import Clock, Page, View
from apps.streamlit.components.visitor import Visitor
from nexus.errors import NexusError, NotFoundError


def show(module: ModuleType, who: Visitor) -> None:
    """Draws one page for the address as it is now, of a workspace in which `who` may see it."""
    page: Page = module.PAGE
    try:
        version = data.version()
    except NotFoundError:
        st.title(page.title, anchor=False)
        st.caption(page.question)
        states.nothing_published(str(data.settings().home))
        return
    except (NexusError, duckdb.Error, OSError) as error:
        st.title(page.title, anchor=False)
        states.failed(error)
        return
    trust = passport.issue(version)
    with_data = workspaces(version)
    clocks = {name: clock for name, clock in with_data.items() if who.may(page.needs, name)}
    head, choices = st.container(), st.container(horizontal=True, gap="small", key="filters")
    with choices:
        view = choose(page, version, clocks) if clocks else None
    with head:
        passport.header(page, view.clock if view else None, trust)
    passport.warnings(trust)
    for text in filters.take_notes():
        st.warning(text, icon=":material/link_off:")
    if view is None:
        states.no_workspace(hidden=bool(with_data))
        return
    if "period" in page.filters:
        compared = f"compared with {formats.span(*view.before)}" if view.before else "nothing before it to compare with"
        st.caption(f"{view.period} · {compared} · days are UTC")
    try:
        module.render(view)
    except (NexusError, duckdb.Error) as error:
        states.failed(error)


def workspaces(version: int) -> dict[str, Clock]:
    """Every workspace with data, and from when to when it has them."""
    rows = data.read(
        "select workspace_id, coalesce(first_event_at, as_of_at) as first_event_at, as_of_at from marts.dim_workspace "
        "where as_of_at is not null order by 1",
        version,
    )
    return {
        row["workspace_id"]: Clock(
            row["first_event_at"].date(), row["as_of_at"], filters.last_complete_day(row["as_of_at"])
        )
        for row in rows.iter_rows(named=True)
    }


def currencies(version: int, workspace: str) -> dict[str, int]:
    """Currencies by the number of customers that pay in them: amounts of different ones cannot be ranked."""
    rows = data.read(
        """
        select currency, max(paying) as paying from (
            select currency, arg_max(customers_closing, month_date) as paying
            from marts.fct_mrr_month where workspace_id = $workspace group by currency
            union all
            select currency, 0 from marts.fct_payment where workspace_id = $workspace group by currency
            union all
            select currency, 0 from marts.fct_invoice where workspace_id = $workspace group by currency
        ) where currency is not null
        group by currency order by paying desc, currency
        """,
        version,
        workspace=workspace,
    )
    return {row["currency"]: int(row["paying"] or 0) for row in rows.iter_rows(named=True)}


def choose(page: Page, version: int, clocks: dict[str, Clock]) -> View:
    """The view that the address names, with its widgets."""
    preferred = data.settings().workspace
    names = sorted(clocks, key=lambda name: (name != preferred, name))
    workspace = filters.choose("workspace", "Workspace", names, {})
    clock = clocks[workspace]
    drawn = "period" in page.filters
    chosen = filters.choose_period(clock) if drawn else filters.period(filters.remembered("period"), clock)
    known = currencies(version, workspace)
    currency = next(iter(known), None)
    if known and "currency" in page.filters:
        labels = {
            code: f"{code.upper()} · {paying:,} paying" if paying else code.upper() for code, paying in known.items()
        }
        currency = filters.choose("currency", "Currency", list(known), labels)
    elif (asked := filters.remembered("currency")) in known:
        currency = asked
    return View(
        workspace=workspace,
        start=chosen.start,
        end=chosen.end,
        before=filters.comparison(chosen.start, chosen.end, clock),
        currency=currency,
        currencies=tuple(known),
        version=version,
        clock=clock,
    )
