"""`nexus stats` counts what is discovered: every count is held equal to what another way of asking says."""

from __future__ import annotations

import ast
import importlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from nexus import stats
from nexus.cli import LAYERS, build
from nexus.events import known
from nexus.events.event import Event
from nexus.settings import PROJECT, Settings

SNAPSHOT = Path(__file__).parent / "graph.json"


class Foreign(Event, type="statistics.thing.made"):
    """Declared in this process, but not by Nexus."""

    thing_id: str


@pytest.fixture(scope="module")
def counts(session_settings: Settings) -> dict[str, int]:
    return stats.count(session_settings)


def test_the_graph(counts: dict[str, int], definitions: Any) -> None:
    snapshot = json.loads(SNAPSHOT.read_text())
    keys = [key for group in snapshot["groups"].values() for key in group]
    assert counts["assets"] == len(keys)
    for layer, prefixes in {
        "raw": ("raw_",), "staging": ("stg_",), "intermediate": ("int_",),
        "marts": ("dim_", "fct_", "customer_360"), "features": ("feat_",),
    }.items():  # fmt: skip
        assert counts[f"tables: {layer}"] == sum(key.startswith(prefixes) for key in keys), layer
    assert counts["checks"] > sum(len(gates) for gates in snapshot["gates"].values())
    repository = definitions.get_repository_def()
    assert counts["checks"] == len(list(repository.asset_graph.asset_check_keys))
    assert counts["jobs: Dagster"] == len({name for name in repository.job_names if name != "__ASSET_JOB"})
    assert counts["schedules: Dagster"] == len({s.name for s in repository.schedule_defs})
    assert counts["sensors"] == len({s.name for s in repository.sensor_defs})


def test_endpoints(counts: dict[str, int], session_settings: Settings) -> None:
    from api.app import create_app

    paths = create_app(session_settings).openapi()["paths"]
    assert counts["endpoints"] == sum(len(methods) for methods in paths.values())


def test_metrics_and_events(counts: dict[str, int], session_settings: Settings) -> None:
    from warehouse.dbt import manifest_path

    manifest = json.loads(manifest_path(session_settings).read_text())
    assert counts["metrics"] == len(manifest["metrics"])
    kinds = {
        (test["attached_node"], value)
        for test in manifest["nodes"].values()
        if test["resource_type"] == "test" and test.get("column_name") == "event"
        if (test.get("test_metadata") or {}).get("name") == "accepted_values"
        for value in test["test_metadata"]["kwargs"]["values"]
    }
    assert counts["kinds of event in marts"] == len(kinds) > 0


def test_types_of_event_are_those_that_slices_have_released(counts: dict[str, int]) -> None:
    released = [type_ for path in PROJECT.glob("api/*/events.json") for type_ in json.loads(path.read_text())]
    assert Foreign.type in known()
    assert counts["event types"] == len(set(released)) == len(released) > 0


def test_jobs_of_the_api_are_those_that_the_code_decorates(counts: dict[str, int]) -> None:
    said = [
        decorator.func.id
        for layer in ("nexus", "api")
        for path in (PROJECT / layer).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.AsyncFunctionDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Name)
        if decorator.func.id in ("job", "schedule")
    ]
    assert counts["jobs: API"] == len(said) > 0
    assert counts["schedules: API"] == said.count("schedule") > 0


def test_templates(counts: dict[str, int]) -> None:
    """Of pages and of what `nexus new` begins."""
    found = {
        Path(folder) / name
        for layer in ("nexus", *stats.LAYERS)
        for folder, _, names in os.walk(PROJECT / layer)
        if "templates" in Path(folder).relative_to(PROJECT).parts and "__pycache__" not in folder
        for name in names
    }
    assert counts["templates"] == len(found)
    assert {"signin.html", "contract.py.tpl"} <= {path.name for path in found}


def test_dashboards_models_sources(counts: dict[str, int]) -> None:
    from apps.streamlit.components import page
    from ml.lib.spec import models
    from orchestration.sources import discover

    assert counts["dashboards"] == len(page.discover())
    assert counts["models"] == len(models())
    assert counts["sources"] == len(discover())


def test_commands(counts: dict[str, int]) -> None:
    """As many as can be asked for their help."""
    import typer

    def leaves(command: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
        below = getattr(command, "commands", {})
        own = [] if below and not command.invoke_without_command else [path]
        return own + [leaf for name, child in below.items() for leaf in leaves(child, (*path, name))]

    assert counts["commands"] == len(set(leaves(typer.main.get_command(build()))))


@pytest.mark.slow  # collects every test of the house in another process
def test_tests_are_those_that_pytest_finds() -> None:
    """pytest itself, asked for one folder, finds as many functions."""
    import subprocess
    import sys

    folder = PROJECT / "tests" / "architecture"
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", str(folder)]
    listed = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.splitlines()
    functions = {line.partition("[")[0] for line in listed if "::" in line}
    assert stats.tests(folder) == len(functions) > 0


def test_only_layers_that_exist_are_asked() -> None:
    assert {layer for layer in stats.LAYERS if (PROJECT / layer / "stats.py").exists()} == set(stats.LAYERS)
    assert set(LAYERS) <= set(stats.LAYERS)
    for layer in stats.LAYERS:
        assert callable(importlib.import_module(f"{layer}.stats").stats)


def test_counts_are_remembered_until_the_code_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = iter([{"tests": 1}, {"tests": 2}])
    monkeypatch.setattr(stats, "count", lambda _: next(made))
    settings = Settings(home=tmp_path)
    assert stats.counted(settings) == stats.counted(settings) == {"tests": 1}
    monkeypatch.setattr(stats, "fingerprint", lambda: "other")
    assert stats.counted(settings) == {"tests": 2}
    assert len(list((tmp_path / "cache").iterdir())) == 1
