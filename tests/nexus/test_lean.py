"""What a command does without is not imported in its process, and nobody else misses it."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys

import pytest

from nexus import lean
from nexus.settings import PROJECT, Settings


def test_landing_imports_no_pandas(settings: Settings) -> None:
    """DuckDB and Arrow are in use, and take what cannot be imported for what is not installed."""
    assert settings.database_url
    fixtures = str(PROJECT / "orchestration" / "sources" / "okta" / "fixtures")
    url = settings.database_url.get_secret_value()
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "nexus", "ingest", "okta", fixtures, "--workspace", "acme"],
        cwd=PROJECT, env={**os.environ, "NEXUS_HOME": str(settings.home), "NEXUS_DATABASE_URL": url},
        capture_output=True, text=True,
    )  # fmt: skip
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert done.returncode == 0, done.stderr[-2000:]
    assert {"duckdb", "pyarrow"} <= imported
    assert not {name for name in imported if name.startswith("pandas.")}, "asked for, and not found"


def test_a_process_of_others_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = [*sys.meta_path]
    monkeypatch.setattr(sys, "meta_path", [*before])
    assert lean.lean(lambda: sys.meta_path == before)()
    monkeypatch.setattr(lean, "_owned", True)
    monkeypatch.delitem(sys.modules, "pandas", raising=False)
    with pytest.raises(ModuleNotFoundError, match="without pandas"):
        lean.lean(lambda: importlib.import_module("pandas"))()
