"""Imports point one way: nexus ← warehouse ← features ← ml ← orchestration; api and orchestration never meet."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

#: What each layer may import of the others.
ALLOWED: dict[str, set[str]] = {
    "nexus": set(),
    "warehouse": {"nexus"},
    "features": {"nexus", "warehouse"},
    "ml": {"nexus", "warehouse", "features"},
    "orchestration": {"nexus", "warehouse", "features", "ml"},
    "api": {"nexus", "warehouse", "features", "ml"},
    "apps": {"nexus", "warehouse"},
    "bench": {"nexus", "warehouse", "features", "ml", "orchestration", "api"},
}
#: The pages read marts and their neighbours in the warehouse, never the machinery that builds them.
PAGES_MAY_READ = {"warehouse.marts", "warehouse.metrics", "warehouse.versions"}
HEAVY = {"evidently", "great_expectations", "feast", "mlflow", "dagster", "dbt", "metricflow"}
LAZY_LAYERS = {"nexus", "warehouse", "features", "ml", "api"}


def _imports(path: Path, top_level_only: bool = False) -> list[tuple[int, str]]:
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else ast.walk(tree)
    found: list[tuple[int, str]] = []
    for node in nodes:
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found += [(node.lineno, node.module)]
            found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    return found


def _files(layer: str) -> list[Path]:
    return sorted((ROOT / layer).rglob("*.py"))


@pytest.mark.parametrize("layer", ALLOWED)
def test_direction(layer: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}; {layer} may use {sorted(ALLOWED[layer]) or None}"
        for path in _files(layer)
        for line, name in _imports(path)
        if (top := name.split(".")[0]) in ALLOWED and top != layer and top not in ALLOWED[layer]
    ]
    assert not wrong, "\n".join(wrong)


def test_pages_read_only_what_is_published() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}; pages read through {sorted(PAGES_MAY_READ)}"
        for path in _files("apps")
        for line, name in _imports(path)
        if name.startswith("warehouse.") and not any(name == m or name.startswith(f"{m}.") for m in PAGES_MAY_READ)
    ]
    assert not wrong, "\n".join(wrong)


def test_heavy_libraries_are_imported_where_they_are_used() -> None:
    """`evidently`, `feast` and the like cost seconds each: a command that does not need them must not pay."""
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name} at the top; import it inside the function that needs it"
        for layer in LAZY_LAYERS
        for path in _files(layer)
        if path.name != "views.py"
        for line, name in _imports(path, top_level_only=True)
        if name.split(".")[0] in HEAVY
    ]
    assert not wrong, "\n".join(wrong)


def test_environment_is_read_in_one_place() -> None:
    """`os.environ` may be passed on to a child or set for a library; settings are read by nexus/settings.py, and what a
    connection refers to as `env:NAME` by nexus/secrets.py.
    """
    wrong = []
    for layer in ALLOWED:
        for path in _files(layer):
            if path == ROOT / "nexus" / "secrets.py":
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                reads = isinstance(node, ast.Call) and ast.unparse(node.func) in {"os.getenv", "os.environ.get"}
                if reads:
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} reads the environment")  # type: ignore[attr-defined]
    assert not wrong, "\n".join(wrong)
