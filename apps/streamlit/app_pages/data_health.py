"""Data health: can I trust the numbers?"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import polars as pl
import psycopg
import streamlit as st

from apps.streamlit.components import charts, connections, data, formats, kpi, passport, states, tabs, theme
from apps.streamlit.components.page import Page, View
from apps.streamlit.components.tables import Column, table
from apps.streamlit.reads import health
from nexus.errors import NexusError
from warehouse import marts
from warehouse.versions import Version

PAGE = Page("Data health", "Can I trust the numbers?", ":material/health_metrics:", 80, filters=("period",))
#: A source whose newest record is older than this, beside the newest of all, is called late.
LATE_AFTER = timedelta(days=2)


@st.cache_data(ttl=20, max_entries=16, show_spinner=False)
def _ledger(workspace: str, version: int, home: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Landings and quarantine: these change without a publish, so they are asked again after twenty seconds."""
    return marts.landings(data.settings(), workspace), marts.quarantined(data.settings(), workspace)


def render(view: View) -> None:
    trust, sources = passport.issue(view.version), health.sources(view)
    home = str(data.settings().home)
    landings: pl.DataFrame | None = None
    quarantined: pl.DataFrame | None = None
    versions: list[Version] = []
    try:
        landings, quarantined = _ledger(view.workspace, view.version, home)
        versions = data.all_versions(view.version, home)
    except (NexusError, psycopg.Error, OSError) as error:
        states.failed(error)
    kpi.row(view, [_fresh(view), _gates(trust), _quarantine(quarantined), _published(trust), _late(view, sources)])
    with states.guarded():
        _volume(view, sources)
    tabs.lazy(
        "health-tables",
        {
            "Gates": partial(_gate_table, view, versions),
            "Freshness by source": partial(_source_table, view, sources),
            "Connections": partial(connections.show, view),
            "Quarantine": partial(_quarantine_table, view, quarantined),
            "Versions": partial(_version_table, view, versions),
            "Landings": partial(_landing_table, view, landings),
        },
    )
    settings = data.settings()
    st.caption(
        f"Lineage from source to mart: [the asset graph](http://{settings.inner_host}:{settings.dagster_port}/asset-groups), "
        "or `nexus docs` for a page without a server."
    )


def _fresh(view: View) -> kpi.Plain:
    return kpi.Plain(
        "Data as of",
        formats.day(view.clock.as_of.date()),
        "Time of the newest fact of this workspace in the published version. An export from a while ago stays that old.",
        note=f"{view.clock.as_of:%H:%M} UTC · {formats.ago(view.clock.as_of, passport.now())}",
    )


def _gates(trust: passport.Passport) -> kpi.Plain:
    value = f"{trust.passed} of {trust.gates}" if trust.gates else formats.DASH
    return kpi.Plain(
        "Gates passed",
        value,
        "Checks that the published version had to pass: contracts of raw tables, volumes, business rules. One refusal "
        "leaves the version before it serving.",
        note="for the version shown" if trust.gates else "none recorded",
        alarm=trust.passed < trust.gates,
    )


def _quarantine(rows: pl.DataFrame | None) -> kpi.Plain:
    value = formats.DASH if rows is None else formats.count(len(rows))
    note = (
        "the ledger does not answer"
        if rows is None
        else "nothing was turned away"
        if rows.is_empty()
        else "waiting for a replay"
    )
    return kpi.Plain(
        "Quarantined",
        value,
        "Records that broke their contract: kept with reason and raw text, and counted nowhere until replayed.",
        note=note,
        alarm=bool(rows is not None and len(rows)),
    )


def _published(trust: passport.Passport) -> kpi.Plain:
    return kpi.Plain(
        "Last publish",
        formats.ago(trust.published_at, passport.now()) if trust.published_at else formats.DASH,
        "When the version shown became the one that readers see.",
        note=f"v{trust.version} · {formats.instant(trust.published_at)}" if trust.published_at else f"v{trust.version}",
        alarm=trust.stale(passport.now()),
    )


def _late(view: View, sources: pl.DataFrame) -> kpi.Plain:
    late = sources.filter(pl.col("newest_at") < view.clock.as_of - LATE_AFTER)
    worst = late.row(0, named=True) if len(late) else None
    return kpi.Plain(
        "Sources behind",
        f"{len(late)} of {len(sources)}",
        f"Sources whose newest record is more than {formats.duration(LATE_AFTER)} older than the newest of the workspace. "
        "Rare facts can be old without being late.",
        note=f"{source_name(worst['source'])}: {formats.ago(worst['newest_at'], view.clock.as_of)}"
        if worst
        else "all as new as the rest",
        alarm=len(late) > 0,
    )


def source_name(source: str) -> str:
    """`s3 · file events` → `S3 · file events`."""
    provider, _, what = source.partition(" · ")
    return f"{formats.words(provider)} · {what}"


def _volume(view: View, sources: pl.DataFrame) -> None:
    if sources.is_empty():
        states.no_rows("facts", view.period)
        return
    names = {name: source_name(name) for name in sources.sort("facts", descending=True)["source"]}
    head = st.container()
    chosen = st.selectbox(
        "Source",
        list(names),
        format_func=names.__getitem__,
        key="volume-source",
        label_visibility="collapsed",
        width=320,
    )
    rows = health.volume(view, chosen)
    if rows.is_empty():
        states.no_rows(chosen, view.period)
        return
    unusual = rows.filter(pl.col("unusual").fill_null(False))
    banded = rows.drop_nulls("low")
    title = f"{names[chosen]}: every day lies in the expected band"
    if banded.is_empty():
        title = f"{names[chosen]}: too little history for an expectation"
    elif len(unusual):
        worst = unusual.sort("facts", descending=True).row(0, named=True)
        number, day = formats.plural(len(unusual), "day"), formats.day(worst["day"], year=False)
        title = f"{names[chosen]}: {number} outside the expected band, most on {day} ({worst['facts']:,})"
    with head:
        charts.head(
            title,
            "Records by day; the band is what the same weekday had in the eight weeks before (median ± 3 robust deviations).",
        )
    drawn = rows.with_columns(
        pl.col("unusual").fill_null(False), pl.col("facts").map_elements(lambda n: f"{n:,}", pl.String).alias("text")
    )
    chart = charts.days(
        drawn, "facts", theme.current(), marked="unusual", label="Records", band=("low", "high"), text="text"
    )
    charts.show(chart, f"Chart: {title}")


def gate_rows(gates: list[dict[str, Any]]) -> pl.DataFrame:
    """Gates of a version, failed ones first; either form of the record."""
    rows = [
        {
            "passed": "Passed" if gate.get("passed") else "Refused",
            "gate": formats.words(str(gate.get("gate") or gate.get("name") or "")),
            "relation": str(gate.get("relation") or ""),
            "detail": str(gate.get("detail") or gate.get("observed") or ""),
            "rank": bool(gate.get("passed")),
        }
        for gate in gates
    ]
    schema = {"passed": pl.String, "gate": pl.String, "relation": pl.String, "detail": pl.String, "rank": pl.Boolean}
    return pl.DataFrame(rows, schema=schema).sort("rank", "relation", "gate")


def _gate_table(view: View, versions: list[Version]) -> None:
    judged = [v for v in versions if v.gates]
    if not judged:
        states.empty(
            "No gates are recorded",
            "Versions that `nexus build` publishes carry the result of every gate.",
            command="nexus build",
        )
        return
    labels = {
        v.version: f"v{v.version} · {formats.words(v.status)}" + (" · shown now" if v.version == view.version else "")
        for v in judged
    }
    numbers = list(labels)
    start = numbers.index(view.version) if view.version in numbers else 0
    chosen = st.selectbox(
        "Version",
        numbers,
        index=start,
        format_func=labels.__getitem__,
        key="gate-version",
        width=320,
        label_visibility="collapsed",
    )
    rows = gate_rows(next(v for v in judged if v.version == chosen).gates)
    table(
        rows,
        [
            Column("passed", "Result"),
            Column("gate", "Gate"),
            Column("relation", "Relation"),
            Column("detail", "What was seen"),
        ],
        view,
        name="gates",
    )


def _source_table(view: View, sources: pl.DataFrame) -> None:
    rows = sources.with_columns(
        pl.col("source").map_elements(source_name, pl.String),
        pl.col("newest_at")
        .map_elements(lambda at: formats.ago(at, view.clock.as_of + timedelta(seconds=1)), pl.String)
        .alias("age"),
    )
    columns = [
        Column("source", "Source"),
        Column("newest_at", "Newest record", "instant"),
        Column("age", "Behind the newest of all"),
        Column("week", "Last 7 days", "count"),
        Column("facts", "All records", "count"),
        Column("oldest_at", "Since", "instant"),
    ]
    table(rows, columns, view, name="sources")


def _quarantine_table(view: View, rows: pl.DataFrame | None) -> None:
    if rows is None:
        return
    if rows.is_empty():
        st.success("No record of this workspace is in quarantine.", icon=":material/check_circle:")
        return
    reasons = (
        rows.group_by("source", "table_name", pl.col("reason").str.replace_all(r'"[^"]*"', "…"))
        .len("records")
        .sort("records", descending=True)
    )
    top = reasons.row(0, named=True)
    st.markdown(
        f"**{formats.plural(len(rows), 'record')}** wait; most ({top['records']:,}) in "
        + formats.md(f"{top['source']} {top['table_name']}: {top['reason']}")
    )
    columns = [
        Column("source", "Source"),
        Column("table_name", "Table"),
        Column("reason", "Reason"),
        Column("source_file", "File"),
        Column("source_line", "Line", "count"),
        Column("raw_text", "Raw text"),
        Column("quarantined_at", "Since", "instant"),
        Column("quarantine_id", "Id"),
    ]
    table(rows, columns, view, name="quarantine")
    st.caption("After correcting the contract or the export, try them again:")
    st.code(f"nexus quarantine replay {top['source']} --workspace {view.workspace}", language=None)


def _version_table(view: View, versions: list[Version]) -> None:
    if not versions:
        return
    rows = pl.DataFrame(
        [
            {
                "name": f"v{v.version}",
                "status": "Current" if v.is_current else formats.words(v.status),
                "published_at": v.published_at,
                "bytes": v.bytes,
                "gates": f"{sum(bool(g.get('passed')) for g in v.gates)} of {len(v.gates)}"
                if v.gates
                else formats.DASH,
                "reason": (v.reason or "")[:300],
            }
            for v in versions
        ],
        schema={
            "name": pl.String,
            "status": pl.String,
            "published_at": pl.Datetime("us"),
            "bytes": pl.Int64,
            "gates": pl.String,
            "reason": pl.String,
        },
    )
    columns = [
        Column("name", "Version"),
        Column("status", "Status"),
        Column("published_at", "Published", "instant"),
        Column("bytes", "Size", "size"),
        Column("gates", "Gates passed"),
        Column("reason", "Why it was refused"),
    ]
    table(rows, columns, view, name="versions")
    readable = [v.version for v in versions if v.status == "published" and v.path.exists() and v.version < view.version]
    if not readable:
        return
    before = st.selectbox(
        "Compare the version shown with", readable, format_func=lambda n: f"v{n}", key="compare-version", width=320
    )
    now, then = data.read(health.ROWS_BY_RELATION, view.version), data.read(health.ROWS_BY_RELATION, before)
    both = now.join(then, on="relation", how="full", coalesce=True, suffix="_before").fill_null(0)
    both = both.with_columns((pl.col("rows") - pl.col("rows_before")).alias("change")).sort(
        pl.col("change").abs(), descending=True
    )
    changed = both.filter(pl.col("change") != 0)
    st.markdown(
        f"**{formats.plural(len(changed), 'relation')}** of {len(both)} changed their number of rows from v{before} to v{view.version}."
    )
    columns = [
        Column("relation", "Relation"),
        Column("rows_before", f"Rows in v{before}", "count"),
        Column("rows", f"Rows in v{view.version}", "count"),
        Column("change", "Change", "count"),
    ]
    table(both, columns, view, name="row-counts")


def _landing_table(view: View, rows: pl.DataFrame | None) -> None:
    if rows is None:
        return
    if rows.is_empty():
        states.empty(
            "Nothing was landed in this workspace", "Bring in the first export.", command="nexus ingest stripe <folder>"
        )
        return
    columns = [
        Column("started_at", "Started", "instant"),
        Column("source", "Source"),
        Column("status", "Status", "words"),
        Column("read_count", "Read", "count"),
        Column("landed_count", "Landed", "count"),
        Column("duplicate_count", "Duplicates", "count"),
        Column("quarantined_count", "Quarantined", "count"),
        Column("reason", "Reason"),
        Column("batch_id", "Batch"),
    ]
    table(rows, columns, view, name="landings")
