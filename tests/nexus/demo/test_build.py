"""Sizes, folders and the command."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from nexus.cli.demo import register
from nexus.demo import Options, generate
from nexus.errors import ConflictError, InputError


@pytest.mark.parametrize(("customers", "months", "seed"), [(1, 2, 7), (1, 2, 1), (2, 3, 4), (50, 4, 7)])
def test_small_companies_are_quick_and_whole(tmp_path: Path, customers: int, months: int, seed: int) -> None:
    began = time.process_time()
    report = generate(Options(customers=customers, months=months, seed=seed), tmp_path / "x")
    assert time.process_time() - began < 10
    assert {"stripe", "s3", "okta", "email_events", "paypal"} == set(report.by_source())
    marker = json.loads((tmp_path / "x" / "demo.json").read_text())
    assert marker["total"] == report.total == sum(marker["records"].values())


def test_counts_are_those_of_the_files(written: Any) -> None:
    for name, count in written.report.records.items():
        path = written.report.folder / "export" / name
        assert path.exists()
        if ".jsonl" in name:
            assert sum(1 for _ in written.jsonl(name)) == count


def test_a_folder_with_other_files_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(ConflictError):
        generate(Options(customers=1, months=2), tmp_path, replace=True)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_an_earlier_company_is_replaced_only_when_asked(tmp_path: Path) -> None:
    first = generate(Options(customers=1, months=2, seed=1), tmp_path / "x")
    with pytest.raises(ConflictError):
        generate(Options(customers=1, months=2, seed=2), tmp_path / "x")
    second = generate(Options(customers=2, months=2, seed=2), tmp_path / "x", replace=True)
    assert second.records != first.records
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("nexus.demo.build.write_truth", broken)
    with pytest.raises(OSError, match="disk full"):
        generate(Options(customers=1, months=2), tmp_path / "x")
    assert not list(tmp_path.iterdir())


def application() -> typer.Typer:
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    return app


def test_the_command_writes_and_tells_what(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        application(), ["demo", "--customers", "2", "--months", "2", "--out", str(tmp_path / "x")]
    )
    assert result.exit_code == 0, result.output
    assert "stripe" in result.output
    assert (tmp_path / "x" / "export" / "okta" / "users.jsonl.gz").exists()


def test_the_command_refuses_bad_options(tmp_path: Path) -> None:
    result = CliRunner().invoke(application(), ["demo", "--months", "1", "--out", str(tmp_path / "x")])
    assert isinstance(result.exception, InputError)
    assert not list(tmp_path.iterdir())
