"""Connections to providers as people see them: last success, how far behind, what came, what went wrong.

Belongs here: the table and its sentence. Does not belong here: options and secrets (`nexus sources` shows the former).
"""

from __future__ import annotations

import polars as pl
import psycopg
import streamlit as st

from apps.streamlit.components import data, formats, passport, states
from apps.streamlit.components.page import View
from apps.streamlit.components.tables import Column, table
from nexus.errors import NexusError
from warehouse import marts


@st.cache_data(ttl=20, max_entries=16, show_spinner=False)
def _read(workspace: str, home: str) -> pl.DataFrame:
    """Pulls go on without a publish, so the ledger is asked again after twenty seconds."""
    return marts.connections(data.settings(), workspace)


def show(view: View) -> None:
    """The table of one workspace, failed streams first."""
    try:
        rows = _read(view.workspace, str(data.settings().home))
    except (NexusError, psycopg.Error, OSError) as error:
        states.failed(error)
        return
    if rows.is_empty():
        states.empty(
            "No connection is configured",
            f"Write connections/{view.workspace}.yml in the home of Nexus; exports can be landed without one.",
            command="nexus sources",
        )
        return
    failed = rows.filter(pl.col("error").is_not_null())
    streams = formats.plural(len(rows), "stream")
    if len(failed):
        first = failed.row(0, named=True)
        st.markdown(
            f"**{len(failed)} of {streams}** failed; {formats.md(first['connection'])} first: "
            + formats.md(f"{first['error']} → {first['remedy'] or ''}")
        )
    else:
        st.markdown(f"**{streams}**, none of which failed at its last pull.")
    shown = rows.with_columns(
        pl.col("caught_up_at").map_elements(lambda at: formats.ago(at, passport.now()), pl.String).alias("behind"),
        pl.col("status").map_elements(formats.words, pl.String),
    ).sort(pl.col("error").is_null(), "connection", "stream", nulls_last=True)
    columns = [
        Column("connection", "Connection"),
        Column("source", "Source"),
        Column("stream", "Stream"),
        Column("status", "Last pull"),
        Column("last_success_at", "Last success", "instant"),
        Column("behind", "Read to its end"),
        Column("landed_total", "Landed in all", "count"),
        Column("landed", "Landed last", "count"),
        Column("duplicate", "Duplicates", "count"),
        Column("quarantined", "Quarantined", "count"),
        Column("error", "Error"),
        Column("remedy", "What to do"),
    ]
    table(shown, columns, view, name="connections")
