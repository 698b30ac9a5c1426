"""The first start: workspaces of settings and connections, one owner whose password is told once and must be changed."""

from __future__ import annotations

import re
import threading
from typing import Any

import psycopg

from api.organisations import first_start
from nexus import postgres
from nexus.db import LOCAL_ORGANISATION
from nexus.db.migrate import migrate
from nexus.settings import Settings


def rows(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(postgres.dsn(settings)) as connection:
        return connection.execute(query.encode()).fetchall()


def test_one_owner_and_every_workspace_however_often_and_by_how_many(settings: Settings) -> None:
    migrate(settings)
    (settings.home / "connections").mkdir(parents=True)
    (settings.home / "connections" / "acme.yml").write_text("")
    told: list[list[str]] = []
    threads = [threading.Thread(target=lambda: told.append(first_start.run(settings))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (line,) = [line for lines in told for line in lines]
    found = re.search(r"/signin as owner@localhost with the password (\S{20})", line)
    assert found
    assert first_start.run(settings) == []
    assert rows(settings, "select id, organisation_id from app.workspace order by id") == [
        ("acme", LOCAL_ORGANISATION), ("demo", LOCAL_ORGANISATION),
    ]  # fmt: skip
    assert rows(settings, "select email, must_change_password from app.identity_user") == [("owner@localhost", True)]
    assert rows(settings, "select role, scope from app.organisations_assignment") == [("owner", "*")]
    assert rows(settings, "select is_break_glass from app.organisations_member") == [(True,)]
    dump = str(rows(settings, "select u::text, e::text from app.identity_user u, app.events e"))
    assert found[1] not in dump
    types = [row[0] for row in rows(settings, "select type from app.events order by position")]
    assert sorted(types) == [
        "identity.user.created", "organisations.member.created",
        "organisations.workspace.created", "organisations.workspace.created",
    ]  # fmt: skip
