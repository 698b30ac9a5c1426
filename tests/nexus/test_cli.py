"""The command line's edges: discovery, exit codes, messages; and what `status` and `doctor` say of a bare folder."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from nexus import cli
from nexus.errors import ConflictError, ContractError, GateError, InputError, MachineError, NexusError, NotFoundError
from nexus.settings import get_settings

runner = CliRunner()


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setenv("NEXUS_HOME", str(tmp_path / "home"))
    # a server nobody runs: these tests must not start one
    monkeypatch.setenv("NEXUS_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none?connect_timeout=1")
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def test_commands_are_discovered() -> None:
    names = {c.name or c.callback.__name__ for c in cli.build().registered_commands if c.callback}
    assert {"up", "down", "status", "logs", "doctor", "demo", "docs"} <= names


def test_help_imports_nothing_heavy() -> None:
    import subprocess

    code = (
        "import sys; from nexus.cli import build; build();"
        "heavy = {'duckdb', 'polars', 'dbt', 'dagster', 'mlflow', 'feast', 'streamlit', 'fastapi', 'psycopg'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("error", "code"),
    [(InputError, 2), (NotFoundError, 3), (ContractError, 4), (ConflictError, 5), (GateError, 6), (MachineError, 7)],
)
def test_an_error_is_one_message_and_an_exit_code(
    error: type[NexusError], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> typer.Typer:
        raise error("the file [x] is wrong", remedy="mend it")

    monkeypatch.setattr(cli, "build", broken)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == code
    shown = capsys.readouterr().err
    assert "the file [x] is wrong" in shown
    assert "mend it" in shown
    assert "Traceback" not in shown


def test_status_of_what_never_ran() -> None:
    result = runner.invoke(cli.build(), ["status", "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"running": False, "services": []}


def test_logs_of_an_unknown_service_name_those_there_are(tmp_path: Path) -> None:
    logs = tmp_path / "home" / "logs"
    logs.mkdir(parents=True)
    (logs / "api.log").write_text("one\ntwo\n")
    assert runner.invoke(cli.build(), ["logs", "api", "-n", "1"]).stdout == "two\n"
    result = runner.invoke(cli.build(), ["logs", "apj"])
    assert isinstance(result.exception, NotFoundError)
    assert "api" in str(result.exception)


def test_doctor_names_a_taken_port_and_an_unreachable_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        monkeypatch.setenv("NEXUS_API_PORT", str(port))
        get_settings.cache_clear()
        result = runner.invoke(cli.build(), ["doctor", "--json"])
    findings = {f["subject"]: f for f in json.loads(result.stdout)}
    assert result.exit_code == 1
    assert findings[f"port {port}"]["level"] == "fail"
    assert "NEXUS_API_PORT" in findings[f"port {port}"]["remedy"]
    assert findings["PostgreSQL"]["level"] == "fail"
    assert findings["warehouse"]["level"] == "warn"


def test_doctor_sees_a_dead_supervisor(tmp_path: Path) -> None:
    run = tmp_path / "home" / "run"
    run.mkdir(parents=True)
    (run / "supervisor.json").write_text('{"supervisor": 4194000, "created": 1, "marker": "x", "services": []}')
    result = runner.invoke(cli.build(), ["doctor", "--json"])
    findings = {f["subject"]: f for f in json.loads(result.stdout)}
    assert findings["supervisor"]["level"] == "fail"
    assert "nexus down" in findings["supervisor"]["remedy"]


def test_doctor_sees_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 0))  # type: ignore[attr-defined]
    result = runner.invoke(cli.build(), ["doctor", "--json"])
    assert {f["subject"]: f["level"] for f in json.loads(result.stdout)}["disk"] == "fail"
