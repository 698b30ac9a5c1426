"""How much there is of what: counted from what the code discovers, never from a list.

Belongs here: finding the layers' own counts (`<layer>/stats.py` offers `stats(settings)`), and those of the kernel and
the tests. Does not belong here: what a layer counts. A test holds every count equal to what discovery says elsewhere.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import json
import os
from pathlib import Path

from nexus.settings import PROJECT, Settings

#: Layers that count something, in the order in which their counts are shown.
LAYERS = ("api", "orchestration", "warehouse", "features", "ml", "apps")


#: What counts may depend on.
_CODE = ("*.py", "*.sql", "*.yml", "*.tpl")


def counted(settings: Settings) -> dict[str, int]:
    """`count`, worked out once for the code as it is now: Dagster's graph alone takes seconds."""
    path = settings.home / "cache" / f"stats-{fingerprint()}.json"
    if path.exists():
        return {str(name): int(number) for name, number in json.loads(path.read_text()).items()}
    found = count(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    for old in path.parent.glob("stats-*.json"):
        old.unlink(missing_ok=True)
    scratch = path.with_suffix(f".{os.getpid()}.tmp")
    scratch.write_text(json.dumps(found))
    scratch.replace(path)
    return found


def fingerprint() -> str:
    """Changes with every file of the code, of dbt's project and of the tests."""
    digest = hashlib.sha256()
    for folder in ("nexus", *LAYERS, "transforms", "tests"):
        for pattern in _CODE:
            for path in sorted((PROJECT / folder).rglob(pattern)):
                digest.update(str(path.relative_to(PROJECT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def count(settings: Settings) -> dict[str, int]:
    """Every count by the words that people use for it."""
    found: dict[str, int] = {}
    for layer in LAYERS:
        if importlib.util.find_spec(f"{layer}.stats") is not None:
            found |= importlib.import_module(f"{layer}.stats").stats(settings)
    return found | {"commands": commands(), "templates": templates(), "tests": tests(PROJECT / "tests")}


def commands() -> int:
    """Commands of `nexus` that can be run, those of groups too."""
    import typer

    from nexus.cli import build

    def leaves(command: object) -> int:
        below = getattr(command, "commands", None)
        if below is None:
            return 1
        own = 1 if getattr(command, "invoke_without_command", False) else 0
        return own + sum(leaves(c) for c in below.values())

    return leaves(typer.main.get_command(build()))


def templates() -> int:
    """Files from which others are made: everything below a folder `templates` of any layer."""
    layers = ("nexus", *LAYERS)
    return sum(1 for layer in layers for p in (PROJECT / layer).rglob("templates/**/*") if p.is_file() and _kept(p))


def tests(folder: Path) -> int:
    """Test functions; one that runs with many parameters counts once."""
    return sum(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
        for path in folder.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
    )


def _kept(path: Path) -> bool:
    return "__pycache__" not in path.parts
