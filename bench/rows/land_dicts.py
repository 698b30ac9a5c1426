"""Landing records that are Python dicts, beside dlt's filesystem destination with Parquet files.

Belongs here: both sides and the comparison. Does not belong here: the events (bench/events.py).

Both get an iterator over dicts that lie in memory before the clock starts. dlt is told the types, uses both cores to
normalise, writes no state but the pipeline's own, and sends nothing anywhere.
"""

from __future__ import annotations

import os
from typing import Any

import duckdb

from bench import events
from bench.row import Clock, Place, Row, rate_at_least
from warehouse.land import land_records

#: As fast as dlt gets here: many rows a buffer, files small enough to be normalised by two processes.
_TUNED = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    "DATA_WRITER__BUFFER_MAX_ITEMS": "100000",
    "EXTRACT__DATA_WRITER__FILE_MAX_ITEMS": "125000",
    "NORMALIZE__WORKERS": "2",
    "NORMALIZE__PARSE_BIG_INT": "false",
    "LOAD__WORKERS": "4",
}
_TYPES = {
    "id": "text", "type": "text", "occurred_at": "timestamp", "received_at": "bigint", "account_id": "text",
    "session_id": "text", "amount_minor": "bigint", "currency": "text", "rate": "double", "attempt": "bigint",
    "is_test": "bool", "context__country": "text", "context__app": "text", "trace": "text",
}  # fmt: skip


def _nexus(place: Place, clock: Clock) -> int:
    settings, records = place.ready(), list(events.records(place.rows, place.seed))
    with clock:
        report = land_records(events.SOURCE, iter(records), "bench", settings)
    (file,) = place.settings.lake.glob("raw/events/event/**/*.parquet")
    file.replace(place.folder / "nexus.parquet")
    return report.total.landed


def _dlt(place: Place, clock: Clock) -> int:
    os.environ.update(_TUNED)
    import dlt
    import pyarrow.parquet  # noqa: F401 (what dlt would import at its first use)
    from dlt.destinations import filesystem

    records = list(events.records(place.rows, place.seed))
    target = place.folder / "dlt"
    pipeline = dlt.pipeline(
        "bench", pipelines_dir=str(place.settings.home / "dlt"), destination=filesystem(bucket_url=target.as_uri()),
        dataset_name="lake", dev_mode=False,
    )  # fmt: skip
    columns: dict[str, Any] = {name: {"data_type": kind} for name, kind in _TYPES.items()}
    with clock:
        event = dlt.resource(iter(records), name="event", columns=columns, write_disposition="replace")
        pipeline.run(event, loader_file_format="parquet")
    return place.rows


def _differences(place: Place) -> list[str]:
    """Values of every promised column; dlt keeps the decimal as a double and the epoch as a number."""
    names = [c.name for c in events.EVENT.columns]
    ours = ", ".join("cast(rate as double) as rate" if n == "rate" else n for n in names)
    told = {
        "occurred_at": "cast(occurred_at as timestamp)", "received_at": "make_timestamp(received_at * 1000)",
        "country": "context__country",
    }  # fmt: skip
    theirs = ", ".join(f"{told[n]} as {n}" if n in told else n for n in names)
    this = f"select {ours} from read_parquet('{place.folder / 'nexus.parquet'}')"
    that = f"select {theirs} from read_parquet('{place.folder / 'dlt' / 'lake' / 'event' / '*.parquet'}')"
    found = []
    with duckdb.connect() as engine:
        engine.execute("set timezone = 'UTC'")
        for one, other, what in ((this, that, "only Nexus has"), (that, this, "only dlt has")):
            query = f"select count(*), any_value(id) from ({one} except all {other})"
            count, example = engine.execute(query).fetchall()[0]
            if count:
                found.append(f"{what} {count:,} rows such as {example}")
    return found


ROW = Row(
    title="landing Python dicts, contract-checked",
    sizes=(1_000_000,),
    sides={"nexus": _nexus, "dlt": _dlt},
    goals=(rate_at_least(8, of="dlt"),),
    differences=_differences,
)
