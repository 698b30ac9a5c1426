"""`nexus jobs …` and `nexus sagas …` as an operator types them, over a saga that is stuck."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from nexus import cli, jobs, sagas
from nexus.errors import ConflictError, InputError, NotFoundError
from nexus.jobs import declare
from nexus.jobs.attempt import attempt
from nexus.sagas import Doing, Saga, Step
from nexus.settings import get_settings
from tests.nexus.jobs.house import House

runner = CliRunner()


@pytest.fixture
def typed(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Runs a command; its output, parsed if it is asked for JSON. Raises what the command raises."""
    monkeypatch.setenv("NEXUS_HOME", str(house.settings.home))
    get_settings.cache_clear()

    def type_(*words: str) -> Any:
        done = runner.invoke(cli.build(), words)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return json.loads(done.output) if "--json" in words or words[1:2] == ("show",) else done.output

    yield type_
    get_settings.cache_clear()


@pytest.fixture
def stuck(house: House) -> tuple[str, str]:
    """A saga, and a job that failed."""

    async def refused(doing: Doing) -> None:
        raise InputError("no")

    async def fine(doing: Doing) -> None: ...

    Saga("probe.typed", Step("one", fine, compensate=refused), Step("two", refused))
    before = declare.jobs()

    @jobs.job("probe.failing")
    async def failing(work: jobs.Work) -> None:
        raise InputError("never")

    async def go() -> tuple[str, str]:
        async with house.database.transaction(house.tenant) as session:
            saga = await sagas.begin(session, "probe.typed", by="usr_1")
            job = await jobs.begin(session, "probe.failing", by="usr_1")
        [[run]] = house.sql("select job_id from app.saga where id = %s", saga)
        await attempt(house.database, run)
        await attempt(house.database, job)
        return saga, job

    found = house.run(go())
    declare._register.clear()
    declare._register.update(before)
    return found


def test_sagas(typed: Callable[..., Any], stuck: tuple[str, str], house: House) -> None:
    saga, _ = stuck
    listed = {s["saga"]: s["state"] for s in typed("sagas", "list", "--state", "stuck", "--json")}
    assert listed[saga] == "stuck"
    found = typed("sagas", "show", saga, "--json")
    calls = [(c["step"], c["call"], c["error"]) for c in found["calls"]]
    assert calls == [("one", "do", ""), ("one", "undo", "InputError: no"), ("two", "do", "InputError: no")]
    with pytest.raises(ConflictError, match="no way back"):
        typed("sagas", "cancel", saga, "--reason", "not wanted")
    with pytest.raises(InputError, match="reason is blank"):
        typed("sagas", "skip", saga, "--reason", " ")
    assert typed("sagas", "skip", saga, "--reason", "done by hand").strip() == "compensated"
    [[data]] = house.sql("select data from app.events where subject = %s and type = 'sagas.saga.skipped'", saga)
    assert data["reason"] == "done by hand"
    assert data["by"].startswith("command:")
    with pytest.raises(ConflictError, match="not stuck"):
        typed("sagas", "retry", saga, "--reason", "again")
    with pytest.raises(NotFoundError):
        typed("sagas", "abandon", "sag_none", "--reason", "it is not there")


def test_jobs(typed: Callable[..., Any], stuck: tuple[str, str]) -> None:
    _, job = stuck
    failed = {j["id"]: j["error"] for j in typed("jobs", "list", "--state", "failed", "--json")}
    assert failed[job] == "InputError: never"
    assert typed("jobs", "show", job)["attempts"] == 1
    assert "waiting" in typed("jobs", "retry", job)
    assert typed("jobs", "cancel", job).strip() == "cancelled"
    with pytest.raises(ConflictError, match="cancelled already"):
        typed("jobs", "cancel", job)
    with pytest.raises(InputError, match="no state 'stopped'"):
        typed("jobs", "list", "--state", "stopped")
    with pytest.raises(NotFoundError, match="there is no job"):
        typed("jobs", "retry", "job_none")
    assert "jobs.forget" in {s["name"] for s in typed("jobs", "schedules", "--json")}
