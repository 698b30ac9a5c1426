"""Commands and the audit log: each is an act with an entry, or says here why it is none (a new one is missed until it does);
`nexus audit verify` follows what they leave."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import json
import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import typer
from typer.testing import CliRunner

from api.identity.events import UserCreated
from nexus import cli, postgres
from nexus.db import LOCAL_ORGANISATION, Database, Tenant
from nexus.errors import GateError, InputError
from nexus.ids import new_id
from nexus.settings import Settings, get_settings
from tests.conftest import database_of_its_own

ADA, CONSUMER, RETIRED, THEIRS = "ada@people.example", "oidc.end_grants", "cellar.inventory", new_id("org")
SAGAS = {verb: new_id("sag") for verb in ("cancel", "retry", "skip", "abandon")}
JOBS = {"cancel": new_id("job"), "retry": new_id("job"), "of sagas": new_id("job")}
#: What each is given, in an order in which all can be done.
ACTS: dict[str, list[str]] = {
    "users add": [ADA, "--name", "Ada Example"],
    "users reset-link": [ADA],
    "users sign-out": [ADA],
    "factors remove": [ADA],
    "users deactivate": [ADA],
    "users reactivate": [ADA],
    "privacy export": [ADA],
    "privacy erase": [ADA, "--reason", "she asked", "--yes"],
    "clients add": ["Notebook", "--redirect-uri", "http://127.0.0.1/back", "--secret"],
    "clients remove": ["client_…"],
    "clients rotate-keys": [],
    "keys add": ["Reporter"],
    "domains prove": ["people.example"],
    "events pause": [CONSUMER],
    "events resume": [CONSUMER],
    "events replay": [CONSUMER],
    "events forget": [RETIRED],
    "events dead-letters requeue": [CONSUMER, "--event", "evt_…"],
    "events dead-letters purge": [CONSUMER, "--all"],
    "jobs cancel": [JOBS["cancel"]],
    "jobs retry": [JOBS["retry"]],
    **{f"sagas {verb}": [id, "--reason", "a test"] for verb, id in SAGAS.items()},
}
#: Those about one organisation are in its log.
OF_THEIRS = {name for name in ACTS if name.startswith("sagas ")}
READS, LAKE, MACHINE = (
    "it changes nothing",
    "the lake's ledger keeps who landed what",
    "it starts, stops or makes this home",
)
#: The rest, and why they leave no entry.
NO_ACTS = {
    **dict.fromkeys(
        ("doctor", "parity", "status", "logs", "stats", "gates", "sql", "versions", "drift", "events tail",
         "events consumers", "events dead-letters list", "events dead-letters show", "jobs list", "jobs show",
         "jobs schedules", "sagas list", "sagas show", "sources test", "sources reconcile", "quarantine list",
         "quarantine show", "metrics list", "metrics query", "features show", "audit verify", "audit export", "users list",
         "clients list", "traces show", "backup", "docs"), READS),
    **dict.fromkeys(
        ("build", "ingest", "compact", "train", "score", "sources pull", "quarantine replay", "features materialize"), LAKE),
    **dict.fromkeys(("demo", "migrate", "down", "up", "restore", "serve"), MACHINE),
    **dict.fromkeys(
        ("declare", "map", "events accept", "new source", "new relation", "new mart", "new model", "new page", "new domain"),
        "it writes source code, which has a history of its own"),
    "token": "it prints what lies in a file of this home, made at the first start",
}  # fmt: skip
#: What a change says: before, after.
SAID = {"created": (False, True), "changed": (True, True), "removed": (True, False), "replayed": (False, True)}
runner = CliRunner()


def commands(at: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    if below := getattr(at, "commands", None):
        for name, command in below.items():
            yield from commands(command, (*path, name))
    else:
        yield " ".join(path)


@pytest.fixture(scope="module")
def home(session_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """In which everything lies that a command could act on."""
    with (
        database_of_its_own(session_settings, tmp_path_factory.mktemp("commands") / "home") as settings,
        pytest.MonkeyPatch.context() as patch,
    ):
        assert settings.database_url
        patch.setenv("NEXUS_HOME", str(settings.home))
        patch.setenv("NEXUS_DATABASE_URL", settings.database_url.get_secret_value())
        get_settings.cache_clear()
        assert "no organisation has an entry yet" in run("audit", "verify")
        _seeded(settings)
        yield settings
    get_settings.cache_clear()


def run(*words: str) -> str:
    """What a command prints. Raises what it raises."""
    done = runner.invoke(cli.build(), words)
    if done.exception is not None:
        raise done.exception
    return done.output


def _seeded(settings: Settings) -> None:
    asyncio.run(_happened(settings))
    with psycopg.connect(postgres.dsn(settings), autocommit=True) as sql:
        sql.execute("insert into app.consumer (name) values (%s), (%s)", (CONSUMER, RETIRED))
        sql.execute(
            "insert into app.delivery (consumer, event_id, organisation_id, stream, state, generation, xid, position)"
            " select %s, id, organisation_id, stream, 'dead', generation, xid, position from app.events",
            (CONSUMER,),
        )
        for id, state in zip(JOBS.values(), ("waiting", "failed", "waiting"), strict=True):
            sql.execute(
                "insert into app.job (id, name, arguments, created_by, state) values (%s, 'probe', '{}', 'test', %s)",
                (id, state),
            )
        for verb, id in SAGAS.items():
            _saga(sql, id, is_stuck=verb != "cancel")


async def _happened(settings: Settings) -> None:
    database = Database(settings, pool_size=2)
    for user in ("usr_1", "usr_2"):
        async with database.transaction(Tenant(LOCAL_ORGANISATION)) as session:
            session.record(UserCreated(user_id=user))
    await database.close()


def _saga(sql: psycopg.Connection[Any], id: str, *, is_stuck: bool) -> None:
    states = ("done", "failed" if is_stuck else "pending", "pending", "pending")
    sql.execute(
        "insert into app.saga (id, organisation_id, name, state, is_back, arguments, created_by, job_id, is_cancel_requested,"
        " version) values (%s, %s, 'organisations.close', %s, %s, '{}', 'test', %s, false, 1)",
        (id, THEIRS, "stuck" if is_stuck else "running", is_stuck, JOBS["of sagas"]),
    )
    for position, (name, state) in enumerate(zip(("shut", "grace", "remove", "tell"), states, strict=True)):
        sql.execute(
            "insert into app.saga_step (saga_id, position, organisation_id, name, state) values (%s, %s, %s, %s, %s)",
            (id, position, THEIRS, name, state),
        )


def entries(settings: Settings, organisation: str) -> list[dict[str, Any]]:
    with psycopg.connect(postgres.dsn(settings)) as connection:
        query = "select body from app.audit_entry where organisation_id = %s order by number"
        return [json.loads(body) for (body,) in connection.execute(query, (organisation,))]


def test_every_command_is_an_act_or_says_why_not() -> None:
    known = set(commands(typer.main.get_command(cli.build())))
    assert known == ACTS.keys() | NO_ACTS.keys()
    assert not ACTS.keys() & NO_ACTS.keys()


def test_commands_reach_the_database_in_one_way() -> None:
    """By `nexus.db.command`, which makes an act of what they do."""
    for name in cli._modules():
        source = inspect.getsource(importlib.import_module(name))
        called = {
            node.func.id
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert "Database" not in called, f"{name} opens a database of its own"


def _signed_in(settings: Settings) -> None:
    """Ada has a session and a recovery code."""
    with psycopg.connect(postgres.dsn(settings), autocommit=True) as sql:
        [[user]] = sql.execute("select id from app.identity_user where email = %s", (ADA,)).fetchall()
        sql.execute(
            "insert into app.identity_session (id, user_id, token_hash, methods, awaits_factor, expires_at, user_agent, address)"
            " values (%s, %s, 'x', '{pwd}', false, now() + interval '1 hour', '', '127.0.0.1')",
            (new_id("ses"), user),
        )
        sql.execute(
            "insert into app.mfa_recovery_code (id, user_id, code_hash) values (%s, %s, 'x')", (new_id("rcc"), user)
        )


def test_every_act_leaves_an_entry_with_before_and_after(home: Settings) -> None:
    with psycopg.connect(postgres.dsn(home)) as connection:
        [[first], _] = connection.execute("select id from app.events order by position").fetchall()
    stands_for = {"evt_…": first}
    for name, arguments in ACTS.items():
        place = THEIRS if name in OF_THEIRS else LOCAL_ORGANISATION
        before = len(entries(home, place))
        printed = run(*name.split(), *(stands_for.get(word, word) for word in arguments))
        if name == "users add":
            _signed_in(home)
        if name == "clients add":
            stands_for["client_…"] = printed.split()[1]
        new = entries(home, place)[before:]
        assert len(new) == 1, f"{name} left {len(new)} entries"
        entry = new[0]
        assert (entry["action"], entry["actor_kind"], entry["actor_id"]) == (f"nexus {name}", "local", "local")
        assert ADA not in str(entry)
        # without a key: a statement in plain text that a row was changed by, beside the act itself (a job that is woken)
        told = [change for change in entry["changes"] if change["key"]]
        assert told or entry["events"], name
        for change in told:
            assert (bool(change["before"]), bool(change["after"])) == SAID[change["did"]], (name, change)


def test_the_chain_is_followed(home: Settings) -> None:
    """After the acts above."""
    number = len(entries(home, LOCAL_ORGANISATION))
    run("users", "list")
    printed = [json.loads(line) for line in run("audit", "export", LOCAL_ORGANISATION).splitlines()]
    assert [e["number"] for e in printed] == list(range(1, number + 1))
    assert "identity.user.deactivated" in {e["type"] for one in printed for e in one["events"]}
    whole = ("audit", "verify", "--organisation", LOCAL_ORGANISATION, "--head")
    head = re.search(rf"head ({number}:[0-9a-f]{{64}})", run("audit", "verify"))
    assert head
    assert f"{number} entries" in run(*whole, head[1])
    with pytest.raises(InputError, match="of one organisation"):
        run("audit", "verify", "--head", head[1])
    with pytest.raises(GateError, match="not the one whose hash you kept"):
        run(*whole, f"1:{head[1].partition(':')[2]}")
    with psycopg.connect(postgres.dsn(home), autocommit=True) as connection:
        connection.execute("alter table app.audit_entry disable trigger append_only")
        last = (LOCAL_ORGANISATION, number)
        connection.execute("delete from app.audit_entry where organisation_id = %s and number = %s", last)
    # the end cut off breaks no chain: the head that was kept shows it
    assert f"{LOCAL_ORGANISATION}: {number - 1} entries" in run("audit", "verify")
    with pytest.raises(GateError, match=f"ends at entry {number - 1}, before {number}"):
        run(*whole, head[1])
    with psycopg.connect(postgres.dsn(home), autocommit=True) as connection:
        connection.execute("update app.audit_entry set actor_id = 'usr_else'")
    with pytest.raises(GateError, match="broken at entry 1"):
        run("audit", "verify")
