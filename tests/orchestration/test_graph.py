"""What the asset graph holds: a snapshot makes discovery reviewable, rules hold for whatever is discovered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetCheckKey, AssetKey, Definitions

from nexus.settings import Settings
from orchestration import sources
from warehouse.quality import discover_rules

SNAPSHOT = Path(__file__).parent / "graph.json"


def _names(keys: Any) -> set[str]:
    return {key.path[-1] for key in keys}


def _is_gate(key: AssetCheckKey, graph: Any) -> bool:
    return "dagster_dbt/unique_id" not in graph.get_check_spec(key).metadata


def test_snapshot(graph: Any) -> None:
    """Keys by group, and gates by relation. To accept a change: delete graph.json, run again, commit."""
    groups: dict[str, list[str]] = {}
    for key in graph.get_all_asset_keys():
        groups.setdefault(graph.get(key).group_name, []).append(key.path[-1])
    gates: dict[str, list[str]] = {}
    for key in graph.asset_check_keys:
        if _is_gate(key, graph):
            gates.setdefault(key.asset_key.path[-1], []).append(key.name)
    found = {
        "groups": {name: sorted(keys) for name, keys in sorted(groups.items())},
        "gates": {name: sorted(checks) for name, checks in sorted(gates.items())},
    }
    if not SNAPSHOT.exists():
        SNAPSHOT.write_text(json.dumps(found, indent=1) + "\n")
        pytest.fail(f"{SNAPSHOT.name} was missing and has been written: look at it and commit it")
    assert found == json.loads(SNAPSHOT.read_text()), f"delete tests/orchestration/{SNAPSHOT.name} to accept the change"


def test_every_raw_table_is_an_asset_behind_a_blocking_contract(graph: Any) -> None:
    for source in sources.discover().values():
        for table in source.tables:
            key = AssetKey([table.relation])
            assert graph.has(key), table.relation
            assert graph.get(key).group_name == source.name
            spec = graph.get_check_spec(AssetCheckKey(key, "contract"))
            assert spec.blocking, table.relation
            assert graph.get(key).freshness_policy_or_from_metadata.fail_window.to_timedelta() == table.freshness


def test_every_rule_is_a_blocking_check(graph: Any) -> None:
    for rule in discover_rules():
        spec = graph.get_check_spec(AssetCheckKey(AssetKey([rule.mart]), rule.name))
        assert spec.blocking
        assert _names(dep.asset_key for dep in spec.additional_deps) == rule.reads - {rule.mart}


def test_every_mart_and_feature_is_gated_and_published(graph: Any) -> None:
    published = _names(graph.get(AssetKey(["published_warehouse"])).parent_keys)
    published |= _names(graph.get(AssetKey(["published_predictions"])).parent_keys)
    for key in graph.get_all_asset_keys():
        if graph.get(key).tags.get("nexus/layer") in {"marts", "features"}:
            assert key.path[-1] in published
            assert graph.get_check_spec(AssetCheckKey(key, "volume")).blocking


def test_one_path_from_exports_to_drift(graph: Any) -> None:
    """Everything that a source brings ends in the publication, and that in predictions and drift."""

    def below(start: str) -> set[str]:
        seen, todo = set(), [AssetKey([start])]
        while todo:
            for child in graph.get(todo.pop()).child_keys:
                if child not in seen:
                    seen.add(child)
                    todo.append(child)
        return _names(seen)

    assert {
        "published_warehouse",
        "churn_model",
        "churn_scores",
        "fct_prediction",
        "published_predictions",
        "churn_drift",
    } <= below("raw_stripe__charge")
    assert "raw_nexus__churn_score" in below("churn_scores")


def test_every_asset_says_what_it_is(graph: Any) -> None:
    silent = []
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        if not (node.description and node.owners and node.kinds and node.group_name):
            silent.append(key.path[-1])
    assert not silent, f"description, owners, kinds or group missing: {silent}"


def test_two_rules_of_order(graph: Any, definitions: Any) -> None:
    """A gate of marts runs between them and the features; publication waits for both."""
    steps = {node.name for node in definitions.resolve_job_def("build").nodes}
    assert {"dbt_marts", "gate_marts", "dbt_features", "gate_features", "published_warehouse"} <= steps
    job = definitions.resolve_job_def("build").graph
    assert _waits(job, "dbt_features") >= {"gate_marts", "dbt_marts"}
    assert _waits(job, "published_warehouse") >= {"gate_marts", "gate_features"}
    assert _waits(job, "dbt_marts") >= {f"gate_{s}" for s in sources.discover() if s != "nexus"}


def test_every_model_that_is_found_is_trained_scored_and_watched(
    session_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second folder of models needs no entry anywhere."""
    from orchestration.defs import models

    real = models.spec
    monkeypatch.setattr(models, "models", lambda: ("churn", "vip"))
    monkeypatch.setattr(models, "spec", lambda model: real("churn"))
    made = {key.path[-1] for each in models.assets(session_settings) for key in each.keys}
    assert made == {"online_features"} | {
        f"{m}_{what}" for m in ("churn", "vip") for what in ("model", "scores", "drift")
    }
    assert models.learning() == ("churn_model", "churn_drift", "vip_model", "vip_drift")
    assert models.produced_by()["raw_nexus__churn_score"] == ["churn_scores", "vip_scores"]


def _waits(graph: Any, step: str) -> set[str]:
    found: set[str] = set()
    for dependency in graph.dependencies.items():
        node, inputs = dependency
        if (node.alias or node.name) == step:
            for definition in inputs.values():
                found |= {d.node for d in definition.get_node_dependencies()}
    return found


def test_schedules_run_jobs_that_exist(definitions: Any, session_settings: Settings) -> None:
    repository = definitions.get_repository_def()
    assert {s.name: s.job_name for s in repository.schedule_defs} == {
        "hourly_refresh": "refresh", "daily_training": "train", "weekly_drift": "drift",
        "nightly_compaction": "compact",
        "quarterly_pull": "pull_sources",
    }  # fmt: skip
    assert {s.job_name for s in repository.schedule_defs} <= set(repository.job_names)


def test_refresh_learns_nothing(definitions: Any) -> None:
    steps = {node.name for node in definitions.resolve_job_def("refresh").nodes}
    assert "churn_scores" in steps
    assert not steps & {"churn_model", "churn_drift"}


def test_what_is_made_of_a_table(session_settings: Settings) -> None:
    from orchestration.lib import dbt_assets

    manifest = dbt_assets.manifest(session_settings)
    of_inventory = dbt_assets.descendants(manifest, ["raw_s3__inventory"])
    assert {"stg_s3__inventory", "int_files__storage", "fct_storage_snapshot", "customer_360"} <= of_inventory
    assert not of_inventory & {"stg_s3__access_log", "fct_file_event", "fct_login", "fct_payment"}
    assert dbt_assets.descendants(manifest, []) == frozenset()


def test_relations_are_told_after_what_they_are_made_of(session_settings: Settings) -> None:
    from orchestration.lib import dbt_assets

    manifest = dbt_assets.manifest(session_settings)
    told = dbt_assets._in_order(manifest, dbt_assets.names(manifest, "config.schema:marts config.schema:intermediate"))
    place = {name: number for number, name in enumerate(told)}
    assert place["int_files__event"] < place["fct_file_event"] < place["int_customer__activity"] < place["customer_360"]
    assert place["fct_storage_snapshot"] < place["int_customer__activity"]


def test_no_step_is_run_in_parts(definitions: Definitions) -> None:
    """Dagster cuts a step in two where the graph would go round: half of it would then run before its raw tables."""
    for name in ("refresh", "arrivals"):
        steps = {node.name for node in definitions.resolve_job_def(name).graph.nodes}
        assert not [step for step in steps if step.rpartition("_")[2].isdigit()], name
