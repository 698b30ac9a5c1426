"""The store over a published version, with real Feast: what it exports, what it answers, how it is exchanged."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features import catalog, store
from features.store import carrying, folders
from nexus.errors import MachineError, NotFoundError
from nexus.settings import Settings
from tests.features import synthetic

if TYPE_CHECKING:
    from feast import FeatureStore


@pytest.fixture
def published(tmp_path: Path) -> Settings:
    """A home with one small version and no features yet."""
    settings = Settings(home=tmp_path)
    frame = synthetic.frame("demo", 30, seed=3, months=synthetic.MONTHS[-4:])
    synthetic.publish(settings.warehouse_dir, "v000001", [frame])
    return settings


def test_export_is_whole_pinned_and_the_same_every_time(published: Settings) -> None:
    made = store.export(published)
    manifest = made.manifest()
    assert made.version == manifest.version == "v000001"
    assert manifest.as_of == {"demo": "2026-11-01T00:00:00"}
    with duckdb.connect(str(published.warehouse_dir / "versions" / "v000001.duckdb"), read_only=True) as connection:
        for relation, said in manifest.relations.items():
            counted = connection.execute(f"select count(*) from features.{relation}").fetchone()
            assert counted == (said["rows"],)
            assert pq.read_metadata(made.parquet(relation)).num_rows == said["rows"]
    shutil.rmtree(made.path)
    assert store.export(published).manifest() == manifest


def test_a_version_without_a_view_is_refused_and_leaves_nothing(published: Settings) -> None:
    with duckdb.connect(str(published.warehouse_dir / "versions" / "v000001.duckdb")) as connection:
        connection.execute("drop table features.feat_customer__mail")
    with pytest.raises(NotFoundError, match="feat_customer__mail"):
        store.export(published)
    assert [p.name for p in folders.root(published).iterdir() if p.is_dir()] == []


def test_nothing_answers_before_it_is_materialised(published: Settings) -> None:
    store.export(published)
    with pytest.raises(NotFoundError, match="no features have been materialised"):
        _ = store.Online(published).version


def test_online_values_equal_feasts_own(filled: Settings) -> None:
    online = store.Online(filled)
    customers = [*online.customers("demo", 40), *online.customers("demo", 20, lapsed=True)]
    assert len(customers) == 60
    found = online.get("demo", customers)
    feast = store.open_store(store.current(filled))
    theirs = feast.get_online_features(
        features=feast.get_feature_service("churn_v1"),
        entity_rows=[{"workspace_id": "demo", "customer_id": c} for c in customers],
    )
    values = theirs.to_dict()
    for index, customer in enumerate(customers):
        expected = {name: column[index] for name, column in values.items() if name not in catalog.KEYS}
        assert found[customer].features == expected
        assert {n: type(v) for n, v in found[customer].features.items()} == {n: type(v) for n, v in expected.items()}
        moments = {r.event_timestamps[index].seconds for r in theirs.proto.results[2:]}
        assert moments == {int(found[customer].event_timestamp.timestamp())}
    assert any(None in row.features.values() for row in found.values()) or _has_no_unknown(filled)


def _has_no_unknown(settings: Settings) -> bool:
    latest = store.latest(settings, "churn_v1", "demo")
    return all(latest.table[f].null_count == 0 for f in latest.features)


def test_online_equals_the_offline_snapshot(filled: Settings) -> None:
    latest = store.latest(filled, "churn_v1", "demo")
    rows = {row["customer_id"]: row for row in latest.table.to_pylist()}
    found = store.Online(filled).get("demo", list(rows))
    assert len(found) == len(rows) > 100
    for customer, row in rows.items():
        assert found[customer].features == {f: row[f] for f in latest.features}
        assert found[customer].event_timestamp == datetime(2026, 11, 1, tzinfo=UTC)


def test_workspaces_never_meet(filled: Settings) -> None:
    online = store.Online(filled)
    theirs = online.customers("young", 5)
    assert online.get("demo", theirs) == {}
    assert set(online.get("young", theirs)) == set(theirs)
    assert online.get("young'; drop table nexus_online; --", theirs) == {}


def test_a_feature_that_is_not_there_is_named(filled: Settings) -> None:
    with pytest.raises(MachineError, match="shoe_size"):
        store.Online(filled).raw("demo", ["x"], ["logins_30d", "shoe_size"])


def test_repeating_materialises_nothing(filled: Settings) -> None:
    again = store.materialize(filled)
    assert again.already
    assert again.customers["demo"] > again.customers["young"] > 0


def test_readers_see_the_old_store_until_the_new_one_is_whole(published: Settings) -> None:
    store.materialize(published)
    online = store.Online(published)
    customer = online.customers("demo", 1)[0]
    wrong: list[str] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            before = online.version
            if customer not in online.get("demo", [customer]) or before not in {"v000001", "v000002"}:
                wrong.append(before)

    reader = threading.Thread(target=read)
    reader.start()
    frame = synthetic.frame("demo", 30, seed=3, months=synthetic.MONTHS[-4:])
    synthetic.publish(published.warehouse_dir, "v000002", [frame])
    try:
        store.materialize(published)
    finally:
        stop.set()
        reader.join()
    assert wrong == []
    assert store.Online(published).version == "v000002"


def test_a_store_that_takes_over_what_it_can_equals_one_filled_from_nothing(
    published: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.materialize(published)
    file = published.warehouse_dir / "versions" / "v000002.duckdb"
    shutil.copyfile(file.with_name("v000001.duckdb"), file)
    (published.warehouse_dir / "current").write_text(json.dumps({"version": 2, "file": file.name}))
    with duckdb.connect(str(file)) as connection:
        newest = "event_timestamp = (select max(event_timestamp) from features.feat_customer__access)"
        some = "customer_id in (select customer_id from features.feat_customer__access order by 1 limit 3)"
        connection.execute(f"update features.feat_customer__access set logins_30d = 12345 where {newest} or {some}")
    written: list[int] = []
    write = carrying.write

    def counting(feast: FeatureStore, name: str, rows: pa.Table) -> None:
        written.append(len(rows))
        write(feast, name, rows)

    monkeypatch.setattr(carrying, "write", counting)
    store.materialize(published)
    taken = _rows(store.current(published))
    assert written.count(0) == len(catalog.VIEWS) - 1
    assert 0 < sum(written) <= 30
    shutil.rmtree(store.current(published).path)
    (folders.root(published) / "current").unlink()
    store.materialize(published)
    assert _rows(store.current(published)) == taken
    assert any(12345 in row for row in taken["nexus_online"])


def _rows(made: store.Folder) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(made.online)) as connection:
        names = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
        return {name: sorted(connection.execute(f'select * from "{name}"'), key=repr) for name in names}


@pytest.mark.parametrize("empty", ["all", "mail"])
def test_a_warehouse_that_knows_no_customer_yet_can_be_built(published: Settings, empty: str) -> None:
    """Sign-ins alone make none; mail may be missing for good."""
    with duckdb.connect(str(published.warehouse_dir / "versions" / "v000001.duckdb")) as connection:
        for view in catalog.VIEWS:
            if empty in {"all", view.name}:
                connection.execute(f"delete from features.{view.relation}")
    done = store.materialize(published)
    assert (done.customers == {}) == (empty == "all")
    assert done.rows["mail"] == 0
    assert store.materialize(published).already


def test_a_half_written_online_store_is_made_anew(published: Settings) -> None:
    made = store.apply(published)
    made.online.write_bytes(b"")
    assert store.materialize(published).customers["demo"] > 0


def test_old_stores_are_retired(published: Settings) -> None:
    frame = synthetic.frame("demo", 5, seed=3, months=synthetic.MONTHS[-2:])
    names = [f"v{n:06d}" for n in range(2, 6)]
    for name in names:
        synthetic.publish(published.warehouse_dir, name, [frame])
        folders.switch(published, store.export(published))
    kept = {p.name.partition("-")[0] for p in folders.root(published).iterdir() if p.is_dir()}
    assert kept == set(names[-(folders.KEEP + 1) :])
