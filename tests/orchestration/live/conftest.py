"""Fakes that stand where providers do: a stateful Stripe that others wrote, and one's own misbehaving pages."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import typer
import yaml
from click.testing import Result
from typer.testing import CliRunner

from nexus import postgres
from nexus.connections import Connection, find, folder
from nexus.ports import free_port
from nexus.settings import Settings
from orchestration import sources_command
from orchestration.live.oauth import ClientCredentials
from tests import homes

Connect = Callable[..., Connection]


@pytest.fixture
def connect(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Connect:
    """`connect("stripe", api_key="sk_test_x")` writes the file of workspace `acme`; `api_key` and the like go to the
    environment, as they would for real."""

    def run(name: str, *, secrets: dict[str, str] | None = None, **options: Any) -> Connection:
        for option, value in (secrets or {}).items():
            monkeypatch.setenv(f"TEST_{option.upper()}", value)
            options[option] = f"env:TEST_{option.upper()}"
        path = folder(settings) / "acme.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        known = yaml.safe_load(path.read_text()) if path.exists() else {}
        path.write_text(yaml.safe_dump({**known, name: options}))
        return find(settings, "acme", name)

    return run


@pytest.fixture
def nexus_sources(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """`nexus_sources("test", "stripe")` runs `nexus sources test stripe` under the test's settings."""
    monkeypatch.setattr("nexus.settings.get_settings", lambda: settings)
    application = typer.Typer()
    sources_command.register(application)
    # with a single command typer would leave out its name
    application.command("other")(lambda: None)
    return lambda *arguments: CliRunner().invoke(application, ["sources", *arguments])


class Seconds:
    """What tokens take for the time: seconds since some moment."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> Seconds:
    """A clock of tokens that stands still until a test moves it."""
    seconds = Seconds()
    defaults = ClientCredentials.__init__.__kwdefaults__
    assert defaults
    monkeypatch.setitem(defaults, "clock", seconds)
    return seconds


@pytest.fixture(scope="session")
def localstripe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a localstripe process."""
    port = free_port()
    code = (
        "from aiohttp import web; import localstripe.server as s; s.store.dump_to_disk = lambda: None; "
        f"web.run_app(s.app, host='127.0.0.1', port={port}, print=None)"
    )
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", code], cwd=tmp_path_factory.mktemp("localstripe"))
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"{address}/v1/customers", auth=("sk_test_1", ""))
                break
            except httpx.TransportError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def stripe(localstripe: str) -> Iterator[httpx.Client]:
    """A client of an empty localstripe, to make things happen in it."""
    with httpx.Client(base_url=localstripe, auth=("sk_test_1", ""), timeout=20) as client:
        client.delete("/_config/data")
        yield client


def lines(path: Path) -> int:
    return sum(1 for _ in path.open())


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """Address of moto's server, in this process: S3 and SQS that keep state."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(moto: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """`aws("s3")` is a client of an empty account."""
    import boto3

    httpx.post(f"{moto}/moto-api/reset").raise_for_status()
    keys = {"aws_access_key_id": "AKIDTEST", "aws_secret_access_key": "secret"}
    return lambda service: boto3.client(service, endpoint_url=moto, region_name="us-east-1", **keys)


@pytest.fixture(scope="session")
def shop() -> Iterator[str]:
    """DSN of somebody else's database, on a server with a logical log."""
    with homes.home("shop") as settings:
        with psycopg.connect(postgres.dsn(settings), autocommit=True) as admin:
            admin.execute("alter system set wal_level = 'logical'")
            admin.execute("create database shop")
        server = postgres.describe(settings)
        server.run("pg_ctl", "restart", "-D", str(server.data), "-w", "-m", "fast", "-l", str(server.log))
        yield postgres.dsn(settings, "shop")


@pytest.fixture
def db(shop: str) -> Iterator[psycopg.Connection]:
    """Its owner, who finds the tables `orders` and `member`, empty."""
    with psycopg.connect(shop, autocommit=True) as connection:
        connection.execute("drop schema public cascade; create schema public")
        connection.execute(
            "create table orders (id bigint generated always as identity primary key, total numeric(12, 2),"
            " tags text[], changed_at timestamptz not null default now())"
        )
        connection.execute("create table member (club text, person uuid, since date, primary key (club, person))")
        yield connection
        connection.execute("alter system reset all")
        connection.execute("alter system set wal_level = 'logical'")
        connection.execute("select pg_reload_conf()")
        connection.execute("drop publication if exists nexus")
        connection.execute("select pg_drop_replication_slot(slot_name) from pg_replication_slots")
