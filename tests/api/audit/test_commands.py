"""`nexus audit …` as somebody types it, on a log to which other commands have added."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import psycopg
import pytest
from typer.testing import CliRunner

from nexus import cli, postgres
from nexus.db import LOCAL_ORGANISATION
from nexus.errors import GateError, InputError
from nexus.settings import Settings, get_settings

runner = CliRunner()


@pytest.fixture
def typed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    assert settings.database_url
    monkeypatch.setenv("NEXUS_HOME", str(settings.home))
    monkeypatch.setenv("NEXUS_DATABASE_URL", settings.database_url.get_secret_value())
    get_settings.cache_clear()
    yield settings
    get_settings.cache_clear()


def run(*arguments: str) -> str:
    done = runner.invoke(cli.build(), arguments)
    if done.exception is not None:
        raise done.exception
    return done.output


def test_commands_are_acts_and_the_chain_is_followed(typed: Settings) -> None:
    assert "no organisation has an entry yet" in run("audit", "verify")
    run("users", "add", "ada@people.example", "--name", "Ada Example")
    run("users", "deactivate", "ada@people.example")
    run("users", "list")
    entries = [json.loads(line) for line in run("audit", "export", LOCAL_ORGANISATION).splitlines()]
    assert [(e["number"], e["actor_kind"], e["action"]) for e in entries] == [
        (1, "local", "identity: add"), (2, "local", "identity: deactivate")
    ]  # fmt: skip
    assert "ada@people.example" not in str(entries)
    assert [e["type"] for e in entries[1]["events"]] == ["identity.user.deactivated"]
    told = run("audit", "verify")
    head = re.search(r"head (2:[0-9a-f]{64})", told)
    assert head, told
    assert "2 entries" in run("audit", "verify", "--organisation", LOCAL_ORGANISATION, "--head", head[1])
    with pytest.raises(InputError, match="of one organisation"):
        run("audit", "verify", "--head", head[1])
    with pytest.raises(GateError, match="not the one whose hash you kept"):
        run("audit", "verify", "--organisation", LOCAL_ORGANISATION, "--head", f"1:{head[1][2:]}")
    with psycopg.connect(postgres.dsn(typed), autocommit=True) as connection:
        connection.execute("alter table app.audit_entry disable trigger append_only")
        connection.execute("delete from app.audit_entry where number = 2")
    # the end cut off breaks no chain: the head that was kept shows it
    assert "1 entries" in run("audit", "verify")
    with pytest.raises(GateError, match="ends at entry 1, before 2"):
        run("audit", "verify", "--organisation", LOCAL_ORGANISATION, "--head", head[1])
    with psycopg.connect(postgres.dsn(typed), autocommit=True) as connection:
        connection.execute("update app.audit_entry set actor_id = 'usr_else'")
    with pytest.raises(GateError, match="broken at entry 1"):
        run("audit", "verify")
