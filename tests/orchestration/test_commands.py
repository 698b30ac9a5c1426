"""`nexus ingest`: what it says, in words and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from nexus.errors import NotFoundError
from nexus.settings import Settings
from orchestration import commands


@pytest.fixture
def app(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    monkeypatch.setattr("nexus.settings.get_settings", lambda: settings)
    application = typer.Typer()
    application.command("ingest")(commands.ingest)
    application.command("other")(lambda: None)
    return application


def test_ingest_counts(app: typer.Typer, tmp_path: Path) -> None:
    user = {
        "id": "00u1",
        "status": "ACTIVE",
        "created": "2026-01-01T00:00:00.000Z",
        "profile": {"login": "a@b.example"},
    }
    (tmp_path / "users.jsonl").write_text(json.dumps(user) + "\n" + json.dumps(user) + "\nnonsense\n")
    (tmp_path / "notes.pdf").write_text("x")
    run = CliRunner().invoke
    first = run(app, ["ingest", "okta", str(tmp_path), "--workspace", "ingest-test", "--json"])
    assert first.exit_code == 0, first.output
    said = json.loads(first.output)
    assert [said[k] for k in ("read", "landed", "duplicate", "quarantined")] == [3, 1, 1, 1]
    assert said["tables"]["user"] == {"read": 2, "landed": 1, "duplicate": 1, "quarantined": 0}
    assert said["ignored_files"] == ["notes.pdf"]
    again = run(app, ["ingest", "okta", str(tmp_path), "--workspace", "ingest-test"]).output
    assert "okta → workspace ingest-test" in again
    assert "1 file had landed before" in again


def test_ingest_of_an_unknown_source(app: typer.Typer, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["ingest", "nobody", str(tmp_path)])
    assert isinstance(result.exception, NotFoundError)
    assert "known sources" in str(result.exception)
