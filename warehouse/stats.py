"""What the warehouse counts: relations by layer, metrics, kinds of event, business rules: from the files of the project.

Belongs here: counting files. Does not belong here: raw tables (their contracts are counted by orchestration).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from nexus.settings import Settings
from warehouse.dbt import PROJECT_DIR

MODELS = PROJECT_DIR / "models"
LAYERS = ("staging", "intermediate", "marts", "features")


def stats(settings: Settings) -> dict[str, int]:
    from warehouse.quality import discover_rules

    tables = {f"tables: {layer}": sum(1 for _ in (MODELS / layer).rglob("*.sql")) for layer in LAYERS}
    return {
        **tables,
        "metrics": sum(len(d.get("metrics", [])) for d in _documents(MODELS / "metrics")),
        "kinds of event in marts": len(kinds_of_event()),
        "business rules": len(discover_rules()),
    }


def kinds_of_event() -> set[tuple[str, str]]:
    """Kinds of event that marts tell apart, as (relation, kind): the closed list of every column called `event`."""
    found = set()
    for document in _documents(MODELS / "marts"):
        for model in document.get("models", []):
            for column in model.get("columns", []):
                for test in column.get("data_tests", []) if column["name"] == "event" else []:
                    values = test.get("accepted_values", {}).get("arguments", {}).get("values", [])
                    found |= {(model["name"], value) for value in values}
    return found


def _documents(folder: Path) -> list[dict[str, Any]]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [yaml.load(path.read_text(), Loader=loader) or {} for path in sorted(folder.rglob("*.yml"))]
