"""A project that another process has parsed is taken as it was parsed; anything else is parsed."""

from __future__ import annotations

import json
from pathlib import Path

from nexus.settings import Settings
from tests.transforms.shared import Built
from warehouse import dbt


def test_what_was_parsed_is_taken_as_it_was(built: Built, session_settings: Settings, tmp_path: Path) -> None:
    folder = dbt.target_dir(session_settings, "duckdb")
    whole, parsed = json.loads((folder / "manifest.json").read_text()), folder / "parsed"

    kept = dbt._kept(parsed, dbt.fingerprint())
    assert kept is not None
    assert {i: n.depends_on_nodes for i, n in kept.nodes.items() if n.resource_type == "model"} == {
        i: n["depends_on"]["nodes"] for i, n in whole["nodes"].items() if n["resource_type"] == "model"
    }
    assert kept.flat_graph["nodes"].keys() == whole["nodes"].keys(), "macros look at models in it"

    assert dbt._kept(parsed, "another project") is None
    assert dbt._kept(tmp_path / "missing", dbt.fingerprint()) is None
    cut = tmp_path / "cut"
    cut.write_bytes(parsed.read_bytes()[:-1])
    assert dbt._kept(cut, dbt.fingerprint()) is None, "half of it, after the machine died"
