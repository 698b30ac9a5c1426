"""PostgreSQL goes away under load, by order and by kill -9: requests fail cleanly, API and worker recover by themselves."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from api.app import create_app
from api.kernel.idempotency import DirectKey, IdempotencyKey
from api.kernel.routing import Router
from api.kernel.transactions import DirectTransaction, Transaction
from api.models.policies import ModelsReader
from nexus import jobs, postgres
from nexus.db.migrate import migrate
from nexus.ids import new_id
from nexus.jobs import declare
from nexus.settings import Settings
from tests import homes
from tests.api.kernel import EVERYTHING, Principal, Subjects
from tests.api.running import running
from tests.nexus.jobs import workers
from tests.nexus.jobs.workers import until

pytestmark = pytest.mark.integration

CLIENTS = 8


@pytest.fixture(scope="module")
def own() -> Iterator[Settings]:
    """A server of this test, known by its address: nobody but the test starts it again."""
    home = homes.make("faults")
    migrate(home)
    settings = Settings(home=home.home, database_url=SecretStr(postgres.dsn(home)))
    with psycopg.connect(postgres.dsn(settings), autocommit=True) as connection:
        connection.execute("create table app.probe (who text, said text)")
        connection.execute("grant select, insert on app.probe to nexus_api")
    yield settings
    homes.discard(home)


@pytest.fixture(autouse=True)
def known(tmp_path: Path) -> Iterator[None]:
    before = declare.jobs()
    workers.declare(tmp_path)
    yield
    declare._register.clear()
    declare._register.update(before)


def router() -> Router:
    made = Router()

    @made.post("/v1/probe/{number}", status_code=201)
    async def probe(number: int, caller: ModelsReader, key: IdempotencyKey, session: Transaction) -> str:
        await session.execute(text("insert into app.probe values ('request', :said)"), {"said": str(number)})
        return await jobs.begin(session, "probe.steps", {"n": number}, by=caller.id)

    @made.post("/v1/probe/{number}/directly", status_code=201)
    async def directly(number: int, caller: ModelsReader, key: DirectKey, session: DirectTransaction) -> int:
        session.insert("app.probe", who="directly", said=str(number))
        return number

    return made


@dataclass
class Load:
    """Clients that send one numbered request after the other, and each again under its key until it is answered 201."""

    address: str
    token: str
    answers: Counter[int] = field(default_factory=Counter)
    strange: list[str] = field(default_factory=list)
    sent: int = 0
    ending: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def client(self) -> None:
        headers = {"Authorization": f"Bearer {self.token}"}
        with httpx.Client(base_url=self.address, headers=headers, timeout=60) as client:
            while not self.ending.is_set():
                with self.lock:
                    self.sent += 1
                    number = self.sent
                for way in ("", "/directly"):
                    while self._answered(client, f"{number}{way}") != 201:
                        time.sleep(0.05)

    def _answered(self, client: httpx.Client, what: str) -> int:
        answer = client.post(f"/v1/probe/{what}", headers={"Idempotency-Key": f"number-{what}"})
        with self.lock:
            self.answers[answer.status_code] += 1
            problem = answer.headers["content-type"] == "application/problem+json"
            if answer.status_code not in {201, 503} or (answer.status_code == 503) != problem:
                self.strange.append(f"{answer.status_code}: {answer.text}")
        return answer.status_code


def restart_by_order(server: postgres.Server, settings: Settings) -> None:
    postgres.stop(server)
    time.sleep(1)
    postgres.ensure_running(Settings(home=settings.home))


def kill(server: postgres.Server, settings: Settings) -> None:
    assert server.pid
    os.kill(server.pid, signal.SIGKILL)
    time.sleep(1)
    postgres.ensure_running(Settings(home=settings.home))


@pytest.mark.parametrize("end", [restart_by_order, kill], ids=["order", "kill"])
def test_requests_fail_cleanly_and_everything_recovers(own: Settings, tmp_path: Path, end: object) -> None:
    server = postgres.describe(Settings(home=own.home))
    app, subjects = create_app(own), Subjects()
    app.include_router(router())
    app.state.authenticators.insert(0, subjects)
    workspace = f"ws-{os.urandom(4).hex()}"
    token = subjects.give(
        Principal(
            kind="user", id=new_id("usr"), organisation=new_id("org"), workspaces=frozenset({workspace}),
            grants={"*": frozenset({EVERYTHING})},
        )
    )  # fmt: skip
    with running(app) as address, workers.workers(own, tmp_path, 2) as two:
        load = Load(address, token)
        clients = [threading.Thread(target=load.client) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        until(lambda: load.answers[201] > 5 * CLIENTS, alive=two)
        end(server, own)  # type: ignore[operator]
        before = load.answers[201]
        until(lambda: load.answers[201] > before + 5 * CLIENTS, alive=two)
        load.ending.set()
        for client in clients:
            client.join(60)
        assert load.strange == []
        assert load.answers[503] > 0, "the load did not notice"

        def one(sql: str) -> int:
            with psycopg.connect(postgres.dsn(own), autocommit=True) as connection:
                row = connection.execute(sql.encode(), {"w": workspace}).fetchone()
                assert row is not None
                return int(row[0])

        numbers = "select count({}) from app.job where workspace_id = %(w)s and name = 'probe.steps'"
        assert one(numbers.format("*")) == one(numbers.format("distinct arguments ->> 'n'")) == load.sent
        told = "select count({}) from app.probe where who = 'directly'"
        assert one(told.format("*")) == one(told.format("distinct said")) == load.sent
        until(lambda: one(numbers.format("*") + " and state <> 'succeeded'") == 0, patience=120, alive=two)
        done = f"from app.probe where who = (select organisation_id from app.job where workspace_id = '{workspace}' limit 1)"
        assert one(f"select count(*) {done}") == one(f"select count(distinct said) {done}") == 2 * load.sent
    with psycopg.connect(postgres.dsn(own), autocommit=True) as connection:
        connection.execute("delete from app.probe")
