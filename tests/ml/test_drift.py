"""Drift with the real Evidently: what has moved is found, what has not is left alone, few rows say nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml.lib import drift
from ml.lib.drift.core import MINIMUM_CURRENT
from ml.models.churn.train import Trained
from nexus.settings import Settings


@pytest.fixture(scope="module")
def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    random = np.random.default_rng(5)
    before = pd.DataFrame(
        {"calm": random.normal(size=3000), "moved": random.normal(size=3000), "flag": random.random(3000) < 0.5}
    )
    now = pd.DataFrame(
        {"calm": random.normal(size=3000), "moved": random.normal(1, 1, 3000), "flag": random.random(3000) < 0.5}
    )
    before["gone"], now["gone"] = 1.0, np.nan
    before["never"] = now["never"] = np.nan
    return before.astype(float), now.astype(float)


@pytest.fixture(scope="module")
def found(
    tables: tuple[pd.DataFrame, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory
) -> tuple[drift.Drift, Path]:
    html = tmp_path_factory.mktemp("drift") / "report.html"
    return drift.compare(*tables, html), html


def test_what_moved_is_found(found: tuple[drift.Drift, Path]) -> None:
    by_name = {c.column: c for c in found[0].columns}
    assert {n for n, c in by_name.items() if c.drifted} == {"moved", "gone"}
    assert by_name["moved"].distance == pytest.approx(1.0, abs=0.15)
    assert (by_name["gone"].distance, by_name["gone"].unknown_current) == (None, 1.0)
    assert found[0].share == 0.4
    json.dumps(found[0].json())


def test_the_report_loads_nothing_from_outside(found: tuple[drift.Drift, Path]) -> None:
    text = found[1].read_text()
    assert len(text) > 100_000
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)\s*=\s*\"?https?:", text)


def test_too_few_rows_say_nothing(tables: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    few = drift.Drift(drift.compare(*tables).columns, 1.0, 3000, MINIMUM_CURRENT - 1)
    verdict = drift.check(few)
    assert verdict.passed
    assert not verdict.enough
    assert "too few rows" in verdict.message


def test_too_much_drift_fails(found: tuple[drift.Drift, Path]) -> None:
    assert drift.check(found[0], share=0.5).passed
    verdict = drift.check(found[0], share=0.3)
    assert not verdict.passed
    assert "2 of 5 features have drifted" in verdict.message


def test_the_churn_models_features(trained: Trained, filled: Settings) -> None:
    made = drift.report(filled, "demo")
    assert made.drift.rows_reference > made.drift.rows_current > 100
    assert {c.column for c in made.drift.columns} >= {"logins_30d", "mrr_minor"}
    result = json.loads((made.result.parent / "latest.json").read_text())
    assert result["model_version"] == trained.versions["boosted"]
    assert result["message"] == made.verdict.message == str(made)
    assert set(made.drifted) == {c["column"] for c in result["columns"] if c["drifted"]}
    assert made.html.stat().st_size > 100_000
