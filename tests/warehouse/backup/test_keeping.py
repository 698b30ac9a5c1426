"""A backup is of one moment, whole, whatever goes on meanwhile."""

from __future__ import annotations

import asyncio
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest

from nexus import postgres
from nexus.contracts import Source
from nexus.db import Database, Tenant
from nexus.db.migrate import migrate
from nexus.errors import ConflictError, InputError, MachineError
from nexus.events import read
from nexus.settings import PROJECT, Settings
from tests.warehouse.backup.shared import GRANTED, Embedded, Rolled, files, fill, wreck
from tests.warehouse.conftest import SHOP_CODE, Write, payment
from tests.warehouse.test_land import lake
from tests.warehouse.test_publish import SQL, published
from warehouse import ledger
from warehouse.backup import backup, databases, restore, snapshot, verify
from warehouse.land import land
from warehouse.load import load_pending
from warehouse.marts import Reader
from warehouse.versions import list_versions


def test_what_comes_back_is_what_was_kept(
    settings: Settings, other: Settings, shop: Source, write: Write, tmp_path: Path
) -> None:
    export = fill(settings, shop, write)
    made = backup(settings, tmp_path)
    assert (made.header.batches, made.header.version, made.header.secrets) == (1, 2, True)
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert not (settings.run_dir / "backup").exists()
    restore(other, made.path)
    left_out = {n for n in files(settings.home) if n.startswith(("demo/", "warehouse/build/"))}
    assert files(other.home) == {n: b for n, b in files(settings.home).items() if n not in left_out}
    assert stat.S_IMODE((other.home / "secrets" / "api-tokens.json").stat().st_mode) == 0o600
    assert Reader(other).query(SQL).row(0) == (2, 1000)
    assert Reader(other).query(SQL, as_of=1).row(0) == (1, 1000)
    assert [v.version for v in list_versions(other, readable=True)] == [2, 1]
    again = land(shop, [export], "demo", other)
    assert (again.total.landed, again.total.duplicate, again.total.quarantined) == (0, 2, 1)
    load_pending("duckdb", other, shop.tables)
    assert published(other, 3).version == 3


@pytest.mark.integration
def test_the_operational_database_comes_back_with_its_policies(
    settings: Settings, embedded: Embedded, tmp_path: Path
) -> None:
    """Into another cluster: one without the roles, and whose transactions are counted from the beginning."""
    settings.home.mkdir(parents=True)
    migrate(settings)
    tenant = Tenant("org_1", "one")

    async def record(home: Settings, number: int) -> list[tuple[int, int]]:
        database = Database(home)
        async with database.transaction(tenant) as session:
            session.record(Rolled(die_id="die_1", number=number))
        async with database.transaction(Tenant("org_2")) as session:
            assert await read(session) == []
        async with database.transaction(tenant) as session:
            found = [(event.data["number"], event.at.generation) for event in await read(session)]
        await database.close()
        return found

    assert asyncio.run(record(settings, 1)) == [(1, 1)]
    with psycopg.connect(postgres.dsn(settings), autocommit=True) as connection:
        granted = connection.execute(GRANTED).fetchall()
    made = backup(settings, tmp_path)
    fresh = embedded()
    restore(fresh, made.path)
    assert migrate(fresh) == []
    assert asyncio.run(record(fresh, 2)) == [(1, 1), (2, 2)]
    with psycopg.connect(postgres.dsn(fresh), autocommit=True) as connection:
        assert connection.execute(GRANTED).fetchall() == granted
        owners = "select distinct relowner::regrole::text from pg_class where relnamespace = 'app'::regnamespace"
        assert connection.execute(owners).fetchall() == [("nexus_owner",)]


def test_a_home_that_has_just_begun(settings: Settings, other: Settings, tmp_path: Path) -> None:
    settings.home.mkdir(parents=True)
    made = backup(settings, tmp_path / "b.tar.zst")
    assert (made.header.batches, made.header.version) == (0, None)
    restore(other, made.path)
    assert list_versions(other) == []


@pytest.mark.integration
def test_drill(embedded: Embedded, shop: Source, write: Write, tmp_path: Path) -> None:
    """Kept while files land, then everything is lost: elsewhere the same company goes on."""
    home = embedded()
    published(home, 5)
    exports = [write(f"{n:02}.jsonl", *(payment(f"{n}-{k}") for k in range(50))) for n in range(12)]
    land(shop, exports[:3], "demo", home)
    script = f"""
import sys
from pathlib import Path
from nexus.settings import Settings
{SHOP_CODE}
from warehouse.land import land
settings = Settings(home=Path({str(home.home)!r}))
for path in {[str(p) for p in exports[3:]]!r}:
    def stop(point):
        # its files are on the disk, and the ledger does not know them yet
        if point == "renamed" and path.endswith("05.jsonl"):
            print("in the middle", flush=True)
            sys.stdin.readline()
    report = land(SHOP, [Path(path)], "demo", settings, checkpoint=stop)
    print(report.total.landed, flush=True)
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert [child.stdout.readline() for _ in range(3)] == ["50\n", "50\n", "in the middle\n"]

        def let_it_land(point: str) -> None:
            if point == "held":
                child.stdin.write("go\n")  # type: ignore[union-attr]
                child.stdin.flush()  # type: ignore[union-attr]
                assert child.stdout.readline() == "50\n"  # type: ignore[union-attr]

        made = backup(home, tmp_path / "drill.tar.zst", checkpoint=let_it_land)
        child.communicate(timeout=60)
    assert child.returncode == 0
    assert made.header.batches == 3  # three files at once, and two one by one
    wreck(home)
    there = embedded()
    restore(there, made.path)
    assert Reader(there).query(SQL).row(0) == (5, 1000)
    with ledger.connect(there) as connection:
        kept = ledger.parts(connection, there)
    assert len(kept) == made.header.batches
    assert {p.path for p in kept} == set(there.lake.rglob("*.parquet"))
    report = land(shop, exports, "demo", there)
    assert (report.total.read, report.total.landed) == (600, 350)
    ids = lake(there, "payment")["id"]
    assert ids.n_unique() == len(ids) == 600
    assert sum(load_pending("duckdb", there, shop.tables).rows.values()) == 600
    assert published(there, 6).version == 2


def test_a_publication_in_the_middle_chooses_another_moment(
    settings: Settings, other: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(settings, 1)
    real, calls = snapshot.read_current, []

    def busy(asked: Settings) -> object:
        calls.append(1)
        if len(calls) == 2:
            published(settings, 2)
        return real(asked)

    monkeypatch.setattr(snapshot, "read_current", busy)
    made = backup(settings, tmp_path / "b.tar.zst")
    assert len(calls) == 4
    restore(other, made.path)
    assert Reader(other).query(SQL).row(0) == (2, 1000)
    assert [(v.version, v.is_current) for v in list_versions(other, readable=True)] == [(2, True), (1, False)]


def test_the_database_is_of_the_moment_that_chose_the_files(
    settings: Settings, other: Settings, shop: Source, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(shop, [write("a.jsonl", payment(1))], "demo", settings)
    late, real = write("b.jsonl", payment(2)), databases.dump

    def busy(*arguments: Any) -> None:
        land(shop, [late], "demo", settings)
        real(*arguments)

    monkeypatch.setattr(databases, "dump", busy)
    made = backup(settings, tmp_path / "b.tar.zst")
    restore(other, made.path)
    with ledger.connect(other) as connection:
        kept = ledger.parts(connection, other)
    assert [part.path.exists() for part in kept] == [True]
    assert land(shop, [late], "demo", other).total.landed == 1


def test_what_is_removed_while_it_is_copied_is_kept(
    settings: Settings, other: Settings, shop: Source, write: Write, tmp_path: Path
) -> None:
    """As retention does to versions, and compaction to small files."""
    fill(settings, shop, write)

    def tidy(point: str) -> None:
        if point == "held":
            (settings.warehouse_dir / "versions" / "v000001.duckdb").unlink()
            for path in settings.lake.rglob("*.parquet"):
                path.unlink()

    made = backup(settings, tmp_path / "b.tar.zst", checkpoint=tidy)
    restore(other, made.path)
    assert Reader(other).query(SQL, as_of=1).row(0) == (1, 1000)
    assert len(lake(other, "payment")) == 2


def test_secrets_stay_where_they_are_if_asked(
    settings: Settings, other: Settings, shop: Source, write: Write, tmp_path: Path
) -> None:
    fill(settings, shop, write)
    made = backup(settings, tmp_path / "b.tar.zst", secrets=False)
    assert not made.header.secrets
    restore(other, made.path)
    assert not (other.home / "secrets").exists()
    assert (other.home / "connections" / "demo.yml").exists()


def test_a_lake_that_is_not_what_the_ledger_says(
    settings: Settings, shop: Source, write: Write, tmp_path: Path
) -> None:
    fill(settings, shop, write)
    (path, *_) = settings.lake.rglob("*.parquet")
    body = path.read_bytes()
    path.write_bytes(body[:-1] + b"x")
    with pytest.raises(InputError, match="is not the file that landed"):
        backup(settings, tmp_path / "b.tar.zst")
    path.unlink()
    with pytest.raises(MachineError, match=r"no moment could be held still.*is gone"):
        backup(settings, tmp_path / "b.tar.zst")
    assert list(tmp_path.glob("*.zst")) == list(tmp_path.glob(".*.tmp")) == []
    assert not (settings.run_dir / "backup").exists()


def test_where_it_is_written(settings: Settings, shop: Source, write: Write, tmp_path: Path) -> None:
    fill(settings, shop, write)
    made = backup(settings, tmp_path)
    assert made.path.name.startswith("nexus-")
    before = made.path.read_bytes()
    with pytest.raises(ConflictError, match="never overwritten"):
        backup(settings, made.path)
    assert made.path.read_bytes() == before
    with pytest.raises(InputError, match="there is no folder"):
        backup(settings, tmp_path / "none" / "b.tar.zst")
    with pytest.raises(InputError, match="there is no home"):
        backup(Settings(home=tmp_path / "nowhere"), tmp_path / "c.tar.zst")


def test_one_at_a_time(settings: Settings, shop: Source, write: Write, tmp_path: Path) -> None:
    fill(settings, shop, write)
    held, go = threading.Event(), threading.Event()

    def wait(point: str) -> None:
        if point == "held":
            held.set()
            go.wait(60)

    first = threading.Thread(target=backup, args=(settings, tmp_path / "a.tar.zst"), kwargs={"checkpoint": wait})
    first.start()
    held.wait(60)
    with pytest.raises(ConflictError, match="another backup"):
        backup(settings, tmp_path / "b.tar.zst")
    go.set()
    first.join()
    verify(tmp_path / "a.tar.zst")
