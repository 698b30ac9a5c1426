"""What exists is discovered; every contract is sound; dbt's declarations are those of the contracts, both ways."""

from __future__ import annotations

import json
import re
from pathlib import Path

import duckdb
import pytest

from nexus.contracts import META, Kind, Source
from nexus.errors import InputError, NotFoundError
from orchestration.sources import choose, discover, get
from warehouse import dbt_sources

SNAPSHOT = Path(__file__).with_name("relations.json")
SOURCES = list(discover().values())
TABLES = [table for source in SOURCES for table in source.tables]


def test_raw_relations() -> None:
    """Folders are the registry. A snapshot, so that a table that comes or goes is seen in review: to accept a change,
    delete relations.json, run again, commit."""
    found = {source.name: [table.name for table in source.tables] for source in SOURCES}
    if not SNAPSHOT.exists():
        SNAPSHOT.write_text(json.dumps(found, indent=1) + "\n")
        pytest.fail(f"{SNAPSHOT.name} was missing and has been written: look at it and commit it")
    assert found == json.loads(SNAPSHOT.read_text()), f"delete tests/orchestration/sources/{SNAPSHOT.name} to accept"
    assert list(discover()) == sorted(found)


def test_an_unknown_source_is_told_the_known_ones() -> None:
    with pytest.raises(NotFoundError, match=r"'strype'[\s\S]*" + ", ".join(discover())):
        get("strype")


def test_a_provider_takes_no_mapping() -> None:
    with pytest.raises(InputError, match="takes no mapping"):
        choose("stripe", [Path("x.json")], "online_retail")


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.relation)
def test_a_contract_is_sound(table: object) -> None:
    names = [c.name for c in table.columns]  # type: ignore[attr-defined]
    assert len(names) == len(set(names))
    assert not set(names) & {name for name, _ in META}
    assert table.id is None or table.id in names  # type: ignore[attr-defined]
    assert table.version is None or table.column(table.version).kind is Kind.timestamp  # type: ignore[attr-defined]
    assert table.event_at is None or table.column(table.event_at).kind in (Kind.timestamp, Kind.date)  # type: ignore[attr-defined]
    assert table.description.startswith("One row per")  # type: ignore[attr-defined]


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.relation)
def test_columns_say_kind_and_unit(table: object) -> None:
    for column in table.columns:  # type: ignore[attr-defined]
        assert re.fullmatch(r"[a-z][a-z0-9_]*", column.name), column.name
        if column.name.endswith("_at"):
            assert column.kind is Kind.timestamp, column.name
        if column.name.endswith("_date"):
            assert column.kind is Kind.date, column.name
        if column.name.endswith(("_minor", "_bytes", "_count")):
            assert column.kind is Kind.integer, column.name
        if column.name.startswith(("is_", "has_")):
            assert column.kind is Kind.boolean, column.name
        if column.kind is Kind.boolean:
            assert column.name.startswith(("is_", "has_")), column.name
        if column.kind is Kind.timestamp:
            assert column.name.endswith("_at"), column.name


@pytest.mark.parametrize("source", SOURCES, ids=lambda s: s.name)
def test_sql_of_a_source_runs_over_nothing(source: Source) -> None:
    """Every piece of SQL binds, whatever files a test may have forgotten."""
    with duckdb.connect() as engine:
        engine.execute("create table documents (_line bigint, _text varchar, doc json)")
        if source.unwrap:
            assert engine.sql(source.unwrap).columns == ["_line", "_text", "doc"]
        kind = source.kind or "null::varchar"
        engine.execute(f"create or replace table documents as select *, {kind} as _kind, '' as _file from documents")
        for table in source.tables:
            assert engine.sql(table.select).columns == ["_line", "_text", "doc"]


@pytest.mark.parametrize("source", SOURCES, ids=lambda s: s.name)
def test_dbt_declares_what_the_contract_promises(source: Source) -> None:
    path = dbt_sources.path_of(source)
    assert path.read_text() == dbt_sources.render(source), f"run `nexus declare`: {path} is not that of the contract"


def test_dbt_declares_no_source_without_a_contract() -> None:
    declared = {p.parent.name for p in dbt_sources.STAGING.glob("*/_*__sources.yml")}
    assert declared == set(discover())
