"""The pull and the back-fill as jobs of Dagster: one connection's trouble is its own, and a month waits for its turn."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from dagster import DagsterInstance, ExecuteInProcessResult, build_schedule_context

from nexus.connections import Connection, folder, load_all
from nexus.settings import Settings
from orchestration.defs import pulling
from orchestration.live import pull as pulls_of
from orchestration.live.landed import landed
from tests.orchestration.live.conftest import Connect
from tests.orchestration.live.test_stripe_transport import Account
from warehouse import ledger

Run = Callable[..., ExecuteInProcessResult]


@pytest.fixture
def run(settings: Settings) -> Iterator[Run]:
    jobs = {job.name: job for job in pulling.jobs(settings)}
    with DagsterInstance.ephemeral() as instance:
        yield lambda name, **options: jobs[name].execute_in_process(instance=instance, raise_on_error=False, **options)


@pytest.fixture
def connection(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """Of an account with one customer, of May 2026."""
    made = int(datetime(2026, 5, 20, tzinfo=UTC).timestamp())
    account = Account({"customers": [{"id": "cus_1", "object": "customer", "created": made}]})
    opened = pulls_of.opened
    monkeypatch.setattr(pulls_of, "opened", lambda connection, _: opened(connection, account))
    return connect("stripe", secrets={"api_key": "sk_test_1"}, streams=["customer"])


def _customers(settings: Settings, connection: Connection) -> int:
    with landed(settings, connection) as ask:
        return int(ask("select count(*) from raw_stripe__customer")[0][0])


def _failure(result: ExecuteInProcessResult) -> str:
    (event,) = result.get_step_failure_events()
    return str(event.step_failure_data.user_failure_data.description)  # type: ignore[union-attr]


def test_a_month_is_pulled_by_its_partition_and_another_is_not(
    settings: Settings, connection: Connection, run: Run
) -> None:
    assert run("backfill_sources", partition_key="2026-04-01").success
    assert _customers(settings, connection) == 0
    assert run("backfill_sources", partition_key="2026-05-01").success
    assert _customers(settings, connection) == 1


def test_a_month_waits_for_the_pull_that_runs(settings: Settings, connection: Connection, run: Run) -> None:
    held = threading.Event()

    def another() -> None:
        with ledger.connect(settings) as book, ledger.locked(book, "nexus.pull.acme.stripe"):
            held.set()
            time.sleep(3)

    other = threading.Thread(target=another)
    other.start()
    assert held.wait(20)
    result = run("backfill_sources", partition_key="2026-05-01")
    other.join()
    assert result.success
    assert not [e for e in result.all_events if e.is_step_up_for_retry]
    assert _customers(settings, connection) == 1


def test_the_queue_starts_one_month_at_a_time(settings: Settings) -> None:
    (job,) = (j for j in pulling.jobs(settings) if j.name == "backfill_sources")
    with DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(job)
    assert run.run_op_concurrency is not None
    assert run.run_op_concurrency.all_pools == {pulling.POOL}


def test_a_file_that_cannot_be_used_stops_no_other_workspace(
    settings: Settings, connection: Connection, run: Run
) -> None:
    (folder(settings) / "AAA.yml").write_text("stripe:\n")
    (folder(settings) / "aaa.yml").write_text("stripe: [oops")
    (folder(settings) / "bbb.yml").write_text("stripe:\n  since: 2026-02-30\n")
    result = run("pull_sources")
    assert _customers(settings, connection) == 1
    assert not result.success
    assert "'AAA' is not usable as a name" in _failure(result)  # the first of three
    found, faults = load_all(settings)
    assert ([c.workspace for c in found], sorted(faults)) == (["acme"], ["AAA", "aaa", "bbb"])
    mine = {"ops": {"pull_each": {"config": {"workspace": "acme"}}}}
    assert run("pull_sources", run_config=mine).success


def test_a_connection_that_meets_the_unforeseen_stops_no_other(
    settings: Settings, connection: Connection, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    path: Path = connection.path
    path.write_text(f"aaa:\n  source: stripe\n  api_key: env:TEST_API_KEY\n{path.read_text()}")
    opened = pulls_of.opened

    def broken(connection: Connection, transport: None) -> object:
        if connection.name == "aaa":
            raise KeyError("has_more")
        return opened(connection, transport)

    monkeypatch.setattr(pulls_of, "opened", broken)
    result = run("pull_sources")
    assert _customers(settings, connection) == 1
    assert _failure(result) == "acme/aaa: KeyError: 'has_more'"
    assert not [e for e in result.all_events if e.is_step_up_for_retry]


def test_what_cannot_be_asked_by_span_is_told(settings: Settings, connect: Connect, run: Run) -> None:
    connect("paypal", secrets={"client_id": "app", "client_secret": "secret"}, streams=["subscription"])
    month = {"partition_key": "2026-01-01"}
    assert run("backfill_sources", **month).success
    named = {"ops": {"backfill_each": {"config": {"connection": "paypal"}}}}
    result = run("backfill_sources", **month, run_config=named)
    assert not result.success
    assert _failure(result) == "acme/paypal: subscription cannot be asked by span"


def test_the_clock_pulls_where_a_connection_is_configured(settings: Settings, connect: Connect) -> None:
    schedule = pulling.schedule(settings, pulling.jobs(settings))
    with build_schedule_context() as context:
        assert not schedule.evaluate_tick(context).run_requests
        connect("stripe", api_key="env:NOBODY")
        assert schedule.evaluate_tick(context).run_requests
