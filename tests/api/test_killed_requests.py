"""The API killed in the middle of a request: the change is whole or not there, and the same key says which."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import psycopg
import pytest

from api import credentials
from nexus import postgres
from nexus.db.migrate import migrate
from nexus.ports import free_port
from nexus.settings import PROJECT, Settings

#: The application with an endpoint whose process dies before or after its commit.
SERVER = """
import os, signal, sys
import uvicorn
from pydantic import SecretStr
from sqlalchemy import text
from api.app import create_app
from api.kernel.idempotency import DirectKey, IdempotencyKey
from api.kernel.routing import Router
from api.kernel.transactions import DirectTransaction, Transaction
from api.models.policies import ModelsReader
from nexus.events import Event
from nexus.settings import Settings

class Counted(Event, type="probe.count.counted"):
    count_id: str

home, url, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
router = Router()

async def die():
    os.kill(os.getpid(), signal.SIGKILL)

async def die_claimed(point):
    # the key is this request's, and nothing is done yet
    if point.startswith("claimed") and os.path.exists(f"{home}/{point}"):
        os.remove(f"{home}/{point}")
        await die()

@router.post("/v1/probe/{point}", status_code=201)
async def probe(point: str, caller: ModelsReader, key: IdempotencyKey, session: Transaction) -> str:
    await die_claimed(point)
    await session.execute(text("insert into app.probe values (:p)"), {"p": point})
    session.record(Counted(count_id=point))
    if os.path.exists(f"{home}/{point}"):
        os.remove(f"{home}/{point}")
        if point == "before":
            await session.publish()
            await die()
        session.after_commit(die)
    return point

@router.post("/v1/probe/{point}/directly", status_code=201)
async def directly(point: str, caller: ModelsReader, key: DirectKey, session: DirectTransaction) -> str:
    await die_claimed(point)
    session.insert("app.probe", point=point)
    session.record(Counted(count_id=point))
    if os.path.exists(f"{home}/{point}"):
        os.remove(f"{home}/{point}")
        if point == "unsent":
            await die()
        session.after_commit(die)
    return point

app = create_app(Settings(home=home, database_url=SecretStr(url)))
app.include_router(router)
uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")
"""


@contextmanager
def served(settings: Settings) -> Iterator[httpx.Client]:
    port = free_port()
    command = [sys.executable, "-c", SERVER, str(settings.home), postgres.dsn(settings), str(port)]
    with subprocess.Popen(command, cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT)}) as server:
        token = credentials.issue(settings, ["demo"])
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "one"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30) as client:
            while True:
                assert server.poll() is None
                try:
                    client.get("/healthz")
                    break
                except httpx.ConnectError:
                    time.sleep(0.1)
            yield client
        server.kill()


@pytest.mark.integration
def test_killed_before_and_after_the_commit(settings: Settings) -> None:
    migrate(settings)
    settings.home.mkdir(parents=True, exist_ok=True)
    with psycopg.connect(postgres.dsn(settings), autocommit=True) as connection:
        connection.execute("create table app.probe (point text)")
        connection.execute("grant insert on app.probe to nexus_api")

        def found(point: str) -> tuple[int, int, int]:
            sql = (
                "select (select count(*) from app.probe where point = %(p)s),"
                " (select count(*) from app.events where subject = %(p)s),"
                " (select count(*) from app.idempotency_key where route like '%%probe%%' and body = %(b)s)"
            )
            row = connection.execute(sql, {"p": point, "b": f'"{point}"'.encode()}).fetchone()
            assert row is not None
            return row

        for point, way, left, replayed in (
            ("claimed", "", (0, 0, 0), None),
            ("before", "", (0, 0, 0), None),
            ("after", "", (1, 1, 1), "true"),
            ("claimed-too", "/directly", (0, 0, 0), None),
            ("unsent", "/directly", (0, 0, 0), None),
            ("sent", "/directly", (1, 1, 1), "true"),
        ):
            (settings.home / point).touch()
            with served(settings) as client, pytest.raises(httpx.TransportError):
                client.post(f"/v1/probe/{point}{way}", headers={"Idempotency-Key": point})
            assert found(point) == left
            with served(settings) as client:
                again = client.post(f"/v1/probe/{point}{way}", headers={"Idempotency-Key": point})
            assert (again.status_code, again.json()) == (201, point)
            assert again.headers.get("idempotent-replay") == replayed
            assert found(point) == (1, 1, 1)
