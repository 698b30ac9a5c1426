"""The read door: what can be asked through it, and what nobody can do through it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from nexus.errors import InputError
from nexus.settings import Settings
from tests.warehouse.conftest import SHOP, Write
from tests.warehouse.test_publish import published
from warehouse import commands, marts
from warehouse.land import land
from warehouse.marts import Reader


@pytest.fixture
def reader(settings: Settings) -> Reader:
    published(settings, 5)
    return Reader(settings)


@pytest.mark.parametrize(
    "sql",
    [
        "select n from marts.fct_number limit 1",
        "from nexus.marts.fct_number limit 1",
        "with x as (select 1 as n) select * from x",
        "describe marts.fct_number",
        "show all tables",
        "explain select 1",
        "select n from marts.fct_number where t = $1 limit 1",
    ],
)
def test_reading_is_allowed(reader: Reader, sql: str) -> None:
    assert len(reader.query(sql, ["a"] if "$1" in sql else None)) >= 1


@pytest.mark.parametrize(
    "sql",
    [
        "create table marts.x as select 1",
        "create temp table x as select 1",
        "create table memory.x as select 1",
        "delete from marts.fct_number",
        "insert into marts.fct_number from marts.fct_number",
        "update marts.fct_number set n = 0",
        "drop table marts.fct_number",
        "select 1; select 2",
        "select 1; drop table marts.fct_number",
        "",
        "copy marts.fct_number to '{file}'",
        "copy (select 1) to '{file}'",
        "export database '{file}'",
        "attach '{file}' as x",
        "detach nexus",
        "use memory",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "reset lock_configuration",
        "pragma enable_external_access = true",
        "call duckdb_extensions()",
        "prepare x as select 1",
        "checkpoint",
        "begin",
        "select * from read_text('/etc/hostname')",
        "select * from read_csv('/etc/hostname')",
        "select * from read_blob('/etc/hostname')",
        "select * from '/etc/hostname'",
        "select * from 'https://example.com/x.parquet'",
        "select * from glob('/*')",
        "select * from duckdb_secrets()",
        "select * from secret_frame",
        "select getenv('HOME')",
        "select * from query('copy (select 1) to ''{file}''')",
        "explain analyze create table marts.x as select 1",
        "explain analyze copy (select 1) to '{file}'",
    ],
)
def test_everything_else_is_refused(reader: Reader, sql: str, tmp_path: Path) -> None:
    import polars as pl

    secret_frame = pl.DataFrame({"x": [1]})
    assert len(secret_frame) == 1
    target = tmp_path / "out"
    with pytest.raises(InputError):
        reader.query(sql.format(file=target))
    assert not target.exists()
    assert reader.query("select count(*) as n, min(n) as m from marts.fct_number").row(0) == (1000, 5)


def test_a_mistake_is_told_in_words(reader: Reader) -> None:
    with pytest.raises(InputError, match="fct_numbr does not exist") as error:
        reader.query("select * from marts.fct_numbr")
    assert error.value.remedy == 'see what there is: nexus sql "show all tables"'
    with pytest.raises(InputError, match="syntax error"):
        reader.query("selec 1")


@pytest.fixture
def app(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    monkeypatch.setattr("nexus.settings.get_settings", lambda: settings)
    monkeypatch.setattr(marts, "get_settings", lambda: settings)
    application = typer.Typer()
    commands.register(application)
    return application


def test_commands_of_reading(app: typer.Typer, settings: Settings) -> None:
    run = CliRunner().invoke
    assert "nothing is published yet" in run(app, ["versions"]).output
    published(settings, 5)
    published(settings, 6)
    query = "select max(n) as n, date '2026-01-31' as d, null as e from marts.fct_number"
    assert json.loads(run(app, ["sql", query, "--json"]).output) == {"n": 6, "d": "2026-01-31", "e": None}
    assert run(app, ["sql", query, "--csv", "--as-of", "1"]).output == "n,d,e\n5,2026-01-31,\n"
    assert "2026-01-31" in run(app, ["sql", query]).output
    assert run(app, ["sql", "-", "--csv"], input="select 1 as one").output == "one\n1\n"
    listed = [json.loads(line) for line in run(app, ["versions", "--json"]).output.splitlines()]
    assert [(v["version"], v["status"]) for v in listed] == [(2, "current"), (1, "published")]


def test_commands_of_quarantine(app: typer.Typer, settings: Settings, write: Write) -> None:
    run = CliRunner().invoke
    assert run(app, ["quarantine", "list"]).output == "quarantine is empty\n"
    land(SHOP, [write("a.jsonl", "[nonsense]", "more")], "demo", settings)
    assert "not JSON" in run(app, ["quarantine", "list"]).output
    entry = json.loads(run(app, ["quarantine", "list", "--json"]).output.splitlines()[0])
    assert "[nonsense]" in run(app, ["quarantine", "show", entry["quarantine_id"]]).output
