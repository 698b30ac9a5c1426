"""`nexus ingest`: what it says, in words and for programs."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from nexus.errors import NotFoundError
from nexus.settings import Settings
from orchestration import commands
from warehouse.commands import quarantine


@pytest.fixture
def app(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    monkeypatch.setattr("nexus.settings.get_settings", lambda: settings)
    application = typer.Typer()
    application.command("ingest")(commands.ingest)
    application.add_typer(quarantine, name="quarantine")
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


def users(path: Path, count: int = 3, encoding: str = "latin-1", **more: object) -> Path:
    rows = [
        {
            "id": f"00u{n}", "status": "ACTIVE", "created": "2026-01-01T00:00:00.000Z",
            "profile": {"login": f"{n}@b.example", "firstName": "José"},
        }
        | more
        for n in range(count)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding=encoding)
    return path


def printed(output: str, command: str) -> list[str]:
    """The arguments of the one command of `nexus` that `output` says begins with `command`."""
    (found,) = re.findall(rf"nexus ({command}.*)", output)
    return shlex.split(found)


def test_the_remedy_for_another_encoding_runs_as_it_is_printed(app: typer.Typer, tmp_path: Path) -> None:
    run = CliRunner().invoke
    first = run(app, ["ingest", "okta", str(users(tmp_path / "a.jsonl")), "-w", "latin-test"])
    assert first.exit_code == 4, first.output
    told = printed(first.output, "quarantine replay")
    assert told == ["quarantine", "replay", "okta", "--workspace", "latin-test", "--encoding", "cp1252"]
    assert "landed 3, duplicate 0, still bad 0" in run(app, told).output


def test_the_remedy_for_a_contract_that_is_wrong_runs_as_it_is_printed(app: typer.Typer, tmp_path: Path) -> None:
    run = CliRunner().invoke
    path = users(tmp_path / "a.jsonl", encoding="utf-8", created="never")
    first = run(app, ["ingest", "okta", str(path), "-w", "contract-test"])
    told = printed(first.output, "quarantine replay")
    assert told == ["quarantine", "replay", "okta", "--workspace", "contract-test"]
    again = run(app, told)
    assert again.exit_code == 0, again.output
    assert "tried 3: landed 0, duplicate 0, still bad 3" in again.output


def test_ingest_of_an_unknown_source(app: typer.Typer, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["ingest", "nobody", str(tmp_path)])
    assert isinstance(result.exception, NotFoundError)
    assert "known sources" in str(result.exception)
