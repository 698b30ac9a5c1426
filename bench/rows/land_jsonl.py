"""Landing a JSONL file, contract-checked, beside DuckDB's own `read_json` → Parquet of the same file.

Belongs here: both sides and the comparison. Does not belong here: the events (bench/events.py).

Nexus does all that `nexus ingest` does: content hash, contract, merge by id, quarantine, Parquet, ledger. DuckDB is
told every column's type, so that it need not guess, and writes what the contract names and what it does not. Neither
imports pandas, as `nexus ingest` does not.
"""

from __future__ import annotations

import duckdb

from bench import events
from bench.row import Clock, Place, Row, memory_at_most, rate_at_least
from nexus.lean import lean
from warehouse.land import land
from warehouse.land.write import OPTIONS

_COLUMNS = {
    "id": "VARCHAR", "type": "VARCHAR", "occurred_at": "TIMESTAMP", "received_at": "BIGINT", "account_id": "VARCHAR",
    "session_id": "VARCHAR", "amount_minor": "BIGINT", "currency": "VARCHAR", "rate": "DECIMAL(38,9)",
    "attempt": "BIGINT", "is_test": "BOOLEAN", "context": "STRUCT(country VARCHAR, app VARCHAR)", "trace": "VARCHAR",
}  # fmt: skip


def _prepare(place: Place) -> None:
    events.write(place.folder / "events.jsonl", place.rows, place.seed)


def _nexus(place: Place, clock: Clock) -> int:
    settings = place.ready()
    with clock:
        report = land(events.SOURCE, [place.folder / "events.jsonl"], "bench", settings)
    (file,) = place.settings.lake.glob("raw/events/event/**/*.parquet")
    file.replace(place.folder / "nexus.parquet")
    return report.total.landed


def _duckdb(place: Place, clock: Clock) -> int:
    target = place.folder / "duckdb.parquet"
    with duckdb.connect() as engine, clock:
        engine.execute(
            f"""copy (select * exclude (received_at, context), make_timestamp(received_at * 1000) as received_at,
                          context.country as country, context.app as app
                      from read_json($1, format = 'newline_delimited', columns = {_COLUMNS}))
                to '{target}' ({OPTIONS})""",
            [str(place.folder / "events.jsonl")],
        )
    return place.rows


def _differences(place: Place) -> list[str]:
    """Values of every promised column, and of the fields that were not promised."""
    names = ", ".join(c.name for c in events.EVENT.columns)
    extra = "_extra->>'$.context.app' as app, _extra->>'$.trace' as trace"
    ours = f"select {names}, {extra} from read_parquet('{place.folder / 'nexus.parquet'}')"
    theirs = f"select {names}, app, trace from read_parquet('{place.folder / 'duckdb.parquet'}')"
    found = []
    with duckdb.connect() as engine:
        for this, that, what in ((ours, theirs, "only Nexus has"), (theirs, ours, "only DuckDB has")):
            count, example = engine.execute(
                f"select count(*), any_value(id) from ({this} except all {that})"
            ).fetchall()[0]
            if count:
                found.append(f"{what} {count:,} rows such as {example}")
    return found


ROW = Row(
    title="landing a JSONL file, contract-checked",
    sizes=(1_000_000, 10_000_000),
    sides={"nexus": lean(_nexus), "read_json": lean(_duckdb)},
    goals=(rate_at_least(0.7, of="read_json"), memory_at_most(300)),
    differences=_differences,
    prepare=_prepare,
)
