"""Contracts and dbt say the same of every raw table, and staging reads every one of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from nexus.contracts import LOAD_SEQUENCE, META
from orchestration.sources import discover
from warehouse.dbt_sources import STAGING, path_of, render, write


@pytest.mark.parametrize("name", discover())
def test_the_declaration_is_what_the_contract_says(name: str) -> None:
    source = discover()[name]
    assert path_of(source).read_text() == render(source), "run: nexus declare"


def test_no_declaration_outlives_its_source() -> None:
    declared = {path.parent.name for path in STAGING.rglob("_*__sources.yml")}
    assert declared == set(discover())


@pytest.mark.parametrize("name", discover())
def test_every_raw_table_has_its_staging_view(name: str) -> None:
    views = {path.stem for path in (STAGING / name).glob("stg_*.sql")}
    assert views == {table.relation.replace("raw_", "stg_", 1) for table in discover()[name].tables}


def test_every_column_is_declared_and_no_other() -> None:
    source = discover()["stripe"]
    text = render(source)
    for table in source.tables:
        for column in [c.name for c in table.columns] + [n for n, _ in META] + [LOAD_SEQUENCE]:
            assert f"- name: {column}\n" in text


def test_writing_twice_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warehouse.dbt_sources.STAGING", tmp_path)
    sources = list(discover().values())
    assert len(write(sources)) == len(sources)
    assert write(sources) == []
