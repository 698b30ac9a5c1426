"""What Data health asks: volume by source and day against what was to be expected, rows by version, ages by source."""

from __future__ import annotations

import polars as pl

from apps.streamlit.components.page import View

#: Facts that carry a provider and a time, and the word for them.
_FACTS = {
    "marts.fct_payment": ("payment_date", "paid_at", "payments"),
    "marts.fct_invoice": ("issued_date", "issued_at", "invoices"),
    "marts.fct_email_event": ("event_date", "event_at", "e-mail events"),
    "marts.fct_login": ("login_date", "login_at", "sign-ins"),
    "marts.fct_iam_change": ("change_date", "changed_at", "account changes"),
    "marts.fct_file_event": ("event_date", "event_at", "file events"),
}


def _union(columns: str) -> str:
    """All facts as `source` and `columns`, in which {day} and {at} stand for the columns of each."""
    return " union all ".join(
        f"select provider || ' · {word}' as source, {columns.format(day=day, at=at)} from {relation} where workspace_id = $workspace"
        for relation, (day, at, word) in _FACTS.items()
    )


def sources(view: View) -> pl.DataFrame:
    """Each provider and kind of fact: newest record, rows, rows in the last complete week."""
    return view.read(
        f"""
        select source, max(seen_at) as newest_at, count(*) as facts, min(seen_at) as oldest_at,
               count(*) filter (where day > $as_of::date - 7 and day <= $as_of) as week
        from ({_union("{day} as day, {at} as seen_at")}) where seen_at is not null
        group by source order by newest_at, source
        """
    )


def volume(view: View, source: str) -> pl.DataFrame:
    """Rows by day of one source, and the band of eight weeks before: median ± 3 × 1.4826 × MAD of the same weekday."""
    return view.read(
        f"""
        with counted as (
            select day, count(*) as facts from ({_union("{day} as day")}) where source = $source
                and day between $start::date - 70 and $end group by day
        ),
        known as (select min(day) as first_day from counted),
        filled as (
            select cast(d as date) as day, coalesce(facts, 0) as facts
            from generate_series((select greatest(first_day, $start::date - 70) from known)::timestamp, $end::timestamp, interval 1 day) as s(d)
            left join counted on counted.day = cast(d as date)
        ),
        based as (
            select *, median(facts) over past as middle,
                   greatest(mad(facts) over past, 0.05 * median(facts) over past, 1) as deviation, count(*) over past as weeks
            from filled
            window past as (partition by dayofweek(day) order by day rows between 8 preceding and 1 preceding)
        )
        select day, facts,
               case when weeks >= 4 then greatest(0, middle - 3 * 1.4826 * deviation) end as low,
               case when weeks >= 4 then middle + 3 * 1.4826 * deviation end as high,
               weeks >= 4 and (facts < middle - 3 * 1.4826 * deviation or facts > middle + 3 * 1.4826 * deviation) as unusual
        from based where day between $start and $end order by day
        """,
        source=source,
    )


ROWS_BY_RELATION = """
    select schema_name || '.' || table_name as relation, estimated_size as rows
    from duckdb_tables() where database_name = 'nexus' order by 1
"""
