"""`nexus sources`: what it shows, what it never shows, and its exit codes; and the same pull as a job of Dagster."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest
from dagster import DagsterInstance, Failure

from nexus.connections import workspaces
from nexus.settings import Settings
from orchestration.defs import pulling
from orchestration.live.connections import examine
from orchestration.live.landed import landed
from tests.orchestration.live.conftest import Connect


def test_without_connections_it_says_where_to_write_one(nexus_sources: Any) -> None:
    said = nexus_sources().output
    assert "connections" in said
    assert "stripe" in said


def test_pull_list_test_and_reconcile(
    nexus_sources: Any, localstripe: str, stripe: httpx.Client, connect: Connect, settings: Settings
) -> None:
    connect("stripe", secrets={"api_key": "sk_test_hidden"}, api_base=localstripe, streams=["customer"])
    before = json.loads(nexus_sources("--json", "--workspace", "acme").output)
    assert [(r["connection"], r["status"]) for r in before] == [("stripe", "never pulled")]
    stripe.post("/v1/customers", data={"email": "a@shop.example"}).raise_for_status()
    pulled = nexus_sources("pull", "stripe", "-w", "acme", "--json")
    assert pulled.exit_code == 0, pulled.output
    assert json.loads(pulled.output)[0]["landed"] == 1
    (row,) = json.loads(nexus_sources("--json", "--workspace", "acme").output)
    assert (row["status"], row["landed"], row["error"]) == ("done", 1, None)
    assert row["last_success_at"]
    assert row["options"].startswith(("api_base", "api_key=env:TEST_API_KEY"))
    for said in (nexus_sources().output, pulled.output, json.dumps(row)):
        assert "sk_test_hidden" not in said
    tested = nexus_sources("test", "stripe", "-w", "acme", "--json")
    levels = {f["subject"]: f["level"] for f in json.loads(tested.output)}
    assert levels["customers"] == "ok"
    assert levels["disputes"] == "fail"  # localstripe has none
    assert tested.exit_code == 1


def test_a_file_that_cannot_be_used_keeps_no_other_from_being_shown(
    nexus_sources: Any, connect: Connect, settings: Settings
) -> None:
    connect("stripe", secrets={"api_key": "sk_test_hidden"})
    (settings.home / "connections" / "Old Copy.yml").write_text("stripe: {}\n")
    assert workspaces(settings) == ["acme"]
    shown = nexus_sources("--json")
    assert shown.exit_code == 0, shown.output
    told = {r["workspace"]: (r["status"], r["error"]) for r in json.loads(shown.output)}
    assert told["acme"] == ("never pulled", None)
    assert told["Old Copy"] == ("unusable", "workspace 'Old Copy' is not usable as a name")
    assert nexus_sources().exit_code == 0
    levels = {f.subject: f.level for f in examine(settings)}
    assert levels == {"connections of Old Copy": "fail", "connection acme/stripe": "ok"}


def test_errors_are_told_once_and_kept(nexus_sources: Any, connect: Connect) -> None:
    connect("stripe", secrets={"api_key": "sk_test_1"}, api_base="http://127.0.0.1:9", streams=["customer"])
    unknown = nexus_sources("pull", "strpe", "-w", "acme")
    assert "it has: stripe" in str(unknown.exception)
    backwards = nexus_sources("pull", "stripe", "-w", "acme", "--from", "2026-02-01", "--until", "2026-01-01")
    assert "holds no time" in str(backwards.exception)


def test_a_stream_that_cannot_be_asked_by_span_is_named(nexus_sources: Any, connect: Connect) -> None:
    connect("paypal", secrets={"client_id": "app", "client_secret": "secret"}, streams=["subscription"])
    said = nexus_sources("pull", "paypal", "-w", "acme", "--from", "2026-01-01", "--until", "2026-02-01", "--json")
    assert [(r["stream"], r["pages"], r["note"]) for r in json.loads(said.output)] == [
        ("subscription", 0, "cannot be asked by span")
    ]
    assert "acme/paypal: subscription cannot be asked by span" in str(said.exception)


def test_the_same_as_a_job(localstripe: str, stripe: httpx.Client, connect: Connect, settings: Settings) -> None:
    connection = connect("stripe", secrets={"api_key": "sk_test_1"}, api_base=localstripe, streams=["customer"])
    stripe.post("/v1/customers", data={"email": "a@shop.example"}).raise_for_status()
    jobs = {job.name: job for job in pulling.jobs(settings)}
    with DagsterInstance.ephemeral() as instance:
        assert jobs["pull_sources"].execute_in_process(instance=instance).success
        config = {"ops": {"pull_each": {"config": {"workspace": "acme", "connection": "stripe"}}}}
        assert jobs["pull_sources"].execute_in_process(instance=instance, run_config=config).success
    with landed(settings, connection) as ask:
        assert ask("select count(*) from raw_stripe__customer") == [(1,)]


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"workspace": "acne"}, "workspace 'acne' has no connections; workspaces that have: acme, broken"),
        ({"workspace": "acme", "connection": "strpe"}, "workspace 'acme' has no connection 'strpe'; it has: stripe"),
        ({"connection": "strpe"}, "no workspace has a connection 'strpe'; there are: stripe"),
    ],
)
def test_a_job_that_names_what_nobody_has_configured_fails(
    asked: dict[str, str], why: str, connect: Connect, settings: Settings
) -> None:
    path = connect("stripe", secrets={"api_key": "sk_test_1"}, api_base="http://127.0.0.1:9").path
    path.with_name("broken.yml").write_text("- no names\n")
    jobs = {job.name: job for job in pulling.jobs(settings)}
    config = {"ops": {"pull_each": {"config": asked}}}
    with DagsterInstance.ephemeral() as instance, pytest.raises(Failure, match=re.escape(why)):
        jobs["pull_sources"].execute_in_process(instance=instance, run_config=config)
