"""Publishing: whole versions, switched at once; readers never notice anything but a newer number."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta

import duckdb
import pytest

from nexus.errors import ConflictError, GateError, InputError, NexusError, NotFoundError
from nexus.settings import PROJECT, Settings
from tests.warehouse.conftest import SHOP_CODE, killed
from warehouse import ledger, marts
from warehouse.current import read_current
from warehouse.engines import NAMES, open_engine
from warehouse.marts import Reader
from warehouse.publish import Gate, build_lock, publish
from warehouse.versions import Version, list_versions, parse_as_of, resolve, versions_dir

SQL = "select max(n) as n, count(*) as rows from marts.fct_number"


def build(settings: Settings, n: int, engine: str = "duckdb") -> None:
    """What dbt would do: a mart, a view in metrics, raw and staging that must not be published."""
    with open_engine(engine, settings) as session:
        run = session.connection.execute  # type: ignore[attr-defined]
        for schema in ("raw", "staging", "marts", "metrics"):
            run(f"create schema if not exists {schema}")
        run("drop view if exists metrics.total")
        run("drop table if exists marts.fct_number")
        series = "generate_series(1, 1000)"
        run(f"create table marts.fct_number as select cast({n} as integer) as n, cast('a' as text) as t from {series}")
        run("create view metrics.total as select cast(sum(n) as bigint) as total from marts.fct_number")
        run("drop table if exists raw.secret")
        run("create table raw.secret as select 1 as x")


def published(settings: Settings, n: int, engine: str = "duckdb") -> Version:
    build(settings, n, engine)
    with build_lock(settings):
        return publish(settings, engine=engine)


@pytest.mark.parametrize("engine", NAMES)
def test_a_version_holds_marts_but_no_raw_rows(settings: Settings, engine: str) -> None:
    version = published(settings, 7, engine)
    reader = Reader(settings)
    assert (version.version, version.is_current, reader.version) == (1, True, 1)
    assert reader.query(SQL).row(0) == (7, 1000)
    assert reader.query("select total from nexus.metrics.total").item() == 7000
    with pytest.raises(InputError, match="does not exist"):
        reader.query("select * from raw.secret")


def test_nothing_to_publish(settings: Settings) -> None:
    with build_lock(settings), pytest.raises(NexusError, match="holds nothing to publish"):
        publish(settings)
    with pytest.raises(NotFoundError, match="nothing is published"):
        Reader(settings).query("select 1")
    assert [v.status for v in list_versions(settings)] == ["failed"]


def test_as_of(settings: Settings) -> None:
    one, two = published(settings, 1), published(settings, 2)
    reader = Reader(settings)
    assert one.published_at is not None
    assert two.published_at is not None
    between = one.published_at + (two.published_at - one.published_at) / 2
    assert reader.query(SQL, as_of=1)["n"][0] == reader.query(SQL, as_of="v1")["n"][0] == 1
    assert reader.query(SQL, as_of=between)["n"][0] == reader.query(SQL, as_of=between.isoformat())["n"][0] == 1
    assert reader.query(SQL, as_of=two.published_at)["n"][0] == reader.query(SQL)["n"][0] == 2
    with pytest.raises(NotFoundError, match="no readable version for 99"):
        reader.query(SQL, as_of=99)
    with pytest.raises(NotFoundError):
        reader.query(SQL, as_of=one.published_at - timedelta(days=1))


def test_what_as_of_understands() -> None:
    assert parse_as_of("12") == parse_as_of("v000012") == 12
    assert parse_as_of("2026-03-31") == datetime(2026, 3, 31, 23, 59, 59, 999999)
    assert parse_as_of("2026-03-31T12:00:00+02:00") == datetime(2026, 3, 31, 10)
    with pytest.raises(NotFoundError, match="neither a version nor a time"):
        parse_as_of("yesterday")


def test_a_refused_candidate_leaves_the_old_version(settings: Settings) -> None:
    published(settings, 1)
    build(settings, 2)
    seen: list[int] = []

    def audit(candidate: Version) -> list[Gate]:
        connection = marts.open_file(candidate.path)
        seen.append(connection.execute("select max(n) from nexus.marts.fct_number").fetchone()[0])  # type: ignore[index]
        connection.close()
        return [Gate("counts", True), Gate("mrr", False, "off by 3 cents")]

    with (
        build_lock(settings),
        pytest.raises(GateError, match=r"version 2 is refused by 1 of 2 gates: mrr: off by 3 cents") as e,
    ):
        publish(settings, audit=audit)
    assert e.value.remedy is not None
    assert e.value.remedy.startswith("version 1 goes on serving")
    assert seen == [2]
    assert Reader(settings).query(SQL)["n"][0] == 1
    refused = list_versions(settings)[0]
    assert (refused.status, refused.reason) == ("refused", "mrr: off by 3 cents")
    assert not refused.path.exists()
    assert published(settings, 3).version == 3


def test_retention_spares_whoever_still_reads(settings: Settings) -> None:
    settings = settings.model_copy(update={"keep_versions": 2})
    published(settings, 1)
    reader = Reader(settings)
    held = reader.cursor()
    for n in (2, 3, 4):
        published(settings, n)
    assert [v.version for v in list_versions(settings, readable=True)] == [4, 3]
    assert sorted(p.name for p in versions_dir(settings).iterdir()) == ["v000003.duckdb", "v000004.duckdb"]
    assert held.execute(SQL).fetchone() == (1, 1000)
    assert reader.query(SQL)["n"][0] == 4


@pytest.mark.parametrize("point", ["numbered", "copied", "candidate", "audited", "switched"])
def test_a_killed_publication_has_happened_or_not(settings: Settings, point: str) -> None:
    published(settings, 1)
    build(settings, 2)
    code = f"""
        from warehouse.publish import build_lock, publish
        with build_lock(settings):
            publish(settings, checkpoint=die_at({point!r}))
    """
    assert killed(settings, code) == -9
    serving = 2 if point == "switched" else 1
    assert Reader(settings).query(SQL)["n"][0] == serving
    assert resolve(settings).version == serving
    third = published(settings, 3)
    assert third.version == 3
    assert Reader(settings).query(SQL)["n"][0] == 3
    statuses = {v.version: v.status for v in list_versions(settings)}
    assert statuses == {1: "published", 2: "published" if serving == 2 else "failed", 3: "published"}
    assert {p.name for p in versions_dir(settings).iterdir()} == {
        v.path.name for v in list_versions(settings) if v.status == "published"
    }


def test_one_build_at_a_time(settings: Settings) -> None:
    with build_lock(settings), pytest.raises(ConflictError, match="held by another build"), build_lock(settings):
        pass
    with build_lock(settings):
        pass


def test_a_lost_ledger_never_brings_a_name_back(settings: Settings) -> None:
    published(settings, 1)
    published(settings, 2)
    with ledger.connect(settings) as connection:
        connection.execute("delete from publish_version")
    assert published(settings, 3).version == 3


READER = """
import sys, time
{shop}
from pathlib import Path
from pydantic import SecretStr
from nexus.settings import Settings
from warehouse.marts import Reader
reader = Reader(Settings(home=Path({home!r}), database_url=SecretStr({url!r})))
print("ready", flush=True)
reads, last, began, stopped = 0, 0, 0.0, False
while not stopped:
    # one more after the end of all publications
    stopped = Path({stop!r}).exists()
    before, began = began, time.time()
    low, high, rows = reader.query("select min(n), max(n), count(*) from marts.fct_number").row(0)
    assert low == high and rows == 1000, (low, high, rows)
    assert high >= last, (high, last)
    if high != last:
        # when the last read began that did not see it yet
        print("saw", high, before, flush=True)
    last = high
    reads += 1
print("reads", reads, flush=True)
"""


def test_readers_never_fail_while_versions_switch(settings: Settings) -> None:
    """Two other processes and a thread read without a pause during 20 publications."""
    settings = settings.model_copy(update={"keep_versions": 2})
    published(settings, 1)
    assert settings.database_url is not None
    stop = settings.home / "stop"
    script = READER.format(
        shop=SHOP_CODE, home=str(settings.home), url=settings.database_url.get_secret_value(), stop=str(stop)
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", script], cwd=PROJECT, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    failures: list[BaseException] = []

    def read() -> None:
        reader = Reader(settings)
        try:
            while not stop.exists():
                assert reader.query(SQL)["rows"][0] == 1000
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    switched: dict[int, float] = {}
    for n in range(2, 22):
        build(settings, n)
        with build_lock(settings):
            switched[n] = 0.0

            def note(reached: str, n: int = n) -> None:
                if reached == "switched":
                    switched[n] = time.time()

            publish(settings, checkpoint=note)
    stop.touch()
    thread.join()
    assert failures == []
    for process in processes:
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        saw = {int(line.split()[1]): float(line.split()[2]) for line in out.splitlines() if line.startswith("saw")}
        assert max(saw) == 21
        # whoever begins to read after the switch sees what it switched to
        assert all(missed < switched[n] for n, missed in saw.items() if n in switched)
        assert int(out.split("reads ")[1]) > 20


def test_current_is_a_small_file(settings: Settings) -> None:
    assert read_current(settings) is None
    published(settings, 1)
    current = read_current(settings)
    assert current is not None
    assert current.path == versions_dir(settings) / "v000001.duckdb"


@pytest.mark.parametrize("engine", NAMES)
def test_a_version_is_completed_by_what_the_journal_names(settings: Settings, engine: str) -> None:
    """Rows 2 (changed), 3 (gone) and 4 (new) are noted; the change of row 1 is not, and stays behind."""
    _noted(settings, engine, "create table marts.fct_noted as", [(1, "a"), (2, "a"), (3, "a")], number=1)
    with build_lock(settings):
        first = publish(settings, engine=engine)
    _noted(settings, engine, "insert into marts.fct_noted", [(1, "unseen"), (2, "b"), (4, "b"), (5, "b")], number=2)
    with build_lock(settings):
        second = publish(settings, engine=engine)
    rows = "select key, t from marts.fct_noted order by 1"
    # 5 is not noted either: the numbers differ, so the version was written anew and nothing is behind
    assert Reader(settings).query(rows).rows() == [("1", "unseen"), ("2", "b"), ("4", "b"), ("5", "b")]
    _noted(settings, engine, "insert into marts.fct_noted", [(1, "behind"), (2, "c"), (4, "c"), (6, "c")], number=3)
    with build_lock(settings):
        third = publish(settings, engine=engine)
    assert Reader(settings).query(rows).rows() == [("1", "unseen"), ("2", "c"), ("4", "c"), ("6", "c")]
    assert [v.contents.relations["marts.fct_noted"] for v in (first, second, third)] == [1, 2, 3]
    with build_lock(settings):
        assert publish(settings, engine=engine, only=["fct_noted"]).path.samefile(third.path), (
            "nothing was written since"
        )
    _noted(settings, engine, "insert into marts.fct_noted", [(1, "x"), (2, "d"), (4, "d"), (6, "d")], number=4)
    with build_lock(settings):
        publish(settings, engine=engine, only=["fct_noted"])
    assert Reader(settings).query(rows).rows() == [("1", "unseen"), ("2", "d"), ("4", "d"), ("6", "d")]
    with duckdb.connect(str(third.path), read_only=True) as kept:
        assert kept.execute(rows).fetchall() == [("1", "unseen"), ("2", "c"), ("4", "c"), ("6", "c")]
    assert Reader(settings).query("select n from marts.dim_gone").item() == 1
    with open_engine(engine, settings) as session:
        session.connection.execute("drop table marts.dim_gone")  # type: ignore[attr-defined]
    with build_lock(settings):
        publish(settings, engine=engine)
    with pytest.raises(InputError, match="does not exist"):
        Reader(settings).query("select * from marts.dim_gone")


def _noted(settings: Settings, engine: str, into: str, rows: list[tuple[int, str]], number: int) -> None:
    """What an incremental model leaves: its rows, and a note of those that build `number` has written."""
    values = ", ".join(f"('w', '{key}', '{text}')" for key, text in rows)
    with open_engine(engine, settings) as session:
        run = session.connection.execute  # type: ignore[attr-defined]
        if number == 1:
            run("create schema if not exists raw")
            run("create schema if not exists marts")
            run("create table marts.dim_gone as select 1 as n")
            run("create table raw._build_number as select 'me' as build_id, cast(0 as bigint) as number")
            run(
                "create table raw._written (relation text, number bigint, key_column text, workspace_id text, key text)"
            )
            run("insert into raw._written values ('marts.fct_noted', 1, null, null, null)")
        else:
            run("delete from marts.fct_noted")
            run(
                f"insert into raw._written select 'marts.fct_noted', {number}, 'key', 'w', unnest(array['2', '3', '4', '5', '6'])"
                + (" limit 3" if number == 2 else "")
            )
        run(f"update raw._build_number set number = {number}")
        run(f"{into} select * from (values {values}) v(workspace_id, key, t)")
