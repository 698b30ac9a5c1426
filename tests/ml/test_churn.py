"""The churn model on a real MLflow: judged honestly, registered whole, asked alike wherever it is asked."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from features import store
from ml.lib import backtest, dataset, evaluate, registry, scorer, scoring, split, tracking
from ml.lib.dataset import Dataset
from ml.lib.serving import Serving
from ml.lib.spec import TooLittleHistoryError, models
from ml.lib.training import fit_boosted
from ml.models.churn import predict
from ml.models.churn.spec import SPEC
from ml.models.churn.train import Trained, train
from nexus.errors import GateError, NotFoundError
from nexus.settings import Settings


def test_models_are_discovered() -> None:
    assert "churn" in models()


def test_the_trees_beat_the_baseline_and_become_champion(trained: Trained, filled: Settings) -> None:
    assert trained.evaluation is not None
    comparison = trained.evaluation.comparison
    assert comparison.difference["auc"].low > 0
    assert trained.role == registry.CHAMPION
    assert set(trained.versions) == {"baseline", "boosted"}
    answering = registry.answering(filled, trained.model)
    assert (answering.version, answering.role) == (trained.versions["boosted"], registry.CHAMPION)
    # probabilities mean what they say, and say more than the base rate
    assert comparison.model["brier"].value < trained.evaluation.base_rate_brier
    assert trained.evaluation.calibration_error < 0.03


def test_the_registry_is_read_as_mlflow_reads_it(trained: Trained, filled: Settings) -> None:
    client = tracking.client_of(filled)
    ours = registry.answering(filled, trained.model)
    theirs = client.get_model_version_by_alias(trained.model, "champion")
    assert (ours.version, ours.run_id, ours.tags, ours.card) == (
        str(theirs.version), theirs.run_id, theirs.tags, theirs.description,
    )  # fmt: skip
    assert ours.location.as_uri() == client.get_model_version_download_uri(trained.model, theirs.version)


def test_a_run_keeps_what_is_needed_to_repeat_it(trained: Trained, filled: Settings) -> None:
    client = tracking.client_of(filled)
    answering = registry.answering(filled, trained.model)
    run = client.get_run(answering.run_id)
    assert run.data.tags["dataset_sha256"] == trained.dataset_sha256
    assert run.data.tags["warehouse_version"] == "v000001"
    assert run.data.tags["feature_service"] == "churn_v1"
    assert len(run.data.tags["git_commit"]) >= 40
    assert run.data.params["num_leaves"] == str(SPEC.params["num_leaves"])
    assert run.data.metrics["difference_auc_low"] > 0
    assert run.inputs.dataset_inputs[0].dataset.digest == trained.dataset_sha256[:32]
    assert {f.path for f in client.list_artifacts(answering.run_id)} == {"card.md", "evaluation.json", "dataset"}
    for text in (trained.dataset_sha256, "v000001", f"{trained.evaluation.comparison.model['auc'].value:.4f}"):  # type: ignore[union-attr]
        assert text in answering.card
    assert "$" not in answering.card


def test_nothing_is_pickled(trained: Trained, filled: Settings) -> None:
    files = {p.name for p in (filled.home / "mlflow").rglob("*") if p.is_file()}
    assert "booster.txt" in files
    assert not {f for f in files if f.endswith((".pkl", ".pickle", ".joblib", ".cloudpickle", ".bin"))}


def test_mlflow_and_the_fast_path_say_the_same(trained: Trained, filled: Settings) -> None:
    import pandas as pd

    mlflow = tracking.connect(filled)
    latest = store.latest(filled, SPEC.service, "demo")
    for version in trained.versions.values():
        served = mlflow.pyfunc.load_model(f"models:/{trained.model}/{version}")
        inputs = [c.name for c in served.metadata.signature.inputs]
        rows = dataset.floats(latest.table, tuple(inputs))
        theirs = served.predict(pd.DataFrame(rows, columns=inputs))
        location = tracking.client_of(filled).get_model_version_download_uri(trained.model, version)
        ours = scorer.load(_path(location) / "artifacts" / "bundle")
        np.testing.assert_allclose(theirs, ours.scores(rows), atol=1e-9)
        np.testing.assert_allclose([ours.score(r) for r in rows[:100].tolist()], theirs[:100], atol=1e-9)


def _path(uri: str):  # type: ignore[no-untyped-def]
    from pathlib import Path
    from urllib.parse import unquote, urlparse

    return Path(unquote(urlparse(uri).path))


def test_training_twice_on_the_same_data_does_nothing(trained: Trained, filled: Settings) -> None:
    again = train(filled, "demo", spec=replace(SPEC, bootstrap=200))
    assert not again.fresh
    assert again.versions == {"boosted": trained.versions["boosted"]}


def test_the_same_data_gives_the_same_model(data: Dataset) -> None:
    fold = split.final(data.moments, SPEC.horizon, SPEC.calibration_moments)
    first, second = (fit_boosted(data, fold, SPEC).scores(data.rows) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_labels_of_the_last_sixty_days_are_left_out(data: Dataset, filled: Settings) -> None:
    table = data.source.table()
    newest = np.datetime64(table["event_timestamp"].to_pandas().max(), "us")
    assert data.moments.max() <= newest - np.timedelta64(60, "D")
    # even if the label relation claimed to know them
    pretending = table.set_column(table.schema.get_field_index(SPEC.label), SPEC.label, [[True] * table.num_rows])
    import pyarrow.parquet as pq

    path = filled.home / "pretending.parquet"
    pq.write_table(pretending, path)
    claimed = dataset.read(replace(data.source, path=path), SPEC)
    assert claimed.moments.max() == data.moments.max()


def test_shuffled_labels_teach_nothing(data: Dataset) -> None:
    """If this finds something, the features know the label by another way than learning it."""
    random = np.random.default_rng(11)
    fold = split.rolling(data.moments, SPEC.horizon, 1, SPEC.calibration_moments, SPEC.minimum_moments)[-1]
    values = []
    for _ in range(5):
        shuffled = replace(data, y=random.permutation(data.y))
        test = data.at(fold.test)
        values.append(evaluate.auc(data.y[test], fit_boosted(shuffled, fold, SPEC).scores(data.rows[test])))
    assert np.mean(values) == pytest.approx(0.5, abs=0.12)


def test_no_single_feature_knows_the_answer(data: Dataset) -> None:
    name, value = backtest.best_single_feature(data)
    assert name in data.features
    assert value < SPEC.leakage_auc


def test_a_feature_that_speaks_of_the_future_stops_the_training(data: Dataset) -> None:
    leaking = replace(
        data, features=(*data.features, "cancelled_next_month"),
        rows=np.column_stack([data.rows, data.y + np.random.default_rng(1).normal(0, 0.05, len(data.y))]),
    )  # fmt: skip
    with pytest.raises(GateError, match="cancelled_next_month"):
        backtest.evaluate(leaking, SPEC)


def test_a_young_workspace_gets_a_message_and_no_model(filled: Settings) -> None:
    with pytest.raises(TooLittleHistoryError, match="'young' has too little history") as caught:
        train(filled, "young")
    assert "at least" in (caught.value.remedy or "")
    with pytest.raises(NotFoundError, match="no churn model has been trained for workspace 'young'"):
        registry.answering(filled, SPEC.registered("young"))


def test_a_workspace_without_subscriptions_gets_the_same_message(filled: Settings) -> None:
    with pytest.raises(TooLittleHistoryError, match=r"'retail' has too little history.*: 0 snapshots"):
        train(filled, "retail")


def test_unbeaten_baseline_answers_and_says_so(trained: Trained, filled: Settings) -> None:
    """The aliases after a comparison that was lost, and back after one that was won; a server follows."""
    serving = Serving(filled, look_every=0.0)
    assert serving.get(trained.model).version.role == registry.CHAMPION
    lost = registry.appoint(filled, trained.model, trained.versions["baseline"], trained.versions["boosted"], False)
    try:
        assert lost == registry.BASELINE
        answering = registry.answering(filled, trained.model)
        assert (answering.role, answering.version) == (registry.BASELINE, trained.versions["baseline"])
        assert _eventually(lambda: serving.get(trained.model).version.version == trained.versions["baseline"])
        assert serving.get(trained.model).scorer.kind == "linear"
    finally:
        registry.appoint(filled, trained.model, trained.versions["baseline"], trained.versions["boosted"], True)
    assert _eventually(lambda: serving.get(trained.model).scorer.kind == "boosted")


def _eventually(condition, seconds: float = 10.0) -> bool:  # type: ignore[no-untyped-def]
    import time

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_an_unreachable_registry_leaves_the_model_in_service(trained: Trained, filled: Settings) -> None:
    from pydantic import SecretStr

    serving = Serving(filled, look_every=0.0)
    loaded = serving.get(trained.model)
    serving._settings = Settings(
        home=filled.home, database_url=SecretStr("postgresql://nobody@/gone?host=/nonexistent")
    )
    assert _eventually(lambda: bool(serving.get(trained.model) and loaded.trouble))
    assert "cannot be reached" in (loaded.trouble or "")
    assert serving.get(trained.model) is loaded


def test_batch_scores(trained: Trained, filled: Settings) -> None:
    made = predict.score(filled, "demo")
    lines = [json.loads(line) for line in made.path.read_text().splitlines()]
    latest = store.latest(filled, SPEC.service, "demo")
    assert made.rows == len(lines) == latest.table.num_rows
    assert len({line["prediction_id"] for line in lines}) == len(lines)
    first = lines[0]
    assert first["model_name"] == "churn.demo"
    assert first["model_version"] == trained.versions["boosted"]
    assert (first["as_of_date"], first["feature_service"]) == ("2026-10-31", "churn_v1")
    assert first["warehouse_version"] == "v000001"
    assert all(0 <= line["score"] <= 1 and line["reason_1"] for line in lines)
    tenths = np.bincount([line["decile"] for line in lines])[1:]
    assert len(tenths) == 10
    assert tenths.max() - tenths.min() <= 1
    means = [np.mean([line["score"] for line in lines if line["decile"] == d]) for d in range(1, 11)]
    assert means == sorted(means, reverse=True)


def test_scoring_twice_gives_the_same_file(trained: Trained, filled: Settings) -> None:
    first = predict.score(filled, "demo")
    before = first.path.read_bytes()
    again = predict.score(filled, "demo")
    assert again.already
    assert again.path == first.path
    assert again.path.read_bytes() == before


def test_deciles_of_few() -> None:
    assert scoring.deciles([0.1, 0.9, 0.5]).tolist() == [7, 1, 4]
    assert scoring.deciles([]).tolist() == []
