"""Backup and restore: one moment, whole or not at all, whatever goes on meanwhile and whatever became of the file."""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import zstandard
from pydantic import SecretStr

from nexus import cli, postgres
from nexus.contracts import Source
from nexus.db import Database, Tenant
from nexus.db.migrate import migrate
from nexus.errors import ConflictError, InputError, MachineError
from nexus.events import Event, read
from nexus.settings import PROJECT, Settings, get_settings
from nexus.supervise import exclusive
from tests.warehouse.conftest import SHOP_CODE, Write, killed, payment
from tests.warehouse.test_land import lake
from tests.warehouse.test_publish import SQL, published
from warehouse import doctor, ledger
from warehouse.backup import backup, databases, restore, snapshot, verify
from warehouse.backup.archive import FORMAT, HEADER
from warehouse.land import land
from warehouse.load import load_pending
from warehouse.marts import Reader
from warehouse.versions import list_versions

Embedded = Callable[[], Settings]


@pytest.fixture
def embedded() -> Iterator[Embedded]:
    """Homes with a PostgreSQL of their own."""
    made: list[Settings] = []

    def run() -> Settings:
        folder = Path(tempfile.mkdtemp(prefix="nexus-backup-"))
        folder.chmod(0o755)
        made.append(Settings(home=folder))
        return made[-1]

    yield run
    for settings in made:
        wreck(settings)


class Rolled(Event, type="dice.die.rolled"):
    die_id: str
    number: int


GRANTED = """
select table_name, grantee, privilege_type from information_schema.role_table_grants
where table_schema = 'app' and grantee in ('nexus_api', 'nexus_system') order by 1, 2, 3
"""


def wreck(settings: Settings) -> None:
    server = postgres.describe(settings)
    postgres.release(settings)
    postgres.discard(server)
    shutil.rmtree(settings.home, ignore_errors=True)
    shutil.rmtree(server.data, ignore_errors=True)


@pytest.fixture
def other(session_settings: Settings, settings: Settings, tmp_path: Path) -> Iterator[Settings]:
    """A second empty home with an empty database of its own."""
    server = postgres.dsn(session_settings, "postgres")
    assert settings.database_url is not None
    name = settings.database_url.get_secret_value().split("/")[3].split("?")[0] + "_other"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create database {name}".encode())
    yield Settings(home=tmp_path / "other", database_url=SecretStr(server.replace("/postgres?", f"/{name}?")))
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"drop database if exists {name} with (force)".encode())


def fill(settings: Settings, shop: Source, write: Write) -> Path:
    """A home with batches, quarantine, two versions, and a little of everything that other layers keep."""
    export = write("a.jsonl", payment(1), payment(2), "nonsense")
    land(shop, [export], "demo", settings)
    published(settings, 1)
    published(settings, 2)
    for name, text in (
        ("secrets/api-tokens.json", '[{"token": "nxs_x"}]'),
        ("inbox/demo/shop/late.jsonl", "{}\n"),
        ("exports.json", "[]"),
        ("scores/churn/demo/s.jsonl", "{}\n"),
        ("connections/demo.yml", "stripe: {}\n"),
        ("demo/demo/export/big.jsonl", "made again\n"),
        ("logs/api.log", "made again\n"),
    ):
        path = settings.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (settings.home / "secrets" / "api-tokens.json").chmod(0o600)
    return export


def files(home: Path) -> dict[str, bytes]:
    found = {p.relative_to(home).as_posix(): p.read_bytes() for p in sorted(home.rglob("*")) if p.is_file()}
    passing = {"run", "logs", "postgres"}
    return {n: b for n, b in found.items() if n.split("/")[0] not in passing and not n.endswith(".lock")}


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
    assert (again.total.landed, again.total.duplicate) == (0, 3)
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


def _rewritten(source: Path, target: Path, change: Callable[[str, bytes], tuple[str, bytes]]) -> Path:
    """The backup with other names or bodies, in the same format."""
    with source.open("rb") as packed, target.open("wb") as out:
        reader = zstandard.ZstdDecompressor().stream_reader(packed)
        writer = zstandard.ZstdCompressor().stream_writer(out)
        with tarfile.open(fileobj=reader, mode="r|") as old, tarfile.open(fileobj=writer, mode="w|") as new:
            for entry in old:
                body = old.extractfile(entry)
                assert body is not None
                entry.name, content = change(entry.name, body.read())
                entry.size = len(content)
                new.addfile(entry, io.BytesIO(content))
        writer.close()
    return target


def _header(**other: object) -> Callable[[str, bytes], tuple[str, bytes]]:
    def change(name: str, body: bytes) -> tuple[str, bytes]:
        return name, json.dumps({**json.loads(body), **other}).encode() if name == HEADER else body

    return change


def _spoil(kind: str, good: Path, bad: Path) -> None:
    body = good.read_bytes()
    if kind == "text":
        bad.write_text("not a backup")
    elif kind == "empty":
        bad.write_bytes(b"")
    elif kind == "foreign":
        with zstandard.open(bad, "wb") as packed, tarfile.open(fileobj=packed, mode="w|") as tar:
            tar.add(good.parent, arcname="photos", recursive=False)
    elif kind == "cut":
        bad.write_bytes(body[: len(body) * 2 // 3])
    elif kind == "flipped":
        middle = len(body) // 2
        bad.write_bytes(body[:middle] + bytes([body[middle] ^ 0xFF]) + body[middle + 1 :])
    elif kind == "changed":
        _rewritten(good, bad, lambda n, b: (n, b"[1]" if n == "exports.json" else b))
    elif kind == "traversal":
        _rewritten(good, bad, lambda n, b: ("../outside" if n == "exports.json" else n, b))
    elif kind == "newer format":
        _rewritten(good, bad, _header(format=FORMAT + 1, nexus="9.0.0"))
    elif kind == "newer ledger":
        _rewritten(good, bad, _header(migrations=["0001_ledger", "9000_future"], nexus="9.0.0"))


@pytest.fixture(scope="module")
def good(session_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small sound backup."""
    folder = tmp_path_factory.mktemp("good")
    name = "backup_good"
    server = postgres.dsn(session_settings, "postgres")
    postgres.dsn(session_settings, name)
    settings = Settings(home=folder / "home", database_url=SecretStr(server.replace("/postgres?", f"/{name}?")))
    published(settings, 1)
    (settings.home / "exports.json").write_text("[]")
    return backup(settings, folder / "good.tar.zst").path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("text", "no backup of Nexus"), ("empty", "no backup of Nexus"), ("foreign", "no backup of Nexus"),
        ("cut", "cut off|damaged"), ("flipped", "damaged"), ("changed", "damaged: 1 files differ, such as exports.json"),
        ("traversal", "'../outside', which no backup"), ("newer format", "made by Nexus 9.0.0.*update|does not know"),
        ("newer ledger", "newer Nexus .9.0.0.*9000_future"), ("absent", "there is no file"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_changes_nothing(
    good: Path, other: Settings, tmp_path: Path, kind: str, message: str
) -> None:
    bad = tmp_path / "bad.tar.zst"
    _spoil(kind, good, bad)
    for attempt in (lambda: verify(bad), lambda: restore(other, bad)):
        with pytest.raises(InputError, match=message) as caught:
            attempt()
        assert caught.value.remedy or kind == "text" or kind == "empty"
    assert not (tmp_path / "outside").exists()
    assert not other.home.exists() or {p.name for p in other.home.iterdir()} <= {"run"}
    restore(other, good)
    assert Reader(other).query(SQL).row(0) == (1, 1000)


def test_a_home_in_use_is_refused(good: Path, other: Settings) -> None:
    with exclusive(other), pytest.raises(ConflictError, match="already running"):
        restore(other, good)
    (other.home / "exports.json").write_text("[]")
    with pytest.raises(ConflictError, match=r"not empty: it holds exports\.json"):
        restore(other, good)
    assert (other.home / "exports.json").read_text() == "[]"
    (other.home / "exports.json").unlink()
    (other.home / ".exports.lock").touch()  # what looking at an empty home may leave
    list_versions(other)  # a ledger is made
    with pytest.raises(ConflictError, match="holds tables: nexus"):
        restore(other, good)


def test_a_restore_that_fails_leaves_nothing(good: Path, other: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(point: str) -> None:
        if point == "placed":
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk is full"):
        restore(other, good, checkpoint=fail)
    assert {p.name for p in other.home.iterdir()} == {"run"}
    restore(other, good)
    assert Reader(other).query(SQL).row(0) == (1, 1000)


@pytest.mark.integration
@pytest.mark.parametrize("point", ["unpacked", "databases", "placed"])
def test_a_killed_restore_can_be_repeated(good: Path, embedded: Embedded, point: str) -> None:
    home = embedded()
    script = f"""
import os, signal
from pathlib import Path
from nexus.settings import Settings
from warehouse.backup import restore
def die(reached):
    if reached == {point!r}:
        os.kill(os.getpid(), signal.SIGKILL)
restore(Settings(home=Path({str(home.home)!r})), Path({str(good)!r}), checkpoint=die)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    (finding,) = doctor.checks(home)
    assert (finding.level, str(good) in finding.message) == ("fail", True)
    restore(home, good)
    assert doctor.checks(home) == []
    assert Reader(home).query(SQL).row(0) == (1, 1000)
    assert [v.version for v in list_versions(home)] == [1]
    assert not (home.home / "restoring").exists()


@pytest.mark.parametrize("point", ["held", "written"])
def test_a_killed_backup_leaves_no_file_with_its_name(settings: Settings, tmp_path: Path, point: str) -> None:
    published(settings, 1)
    target = tmp_path / "b.tar.zst"
    code = f"""
        from warehouse.backup import backup
        backup(settings, Path({str(target)!r}), checkpoint=die_at({point!r}))
    """
    assert killed(settings, code) == -9
    assert not target.exists()
    backup(settings, target)
    assert not (settings.run_dir / "backup").exists()
    verify(target)


def test_the_disk_is_full(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published(settings, 1)

    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("warehouse.backup.create.os.fsync", full)
    with pytest.raises(MachineError, match="No space left"):
        backup(settings, tmp_path / "b.tar.zst")
    assert [p for p in tmp_path.iterdir() if "b.tar" in p.name] == []


def test_commands(
    good: Path, other: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As their user runs them: one line that says what was done, JSON for programs, the exit code of each kind."""
    assert other.database_url is not None
    monkeypatch.setenv("NEXUS_HOME", str(other.home))
    monkeypatch.setenv("NEXUS_DATABASE_URL", other.database_url.get_secret_value())
    get_settings.cache_clear()

    def nexus(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["nexus", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        shown = capsys.readouterr()
        return int(ended.value.code or 0), shown.out.replace("\n", " "), shown.err

    try:
        code, out, _ = nexus("restore", str(good), "--check")
        assert (code, "is whole: " in out, "warehouse version 1" in out) == (0, True, True)
        code, out, _ = nexus("restore", str(good))
        assert code == 0
        assert f"→ {other.home}" in out
        code, _, err = nexus("restore", str(good))
        assert (code, "is not empty" in err, "Traceback" in err) == (5, True, False)
        code, out, _ = nexus("backup", str(tmp_path / "again.tar.zst"), "--no-secrets", "--json")
        assert code == 0
        told = json.loads(out)
        assert (told["version"], told["path"]) == (1, str(tmp_path / "again.tar.zst"))
        code, _, err = nexus("backup", str(tmp_path / "again.tar.zst"))
        assert (code, "never overwritten" in err) == (5, True)
        code, _, err = nexus("restore", str(tmp_path / "none.tar.zst"))
        assert (code, "there is no file" in err) == (2, True)
    finally:
        get_settings.cache_clear()
