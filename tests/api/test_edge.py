"""The edge: who is let in, how errors look, what is offered, and that nothing comes from elsewhere."""

from __future__ import annotations

import json
import re
import socket
import stat
import time
from pathlib import Path

import httpx
import psycopg
import pytest
from pydantic import SecretStr

from api import credentials
from api.app import create_app
from nexus import postgres
from nexus.db.migrate import migrate
from nexus.ports import free_port
from nexus.settings import Settings
from tests.api.kernel import Kernel

PREDICT = "/v1/models/churn:predict"


def test_routes() -> None:
    """A snapshot, so that a new endpoint is seen in review."""
    schema = create_app().openapi()
    offered = sorted(f"{method.upper()} {path}" for path, item in schema["paths"].items() for method in item)
    assert offered == json.loads(Path(__file__).with_name("routes.json").read_text())


#: A webhook is signed by who posts it; an invitation is a secret itself, accepted by whoever is signed in; where somebody
#: signs in is asked before they have.
WITHOUT_TOKEN = {"/v1/sources/{source}/webhook", "/v1/invitations:accept", "/v1/sso/realm"}


def test_every_versioned_endpoint_needs_a_token() -> None:
    schema = create_app().openapi()
    for path, item in schema["paths"].items():
        for operation in item.values():
            if path.startswith("/v1/") and path not in WITHOUT_TOKEN:
                assert operation["security"] == [{"HTTPBearer": []}], path
                assert {"401", "403", "404", "422"} <= set(operation["responses"]), path
            # OAuth and SCIM keep their own standard's errors
            problems = [r for code, r in operation["responses"].items() if code in {"401", "422", "500"}]
            problems = problems if path.startswith("/v1/") else []
            assert all(set(r["content"]) == {"application/problem+json"} for r in problems)


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/models"), ("GET", "/v1/models/churn"), ("POST", PREDICT)])
@pytest.mark.parametrize("header", [None, "Bearer nxs_wrong", "Basic dTpw", "Bearer", "nonsense"])
def test_without_a_token_nothing_is_answered(anyone: httpx.Client, method: str, path: str, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    response = anyone.request(method, path, headers=headers, json={"customer_ids": ["a"]} if method == "POST" else None)
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert response.json()["type"] == "urn:nexus:problem:unauthenticated"


def test_a_token_reads_its_own_workspaces_only(anyone: httpx.Client, served: Settings) -> None:
    anyone.headers["Authorization"] = f"Bearer {credentials.issue(served, ['demo'])}"
    for other in ("young", "does-not-exist"):
        response = anyone.get("/v1/models", headers={"X-Nexus-Workspace": other})
        assert response.status_code == 403
        assert other not in response.text
    anyone.headers["Authorization"] = f"Bearer {credentials.issue(served, ['young', 'demo'])}"
    response = anyone.get("/v1/models")
    assert response.status_code == 422
    assert "demo, young" in response.json()["remedy"]
    assert anyone.get("/v1/models", headers={"X-Nexus-Workspace": "demo"}).json()["models"][0]["trained"] is True
    assert anyone.get("/v1/models", headers={"X-Nexus-Workspace": "young"}).json()["models"][0]["trained"] is False


def test_tokens_are_their_owners_alone(served: Settings) -> None:
    token = credentials.issue(served, ["demo"])
    assert credentials.issue(served, ["demo"]) == token
    file = credentials.path(served)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    tokens = credentials.Tokens(served)
    assert tokens.workspaces(token) == {"demo"}
    assert token not in repr(vars(tokens))


def test_a_withdrawn_token_stops_working(anyone: httpx.Client, served: Settings) -> None:
    token = credentials.issue(served, ["retail"])
    headers = {"Authorization": f"Bearer {token}"}
    assert anyone.get("/v1/models", headers=headers).status_code == 200
    file = credentials.path(served)
    file.write_text(json.dumps([e for e in json.loads(file.read_text()) if e["token"] != token]))
    assert anyone.get("/v1/models", headers=headers).status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "169.254.169.254"])
def test_other_names_of_this_machine_are_refused(anyone: httpx.Client, host: str) -> None:
    assert anyone.get("/healthz", headers={"Host": host}).status_code in {400, 403}


def test_other_machines_are_refused(served: Settings) -> None:
    import asyncio

    async def ask(client: tuple[str, int]) -> int:
        transport = httpx.ASGITransport(create_app(served), client=client)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as caller:
            return (await caller.get("/healthz")).status_code

    assert asyncio.run(ask(("192.168.1.7", 1))) == 403
    assert asyncio.run(ask(("127.0.0.1", 1))) == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", PREDICT, "POST"),
        ("DELETE", PREDICT, "POST"),
        ("PUT", "/v1/models", "GET"),
        ("POST", "/v1/models/churn", "GET"),
        ("PATCH", "/healthz", "GET"),
    ],
)
def test_methods_that_are_not_there(caller: httpx.Client, method: str, path: str, allowed: str) -> None:
    response = caller.request(method, path)
    assert response.status_code == 405
    assert response.headers["allow"] == allowed
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[1,2", b"nul"])
def test_a_body_that_is_not_json(caller: httpx.Client, body: bytes) -> None:
    response = caller.post(PREDICT, content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert response.json()["type"] == "urn:nexus:problem:unreadable"


def test_a_request_that_is_too_large(caller: httpx.Client) -> None:
    big = b'{"customer_ids": ["' + b"a" * 1_100_000 + b'"]}'
    headers = {"Content-Type": "application/json"}
    assert caller.post(PREDICT, content=big, headers=headers).status_code == 413
    chunks = (big[i : i + 65536] for i in range(0, len(big), 65536))
    response = caller.post(PREDICT, content=chunks, headers=headers)
    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.json()["code"], response.json()["type"]) == ("too_large", "urn:nexus:problem:too_large")


def test_a_path_that_is_not_there(caller: httpx.Client) -> None:
    problem = caller.get("/v2/everything").json()
    assert problem["status"] == 404
    assert problem["instance"] == "/v2/everything"


def test_what_breaks_says_nothing_of_how(served: Settings, caplog: pytest.LogCaptureFixture) -> None:
    import asyncio

    app = create_app(served)

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("password=hunter2")

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as caller:
            return await caller.get("/broken")

    response = asyncio.run(ask())
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert "hunter2" not in response.text
    assert "hunter2" in caplog.text


def test_health_and_readiness(anyone: httpx.Client, served: Settings) -> None:
    migrate(served)
    assert anyone.get("/healthz").json() == {"status": "ok"}
    ready = anyone.get("/readyz")
    assert ready.status_code == 200, ready.text
    assert [(p["name"], p["ready"]) for p in ready.json()["parts"]] == [
        ("database", True), ("features", True), ("model churn", True),
    ]  # fmt: skip


def test_readiness_notices_a_database_that_a_newer_nexus_has_migrated(kernel: Kernel) -> None:
    kernel.sql("insert into app.migration values ('kernel_9999')")
    try:
        answer = httpx.get(f"{kernel.address}/readyz")
    finally:
        kernel.sql("delete from app.migration where version_num = 'kernel_9999'")
    [database] = [p for p in answer.json()["parts"] if p["name"] == "database"]
    assert (answer.status_code, database["ready"], database["remedy"]) == (503, False, "update Nexus")
    assert database["detail"] == "the database was migrated by a newer Nexus: it stands at kernel_9999"


def test_readiness_says_what_is_missing(session_settings: Settings) -> None:
    empty = Settings(
        home=session_settings.home / "nothing-here", database_url=SecretStr(postgres.dsn(session_settings, "empty"))
    )
    response = _ready(empty)
    assert response.status_code == 503
    parts = {p["name"]: p for p in response.json()["parts"]}
    assert not parts["features"]["ready"]
    assert "nexus migrate" in parts["database"]["remedy"]
    assert "nexus train churn" in parts["model churn"]["remedy"]


def test_people_sign_in_where_nobody_has_made_a_model(settings: Settings) -> None:
    migrate(settings)
    answer = _ready(settings)
    assert (answer.status_code, answer.json()["ready"]) == (200, True)
    parts = {p["name"]: (p["ready"], p["required"], p["detail"].split(":")[0]) for p in answer.json()["parts"]}
    assert parts["features"] == parts["model churn"] == (False, False, "not yet")
    assert parts["database"][:2] == (True, True)


def test_readiness_notices_pending_migrations(settings: Settings) -> None:
    migrate(settings)
    with psycopg.connect(postgres.dsn(settings), autocommit=True) as connection:
        connection.execute("delete from app.migration where version_num like 'webhooks%'")
    answer = _ready(settings)
    database = answer.json()["parts"][0]
    assert (answer.status_code, database["ready"], database["remedy"]) == (503, False, "nexus migrate")
    assert database["detail"].startswith("migrations that the database lacks: webhooks_0001")


@pytest.mark.parametrize(
    ("trouble", "detail"),
    [
        ("alter database {} connection limit 0", "the operational database does not answer"),
        ("revoke select on app.migration from nexus_api", "the operational database refuses to say where it stands"),
        ("drop table app.migration", "the operational database was never migrated"),
    ],
    ids=["full", "refused", "not migrated"],
)
def test_readiness_tells_one_trouble_of_the_database_from_another(
    settings: Settings, trouble: str, detail: str
) -> None:
    """Only a database without the table was never migrated."""
    migrate(settings)
    with psycopg.connect(postgres.dsn(settings), autocommit=True) as connection:
        connection.execute(trouble.format(connection.info.dbname).encode())
        # a superuser is let in beyond any limit
        as_api = postgres.dsn(settings).replace("postgres@", "nexus_api@", 1)
    answer = _ready(settings.model_copy(update={"api_database_url": SecretStr(as_api)}))
    database = answer.json()["parts"][0]
    assert (answer.status_code, database["ready"], database["detail"]) == (503, False, detail)


def test_a_database_that_says_nothing_is_not_waited_for(session_settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://nexus@127.0.0.1:{silent.getsockname()[1]}/nexus"
        began = time.monotonic()
        answer = _ready(Settings(home=session_settings.home, database_url=SecretStr(url)))
        assert time.monotonic() - began < 6
    assert answer.status_code == 503
    assert answer.json()["parts"][0]["detail"] == "the operational database does not answer"


def _ready(settings: Settings) -> httpx.Response:
    """What `/readyz` says of an application with these settings."""
    import asyncio

    async def ask() -> httpx.Response:
        app = create_app(settings)
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as caller:
            answer = await caller.get("/readyz")
        await app.state.database.close()
        return answer

    return asyncio.run(ask())


def test_readiness_notices_a_database_that_is_away(session_settings: Settings) -> None:
    import asyncio

    away = f"postgresql://nexus@127.0.0.1:{free_port()}/nexus"
    app = create_app(Settings(home=session_settings.home, database_url=SecretStr(away)))

    async def ask(path: str) -> httpx.Response:
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as caller:
            return await caller.get(path)

    async def both() -> tuple[httpx.Response, httpx.Response]:
        found = await ask("/healthz"), await ask("/readyz")
        await app.state.database.close()
        return found

    alive, ready = asyncio.run(both())
    assert (alive.status_code, ready.status_code) == (200, 503)
    [database] = [p for p in ready.json()["parts"] if p["name"] == "database"]
    assert (database["ready"], database["detail"]) == (False, "the operational database does not answer")


def test_the_docs_page_loads_everything_from_here(anyone: httpx.Client) -> None:
    page = anyone.get("/docs")
    assert page.status_code == 200
    for address in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert address.startswith("/docs/"), address
        assert anyone.get(address).status_code == 200
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert 'url: "/openapi.json"' in anyone.get("/docs/start.js").text
    assert anyone.get("/docs/..%2f__init__.py").status_code == 404


def test_answers_are_not_kept_and_not_sniffed(caller: httpx.Client) -> None:
    headers = caller.get("/v1/models").headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
