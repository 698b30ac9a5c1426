"""Training sets: only what was known then, equal to Feast's own definition, frozen with a hash."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from features import catalog, store
from nexus.settings import Settings
from tests.features import synthetic
from warehouse import marts

LABELS = "feat_customer__churn_label"


def test_equals_feasts_historical_features(filled: Settings) -> None:
    made = store.training_set(filled, "churn_v1", LABELS, "demo")
    ours = made.table().to_pandas()
    # moments between, before and long after the snapshots, as a caller may ask for them
    sample = ours[[*catalog.KEYS, catalog.EVENT]].sample(400, random_state=5).reset_index(drop=True)
    shifts = [timedelta(0), timedelta(days=11, hours=3), timedelta(days=39), timedelta(days=75), timedelta(days=-500)]
    sample[catalog.EVENT] = [m + shifts[i % len(shifts)] for i, m in enumerate(sample[catalog.EVENT])]
    sample.loc[sample.index[:20], "customer_id"] = "cus_nobody"
    sample = sample.drop_duplicates().sort_values([*catalog.KEYS, catalog.EVENT]).reset_index(drop=True)
    feast = store.open_store(store.current(filled))
    entities = sample.assign(**{catalog.EVENT: pd.to_datetime(sample[catalog.EVENT], utc=True)})
    theirs = feast.get_historical_features(entity_df=entities, features=feast.get_feature_service("churn_v1")).to_df()
    theirs[catalog.EVENT] = pd.to_datetime(theirs[catalog.EVENT], utc=True).dt.tz_localize(None)
    theirs = theirs.sort_values([*catalog.KEYS, catalog.EVENT]).reset_index(drop=True)
    joined, names = _join(filled, sample)
    assert len(joined) == len(sample)
    # Feast's local engine loses rows whose only values are too old or in the future; here they stay, as unknown
    keys = [*catalog.KEYS, catalog.EVENT]
    both = joined.merge(theirs[keys], on=keys, how="left", indicator=True)
    lost = both["_merge"] == "left_only"
    assert lost.sum() > 50, "the sample must hold moments before the first row and beyond the ttl"
    assert both[lost][names].isna().all(axis=None)
    kept = joined[~lost].reset_index(drop=True)
    assert len(kept) == len(theirs) > 200
    for name in names:
        pd.testing.assert_series_equal(kept[name].astype("float64"), theirs[name].astype("float64"), check_names=False)
    assert kept[names].isna().any(axis=None), "a customer nobody knows must be unknown on both sides"


def _join(settings: Settings, spine: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    from features.store import training

    path = settings.home / "spine.parquet"
    spine.astype({catalog.EVENT: "datetime64[us]"}).to_parquet(path)
    table, names = training.join(store.current(settings), "churn_v1", f"select * from read_parquet('{path}')", {})
    return table.to_pandas(), names


def test_a_later_fact_changes_nothing_before_it(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    frame = synthetic.frame("demo", 20, seed=3, months=synthetic.MONTHS[-4:])
    synthetic.publish(settings.warehouse_dir, "v000001", [frame])
    before = store.training_set(settings, "churn_v1", LABELS, "demo").table().to_pandas()
    last = before[catalog.EVENT].max()
    marts.reader(settings).close()
    with duckdb.connect(str(settings.warehouse_dir / "versions" / "v000001.duckdb")) as connection:
        connection.execute(
            "update features.feat_customer__access set logins_30d = 999999 where event_timestamp = ?", [last]
        )
    synthetic_current = settings.warehouse_dir / "versions" / "v000001.duckdb"
    synthetic_current.rename(synthetic_current.with_name("v000002.duckdb"))
    (settings.warehouse_dir / "current").write_text('{"version": 2, "file": "v000002.duckdb"}')
    after = store.training_set(settings, "churn_v1", LABELS, "demo").table().to_pandas()
    earlier = before[catalog.EVENT] < last
    pd.testing.assert_frame_equal(before[earlier], after[earlier])
    assert (after[~earlier]["logins_30d"] == 999999).all()


def test_is_frozen_with_its_hash(filled: Settings) -> None:
    made = store.training_set(filled, "churn_v1", LABELS, "demo")
    again = store.training_set(filled, "churn_v1", LABELS, "demo")
    assert made == again
    assert hashlib.sha256(made.path.read_bytes()).hexdigest() == made.sha256
    assert made.sha256[:12] in made.path.name
    assert made.version in made.path.name


def test_holds_one_workspace_only(filled: Settings) -> None:
    table = store.training_set(filled, "churn_v1", LABELS, "young").table()
    assert set(table["workspace_id"].to_pylist()) == {"young"}


def test_the_newest_correction_of_a_moment_counts(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    frame = synthetic.frame("demo", 5, seed=3, months=synthetic.MONTHS[-2:])
    path = synthetic.publish(settings.warehouse_dir, "v000001", [frame])
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "insert into features.feat_customer__mail select * replace (77 as bounces_90d, "
            "created_timestamp + interval 1 day as created_timestamp) from features.feat_customer__mail"
        )
    table = store.training_set(settings, "churn_v1", LABELS).table()
    assert set(table["bounces_90d"].to_pylist()) == {77}


@pytest.mark.parametrize("workspace", ["nobody"])
def test_an_unknown_workspace_has_no_snapshot(filled: Settings, workspace: str) -> None:
    from nexus.errors import NotFoundError

    with pytest.raises(NotFoundError, match="no paying customer"):
        store.latest(filled, "churn_v1", workspace)
