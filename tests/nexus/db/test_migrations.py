"""Migrations: from nothing, from every earlier revision, back again, all at once, and equal to the models."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from nexus import operations, postgres, slices
from nexus.db import roles
from nexus.db.migrate import CONTEXT, _owned, config, migrate, outstanding, pending, script
from nexus.db.models import Base
from nexus.errors import InputError
from nexus.settings import Settings

ORDER = [str(r.revision) for r in reversed(list(script().walk_revisions("base", "heads")))]


def tables(settings: Settings) -> set[str]:
    with psycopg.connect(postgres.dsn(settings)) as connection:
        rows = connection.execute("select tablename from pg_tables where schemaname = 'app'").fetchall()
    return {name for (name,) in rows}


def test_from_empty_and_again(settings: Settings) -> None:
    assert pending(settings) == ORDER
    assert migrate(settings) == ORDER
    assert migrate(settings) == []
    assert pending(settings) == []
    assert {"organisation", "workspace", "events", "migration"} <= tables(settings)
    with psycopg.connect(postgres.dsn(settings)) as connection:
        # by this /readyz tells whether a database is where the code expects it
        assert outstanding({row[0] for row in connection.execute("select version_num from app.migration")}) == []


def test_every_branch_stands_on_the_kernel_and_carries_its_slice() -> None:
    for revision in script().walk_revisions("base", "heads"):
        assert str(revision.revision).rpartition("_")[0] in {"kernel", *slices.folders()}, revision.path
    assert len(script().get_heads()) == len({name.rpartition("_")[0] for name in ORDER})


def test_up_from_every_earlier_revision_and_all_the_way_back(settings: Settings) -> None:
    for revision in ORDER[:-1]:
        migrate(settings, revision)
        assert revision not in pending(settings)
        assert pending(settings)
    migrate(settings)
    assert pending(settings) == []
    with _owned(settings) as connection:
        made = config()
        made.attributes["connection"] = connection
        command.downgrade(made, "base")
    assert tables(settings) == {"migration"}
    assert migrate(settings) == ORDER


#: Branches that come to stand on another's newest revision; the last by the name of the branch.
BRANCHES = {
    "a_0001": (None, ()), "a_0002": ("a_0001", ()), "b_0001": (None, ("a_0001",)), "c_0001": (None, ("a_0002",)),
    "b_0002": ("b_0001", ("c_0001",)), "d_0001": (None, ("b",)),
}  # fmt: skip


def test_branches_that_stand_on_the_newest_of_others(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever revisions Alembic has noted: what a database lacks is what it lacks."""
    for name, (down, needed) in BRANCHES.items():
        label = None if down else (name[0],)
        (tmp_path / f"{name}.py").write_text(
            f"revision, down_revision, branch_labels, depends_on = {name!r}, {down!r}, {label!r}, {needed!r}\n"
            "def upgrade() -> None: ...\ndef downgrade() -> None: ...\n"
        )
    monkeypatch.setattr("nexus.db.migrate.places", lambda: [tmp_path])
    script.cache_clear()
    try:
        migrate(settings, "b_0001")
        assert set(pending(settings)) == BRANCHES.keys() - {"a_0001", "b_0001"}
        migrate(settings, "c_0001")
        assert set(pending(settings)) == {"b_0002", "d_0001"}
        assert set(migrate(settings)) == {"b_0002", "d_0001"}
        assert (pending(settings), migrate(settings)) == ([], [])
    finally:
        script.cache_clear()


def test_a_migration_that_fails_leaves_nothing(settings: Settings) -> None:
    migrate(settings, ORDER[0])
    before = tables(settings)
    with psycopg.connect(postgres.dsn(settings), autocommit=True) as connection:
        connection.execute("create table app.idempotency_key (in_the_way int)")
    with pytest.raises(Exception, match="already exists"):
        migrate(settings)
    assert tables(settings) == before | {"idempotency_key"}
    assert pending(settings) == ORDER[1:]


def test_a_database_of_a_newer_nexus_is_left_alone(settings: Settings) -> None:
    migrate(settings)
    with psycopg.connect(postgres.dsn(settings), autocommit=True) as connection:
        connection.execute("insert into app.migration values ('kernel_9999')")
    with pytest.raises(InputError, match="newer Nexus: it stands at kernel_9999"):
        migrate(settings)


def test_several_processes_at_once(settings: Settings) -> None:
    done: list[Any] = []
    threads = [threading.Thread(target=lambda: done.append(migrate(settings))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done, key=len) == [[], [], [], ORDER]


@pytest.mark.filterwarnings("ignore:Did not recognize type 'xid8'")
def test_models_and_tables_are_equal(settings: Settings) -> None:
    migrate(settings)
    slices.modules("models")
    engine = create_engine(postgres.sqlalchemy_url(settings))
    with engine.connect() as connection:
        known = {name.partition(".")[2] for name in Base.metadata.tables}
        assert operations.Operation.__tablename__ in known

        def of_models(name: str | None, kind: str, parents: Any) -> bool:
            # the kernel's own tables are reached by functions and plain SQL: no model says them again
            return name in known if kind == "table" else bool(CONTEXT["include_name"](name, kind, parents))

        context = MigrationContext.configure(connection, opts={**CONTEXT, "include_name": of_models})
        difference = compare_metadata(context, Base.metadata)
    engine.dispose()
    assert difference == []


def test_a_slice_has_a_model_for_every_table_of_its_migrations(settings: Settings) -> None:
    migrate(settings)
    slices.modules("models")
    known = {name.partition(".")[2] for name in Base.metadata.tables}
    theirs = {t for t in tables(settings) for domain in slices.folders() if t.startswith(f"{domain}_")}
    assert theirs <= known


def test_a_login_that_may_not_is_told_what_to_give_it(settings: Settings) -> None:
    from pydantic import SecretStr

    from nexus.errors import MachineError

    url = postgres.dsn(settings)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("do $$ begin create role powerless login; exception when duplicate_object then null; end $$")
    weak = Settings(home=settings.home, database_url=SecretStr(url.replace("postgres@", "powerless@")))
    with pytest.raises(MachineError, match="may not prepare the database") as caught:
        migrate(weak)
    assert "CREATEROLE" in (caught.value.remedy or "")
    assert roles.OWNER not in str(caught.value.remedy)
