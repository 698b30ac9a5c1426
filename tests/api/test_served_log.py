"""What a served Nexus leaves behind of everything that is asked of it: a log without secrets or people, also the embedded server's,
spans at a collector."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from api.identity import directory
from nexus import postgres
from nexus.db.migrate import migrate
from nexus.ports import free_port
from nexus.settings import PROJECT, Settings
from tests.api.identity.people import Browser, hash_of, within
from tests.nexus.egress.receiver import receiving

pytestmark = pytest.mark.integration

EMAIL, NAME, PASSWORD, WRONG = (
    "grace@people.example",
    "Grace Unrepeated",
    "pale harbour lamp singing",
    "not the harbour lamp",
)
TRACE = "f" * 32


class Collector:
    """An OTLP collector: everything that was posted to it."""

    def __init__(self) -> None:
        self.spans: list[dict[str, Any]] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                for resource in said["resourceSpans"]:
                    for scope in resource["scopeSpans"]:
                        collector.spans += scope["spans"]
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)

    @contextmanager
    def collecting(self) -> Iterator[str]:
        with self.server:
            thread = threading.Thread(target=self.server.serve_forever)
            thread.start()
            try:
                yield f"http://127.0.0.1:{self.server.server_port}"
            finally:
                self.server.shutdown()
                thread.join()


@contextmanager
def process(module: str, environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One of the services as `nexus up` starts it, until SIGTERM; all that it says is in `log`."""
    with (
        log.open("ab") as out,
        subprocess.Popen(
            [sys.executable, "-m", module], cwd=PROJECT, env=environment, stdout=out, stderr=subprocess.STDOUT
        ) as running,
    ):
        try:
            yield running
        finally:
            running.terminate()
            running.wait(60)


def eventually(ask: Any) -> Any:
    until = time.monotonic() + 60
    while not (found := ask()):
        assert time.monotonic() < until
        time.sleep(0.05)
    return found


def answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/healthz").status_code == 200
    except httpx.HTTPError:
        return False


def use(address: str, settings: Settings, owner: str, receiver: str) -> Iterator[str]:
    """Does what leaves traces, and gives every text that must not be one of them."""
    yield from (EMAIL, NAME, PASSWORD, WRONG, owner)
    with Browser(base_url=address, timeout=20) as browser:
        assert browser.sign_in(EMAIL, WRONG).status_code != 303
        browser.sign_in(EMAIL, PASSWORD)
        assert browser.signed_in()
        yield from browser.cookies.values()
    with httpx.Client(base_url=f"{address}/scim/v2", headers={"Authorization": f"Bearer {owner}"}) as scim:
        user = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "hopper@unproved.example"}
        taken = scim.post("/Users", json={**user, "displayName": "Hopper Unrepeated", "password": "scim harbour lamp"})
        yield from ("hopper@", "Hopper", "scim harbour lamp")
        assert taken.status_code in {201, 400}, taken.text
    headers = {"Authorization": f"Bearer {owner}", "traceparent": f"00-{TRACE}-{'1' * 16}-01"}
    with httpx.Client(base_url=address, headers=headers, timeout=20) as client:

        def made(path: str, **said: Any) -> dict[str, Any]:
            answer = client.post(path, json=said)
            assert answer.status_code == 201, answer.text
            found: dict[str, Any] = answer.json()
            return found

        hook = f"{receiver}/hook?token=unrepeated-in-an-address"
        yield "unrepeated-in-an-address"
        yield made("/v1/webhooks/endpoints", url=hook, event_types=["*"])["secret"]
        yield made("/v1/oidc/clients", name="Unrepeated app", redirect_uris=["http://127.0.0.1/callback"],
                   scopes=["openid"], grant_types=["authorization_code"])["client_secret"]  # fmt: skip
        assert client.get("/v1/members?cursor=unrepeated-cursor").status_code == 422
        statuses = [client.post("/v1/groups", json={"name": "unrepeated, twice"}).status_code for _ in range(2)]
        assert statuses == [201, 409]
        with psycopg.connect(postgres.dsn(settings), autocommit=True) as connection:
            with pytest.raises(psycopg.errors.UniqueViolation, match=EMAIL):
                connection.execute(
                    "insert into app.identity_user"
                    ' select (jsonb_populate_record(u, \'{"id": "usr_other"}\')).* from app.identity_user u'
                )
            connection.execute("alter table app.organisations_group rename column created_at to made_at")
        assert client.post("/v1/groups", json={"name": "unrepeated group"}).status_code == 500
        yield "nrepeated"
    assert httpx.get(f"{address}/v1/me", headers={"Authorization": f"Bearer {owner[:-1]}x"}).status_code == 401


def test_nothing_of_it_is_secret(session_settings: Settings, settings: Settings, tmp_path: Path) -> None:
    server_log = postgres.describe(session_settings).log
    said_before = server_log.stat().st_size
    migrate(settings)
    within(settings, lambda s: directory.create(s, email=EMAIL, name=NAME, password_hash=hash_of(PASSWORD)))
    collector, log, port = Collector(), tmp_path / "log", free_port()
    address = f"http://127.0.0.1:{port}"
    assert settings.database_url is not None
    with ExitStack() as stack:
        endpoint, receiver = stack.enter_context(collector.collecting()), stack.enter_context(receiving())
        environment = {k: v for k, v in os.environ.items() if not k.startswith("NEXUS_")} | {
            "NEXUS_HOME": str(settings.home), "NEXUS_DATABASE_URL": settings.database_url.get_secret_value(),
            "NEXUS_API_PORT": str(port), "NEXUS_OTLP_ENDPOINT": endpoint, "NEXUS_LOG_LEVEL": "debug",
            "NEXUS_EGRESS_ALLOW": "127.0.0.1/32", "NEXUS_EGRESS_PORTS": "1-65535",
        }  # fmt: skip
        for module in ("api", "nexus.events.worker"):
            stack.enter_context(process(module, environment, log))
        eventually(lambda: answers(address))
        made = [sys.executable, "-m", "nexus", "keys", "add", "Setup", "--role", "owner"]
        owner = subprocess.run(
            made, cwd=PROJECT, env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()
        secrets = list(use(address, settings, owner, receiver.url))
        eventually(lambda: receiver.received)
        eventually(
            lambda: {"commit", "POST /v1/oidc/clients"} <= {s["name"] for s in collector.spans if s["traceId"] == TRACE}
        )
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert all({"at", "level", "logger", "message"} <= line.keys() for line in lines)
    assert [line for line in lines if line.get("trace_id") == TRACE and "/v1/groups failed" in line["message"]]
    of_server = server_log.read_bytes()[said_before:].decode(errors="replace")
    assert "duplicate key value violates unique constraint" in of_server
    told = log.read_text() + json.dumps(collector.spans) + of_server
    assert {s for s in secrets if s in told} == set()
