"""Predictions over HTTP: what is answered, what is refused, and that it equals the batch."""

from __future__ import annotations

import json

import httpx
import pytest

from api import credentials
from features import store
from ml.models.churn import predict
from nexus.settings import Settings

PREDICT = "/v1/models/churn:predict"


@pytest.fixture
def current(served: Settings) -> list[str]:
    """Customers of the newest snapshot."""
    return [str(c) for c in store.latest(served, "churn_v1", "demo").table["customer_id"].to_pylist()]


@pytest.fixture
def lapsed(served: Settings, current: list[str]) -> str:
    found = store.Online(served).customers("demo", 1, lapsed=True)[0]
    assert found not in set(current)
    return found


def test_predictions_equal_the_batch(caller: httpx.Client, served: Settings, current: list[str]) -> None:
    batch = {}
    for line in predict.score(served, "demo").path.read_text().splitlines():
        record = json.loads(line)
        batch[record["customer_id"]] = record
    for asked in (current[:1], current[:60]):
        answer = caller.post(PREDICT, json={"customer_ids": asked}).json()
        assert [p["customer_id"] for p in answer["predictions"]] == asked
        for found in answer["predictions"]:
            expected = batch[found["customer_id"]]
            assert found["score"] == expected["score"]
            assert [r["text"] for r in found["reasons"]] == [expected[f"reason_{i}"] for i in (1, 2, 3)]
            assert found["event_timestamp"] == "2026-11-01T00:00:00Z"
    assert answer["model_name"] == "churn.demo"
    assert answer["model_role"] == "champion"
    assert (answer["feature_service"], answer["warehouse_version"]) == ("churn_v1", "v000001")
    assert answer["model_version"] == batch[current[0]]["model_version"]


def test_reasons_can_be_left_out_and_repeats_are_answered_twice(caller: httpx.Client, current: list[str]) -> None:
    answer = caller.post(PREDICT, json={"customer_ids": [current[1], current[0], current[1]], "reasons": 0}).json()
    assert [p["customer_id"] for p in answer["predictions"]] == [current[1], current[0], current[1]]
    assert all(p["reasons"] == [] for p in answer["predictions"])


def test_unknown_and_lapsed_customers_make_one_clear_problem(
    caller: httpx.Client, current: list[str], lapsed: str
) -> None:
    response = caller.post(PREDICT, json={"customer_ids": [current[0], "cus_nobody", lapsed]})
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"] == "urn:nexus:problem:unknown_customer"
    assert [(e["code"], e["value"], e["pointer"]) for e in problem["errors"]] == [
        ("unknown_customer", "cus_nobody", "#/customer_ids/1"),
        ("lapsed_customer", lapsed, "#/customer_ids/2"),
    ]
    assert problem["instance"] == PREDICT
    assert problem["remedy"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/customer_ids"),
        ({"customer_ids": []}, "#/customer_ids"),
        ({"customer_ids": [""]}, "#/customer_ids/0"),
        ({"customer_ids": [7]}, "#/customer_ids/0"),
        ({"customer_ids": ["a"] * 1001}, "#/customer_ids"),
        ({"customer_ids": ["a"], "reasons": 99}, "#/reasons"),
        ({"customer_ids": ["a"], "extra": 1}, "#/extra"),
    ],
)
def test_unusable_requests(caller: httpx.Client, body: object, pointer: str) -> None:
    response = caller.post(PREDICT, json=body)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert pointer in {e["pointer"] for e in response.json()["errors"]}


def test_models_are_listed_and_shown(caller: httpx.Client) -> None:
    listed = caller.get("/v1/models").json()["models"]
    assert [(m["name"], m["trained"], m["role"], m["horizon_days"]) for m in listed] == [
        ("churn", True, "champion", 60)
    ]
    shown = caller.get("/v1/models/churn").json()
    assert shown["card"].startswith("# Churn model of workspace `demo`")
    assert "logins_30d" in shown["features"]
    assert len(shown["dataset_sha256"]) == 64


def test_a_model_that_is_not_there(caller: httpx.Client) -> None:
    for response in (
        caller.get("/v1/models/fraud"),
        caller.post("/v1/models/fraud:predict", json={"customer_ids": ["a"]}),
    ):
        assert response.status_code == 404
        assert response.json()["remedy"] == "there are: churn"


def test_a_workspace_without_a_model(anyone: httpx.Client, served: Settings) -> None:
    anyone.headers["Authorization"] = f"Bearer {credentials.issue(served, ['young'])}"
    assert anyone.get("/v1/models").json()["models"][0]["trained"] is False
    response = anyone.post(PREDICT, json={"customer_ids": ["cus_young_00001"]})
    assert response.status_code == 404
    assert "no churn model has been trained for workspace 'young'" in response.json()["detail"]
    assert "nexus train churn --workspace young" in response.json()["remedy"]
