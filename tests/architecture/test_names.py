"""Every relation's name says its layer, source or domain, and subject; every model has its sibling YAML."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

MODELS = Path(__file__).resolve().parents[2] / "transforms" / "dbt" / "models"

GRAMMAR = {
    "staging": r"stg_(?P<folder>[a-z0-9]+(?:_[a-z0-9]+)*)__[a-z0-9]+(?:_[a-z0-9]+)*",
    "intermediate": r"int_[a-z0-9]+(?:_[a-z0-9]+)*__[a-z0-9]+(?:_[a-z0-9]+)*",
    "marts": r"(?:dim|fct)_[a-z0-9]+(?:_[a-z0-9]+)*|customer_360",
    "features": r"feat_[a-z0-9]+(?:_[a-z0-9]+)*__[a-z0-9]+(?:_[a-z0-9]+)*",
    "metrics": r"metricflow_time_spine|[a-z0-9_]+",
}


def _models() -> list[Path]:
    return sorted(MODELS.rglob("*.sql"))


def test_names_follow_the_grammar() -> None:
    wrong = []
    for path in _models():
        layer = path.relative_to(MODELS).parts[0]
        match = re.fullmatch(GRAMMAR[layer], path.stem)
        if not match:
            wrong.append(f"{path.relative_to(MODELS)}: a relation of {layer} is named {GRAMMAR[layer]}")
        elif layer == "staging" and match["folder"] != path.parent.name:
            wrong.append(f"{path.relative_to(MODELS)}: lies in staging/{path.parent.name}, names {match['folder']}")
    assert not wrong, "\n".join(wrong)
    assert _models()


def test_every_model_has_a_sibling_that_describes_it() -> None:
    wrong = []
    for path in _models():
        sibling = path.with_suffix(".yml")
        if not sibling.exists():
            wrong.append(f"{path.relative_to(MODELS)} has no {sibling.name}")
            continue
        models = {m["name"]: m for m in (yaml.safe_load(sibling.read_text()) or {}).get("models", [])}
        if path.stem not in models:
            wrong.append(f"{sibling.relative_to(MODELS)} does not describe {path.stem}")
        elif not models[path.stem].get("description", "").strip():
            wrong.append(f"{sibling.relative_to(MODELS)}: description is empty; it opens with the grain")
    assert not wrong, "\n".join(wrong)


def test_marts_and_features_enforce_their_contract() -> None:
    loose = []
    for path in _models():
        if path.relative_to(MODELS).parts[0] not in {"marts", "features"} or not path.with_suffix(".yml").exists():
            continue
        for model in (yaml.safe_load(path.with_suffix(".yml").read_text()) or {}).get("models", []):
            config = model.get("config", {})
            if not config.get("contract", {}).get("enforced"):
                loose.append(f"{path.stem}: config.contract.enforced is not set")
            columns = [c["name"] for c in model.get("columns", [])]
            if "workspace_id" not in columns:
                loose.append(f"{path.stem}: has no workspace_id")
    assert not loose, "\n".join(loose)


def test_sql_stays_readable() -> None:
    long = [f"{p.relative_to(MODELS)}: {n} lines" for p in _models() if (n := len(p.read_text().splitlines())) > 130]
    assert not long, "split it: " + ", ".join(long)
