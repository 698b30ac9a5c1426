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
from orchestration.sources.tabular.mapping import KNOWN
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


def cards(path: Path, *customers: str) -> Path:
    header = "TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT,TX_FRAUD,TX_FRAUD_SCENARIO"
    rows = [f"{path.stem}{n},2026-01-01 10:00:00,{who},t1,1.50,0,0" for n, who in enumerate(customers)]
    path.write_bytes("\n".join([header, *rows]).encode("latin-1"))
    return path


def test_what_came_with_a_mapping_is_tried_again_with_it(app: typer.Typer, tmp_path: Path) -> None:
    """A known one; and one in a file of one's own, which has to be named once more."""
    run = CliRunner().invoke
    path = cards(tmp_path / "known.csv", "Jose", "José")
    first = run(app, ["ingest", "tabular", str(path), "-w", "mapped"])
    own = tmp_path / "own.yml"
    own.write_text((KNOWN / "card_transactions.yml").read_text().replace("name: card_transactions", "name: own"))
    path = cards(tmp_path / "own.csv", "Anna", "Zoé")
    assert run(app, ["ingest", "tabular", str(path), "-w", "mapped", "-m", str(own)]).exit_code == 0

    told = printed(first.output, "quarantine replay")
    again = run(app, told)
    assert "tried 1: landed 1, duplicate 0, still bad 0" in again.output
    assert isinstance(again.exception, NotFoundError)
    assert "there is no mapping 'own'" in str(again.exception)
    done = run(app, [*told, "--mapping", str(own)])
    assert "tried 1: landed 1, duplicate 0, still bad 0" in done.output, done.output
    assert run(app, [*told, "-m", str(own)]).output.startswith("tried 0:")
    refused = run(app, ["quarantine", "replay", "okta", "-w", "mapped", "-m", str(own)])
    assert "takes no mapping" in str(refused.exception)


def test_ingest_of_an_unknown_source(app: typer.Typer, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["ingest", "nobody", str(tmp_path)])
    assert isinstance(result.exception, NotFoundError)
    assert "known sources" in str(result.exception)
