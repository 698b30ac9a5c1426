"""What no client of good will sends: strings that break programs, requests that are none, bodies without end or bottom."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any
from unicodedata import normalize
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi.responses import StreamingResponse
from sqlalchemy import literal, select

from api import patience
from api.app import create_app
from api.kernel.routing import Router
from api.kernel.transactions import Transaction
from api.models.policies import ModelsReader
from nexus.ids import new_id
from tests.api.away import is_mistake
from tests.api.bodies import Bodies
from tests.api.kernel import Kernel
from tests.api.organisations.company import Company

DOCUMENT = create_app().openapi()
WITH_BODY = [
    (method.upper(), path, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    # a provider's delivery is read by the rules of its provider, after its signature: tests/api/test_webhooks.py
    if "application/json" in operation.get("requestBody", {}).get("content", {}) and not path.startswith("/v1/sources/")
]
#: JSON texts: escapes reach what a client's own encoder would refuse to send.
NAUGHTY = {
    "nul": r'"a\u0000b"',
    "lone surrogate": r'"\ud800"',
    "right to left": r'"\u202eabc\u202c\u200f"',
    "combining": '"Z' + "\u0351\u0489" * 40 + '"',
    "zero width": r'"\ufeff\u200b\u2060"',
    "newlines": r'"a\r\nSet-Cookie: x=1"',
    "sql": r'"\u0027; drop table app.events; --"',
    "markup": r'"<script>alert(1)</script><img src=x onerror=y>"',
    "template": r'"{{7*7}}${7*7}<%= 7 %>#{7}%s%n"',
    "path": r'"../../../../etc/passwd\u0000.png"',
    "number as text": '"1e309"',
    "long": '"' + "a" * 100_000 + '"',
    "empty": '""',
    "number": "1e309",
    "big integer": "9" * 400,
    "null": "null",
    "deep": "[" * 5_000 + "]" * 5_000,
}
PATHS = (
    "/v1/models/%00", "/v1/models/%2e%2e/%2e%2e/etc/passwd", "/v1//models", "//v1/models", "/v1/models/.", "/v1/models/..;/",
    "/v1/models/churn%0d%0aX-Evil:1", "/v1/models/%ff%fe", "/v1/models/" + "a" * 5_000, "/v1/models?limit=%00&limit=1",
    "/v1/members?cursor=%00", "/v1/members?cursor=W1siY3JlYXRlZF9hdCIsImlkIl0sWyJcdTAwMDAiLCJcdTAwMDAiXV0",
    "/v1/members?limit=99999999999999999999", "/docs/%2e%2e%2f__init__.py",
)  # fmt: skip


@pytest.fixture(scope="module")
def owned(kernel: Kernel) -> tuple[Company, httpx.Client]:
    return _owned(kernel)


def _owned(kernel: Kernel) -> tuple[Company, httpx.Client]:
    company = Company(kernel)
    owner = company.caller(company.member(("owner", "*"), is_break_glass=True))
    owner.headers["X-Nexus-Workspace"] = company.one
    return company, owner


@pytest.mark.parametrize(("method", "path", "operation"), WITH_BODY, ids=[f"{m} {p}" for m, p, _ in WITH_BODY])
def test_strings_that_break_programs(
    owned: tuple[Company, httpx.Client], method: str, path: str, operation: dict[str, object]
) -> None:
    """In every text of the body at once; refused or kept as it came, never a mistake of ours."""
    company, owner = owned
    target = Bodies(DOCUMENT, {}, company.one, "x").path(path, operation)
    example = operation["requestBody"]["content"]["application/json"]["example"]  # type: ignore[index]
    for name, text in NAUGHTY.items():
        body = "{" + ",".join(f'"{field}": {text}' for field in example) + "}"
        answer = owner.request(method, target, content=body.encode(), headers={"Content-Type": "application/json"})
        assert not is_mistake(method, path, answer.status_code), f"{name}: {answer.text}"
        if answer.status_code >= 400:
            kind = "application/scim+json" if path.startswith("/scim/") else "application/problem+json"
            assert answer.headers["content-type"] == kind, name


#: Texts that somebody would like to tidy: composed and not, blanks at the ends, letters that have no upper case of one letter.
LIKE_OTHERS = [
    "e\u0301",
    "\u00e9",
    " a ",
    "a\u00a0b",
    "\ufb00",
    "\u0130",
    "stra\u00dfe",
    "\U0001d4b3\U0001f469\u200d\U0001f680",
    "null",
]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/groups", "name"),
        ("/v1/roles", "name"),
        ("/v1/service-accounts", "name"),
        ("/v1/oidc/clients", "name"),
        ("/v1/webhooks/endpoints", "description"),
        ("/scim/v2/Users", "displayName"),
        ("/scim/v2/Groups", "displayName"),
    ],
)
def test_a_text_is_kept_as_it_came_or_refused(kernel: Kernel, path: str, field: str) -> None:
    """Code point by code point; of two ways to write a letter ours keep the composed one, so that equal names are equal."""
    company, owner = _owned(kernel)
    operation = DOCUMENT["paths"][path]["post"]
    kept = 0
    for text in [
        *LIKE_OTHERS,
        *(json.loads(NAUGHTY[name]) for name in ("right to left", "newlines", "sql", "template")),
    ]:
        body = Bodies(DOCUMENT, {}, company.one, new_id("x")).request(operation)["json"] | {field: text}
        if "userName" in body:
            body["userName"] = f"{new_id('x')}@acme.example"
        body = {name: value for name, value in body.items() if name not in {"members", "externalId"}}
        answer = owner.post(path, content=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
        assert answer.status_code < 500, text
        shown = [at_place(one, (field,)) for one in shown_after(owner, answer)]
        expected = text if path == "/scim/v2/Users" else normalize("NFC", text)
        assert shown in ([], [expected] * 2), ascii(text)
        kept += bool(shown)
    # two of them are one name
    assert kept >= len(LIKE_OTHERS) - 1


def shown_after(client: httpx.Client, answer: httpx.Response) -> Iterator[Any]:
    """What `answer` shows of what it took, and what a later GET shows of that."""
    if answer.status_code in {200, 201} and answer.content:
        said, asked = answer.json(), answer.request
        yield said
        # an application's id has the name that OAuth gives it
        id = at_place(said, ("id",)) or at_place(said, ("client_id",))
        entity = asked.url if asked.method != "POST" else f"{asked.url.path}/{id}"
        later = client.get(entity)
        if later.status_code == 200:
            yield later.json()


def at_place(shown: Any, where: Sequence[str | int]) -> Any:
    """What stands there; None if there is no such place."""
    for key in where:
        try:
            shown = shown[key]
        except (KeyError, IndexError, TypeError):
            return None
    return shown


@pytest.mark.parametrize("path", PATHS)
def test_paths_and_queries_that_are_tricks(owned: tuple[Company, httpx.Client], path: str) -> None:
    company, owner = owned
    answer = _raw(company.kernel.address, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
                  f"Authorization: {owner.headers['authorization']}\r\n\r\n".encode())  # fmt: skip
    status = int(answer.split(b" ", 2)[1])
    assert status in {307, 400, 404, 422}, answer
    assert b"x-evil" not in answer.lower().partition(b"\r\n\r\n")[0]
    assert b"root:" not in answer


@pytest.mark.parametrize(
    "head",
    [
        "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n",
        "GET /healthz HTTP/1.1\r\nHost: evil.example\r\nHost: 127.0.0.1\r\n",
        "GET http://evil.example/healthz HTTP/1.1\r\nHost: evil.example\r\n",
        "POST /v1/authz:check HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nContent-Length: 5\r\n",
        "POST /v1/authz:check HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "POST /v1/authz:check HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n",
        "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: " + "a" * 200_000 + "\r\n",
        "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX Bad: 1\r\n",
        "BREW /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n",
        "GET /healthz HTTP/9.9\r\nHost: 127.0.0.1\r\n",
    ],
    ids=["two hosts", "two hosts, the other first", "absolute", "two lengths", "length and chunks", "negative length",
         "huge header", "blank in a name", "no method", "no version"],
)  # fmt: skip
def test_requests_that_are_none(kernel: Kernel, head: str) -> None:
    answer = _raw(kernel.address, f"{head}Connection: close\r\n\r\n".encode() + b"{}")
    assert not answer or 400 <= int(answer.split(b" ", 2)[1]) < 500, answer[:200]
    assert httpx.get(f"{kernel.address}/healthz").status_code == 200


def test_a_method_is_what_it_says(kernel: Kernel) -> None:
    """No header and no query turns a GET into something that changes."""
    headers = {"X-HTTP-Method-Override": "DELETE", "X-Method-Override": "DELETE"}
    answer = httpx.get(f"{kernel.address}/healthz?_method=DELETE", headers=headers)
    assert answer.json() == {"status": "ok"}


def test_headers_that_never_end(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEADERS_WITHIN", 0.2)
    assert _raw(kernel.address, b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ") == b""


def test_a_body_that_never_ends(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "BODY_WITHIN", 0.2)
    answer = _raw(kernel.address, _begun(kernel, "Connection: close\r\n"))
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"urn:nexus:problem:timeout" in answer


def _begun(kernel: Kernel, more: str = "") -> bytes:
    """A request of whose body one byte has come."""
    token = kernel.caller().headers["authorization"]
    return (f"POST /v1/authz:check HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {token}\r\n{more}"
            "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{".encode())  # fmt: skip


@pytest.mark.parametrize("late", [b"x", b"\r\n", b"G"], ids=["of the body", "an empty line", "of a request"])
@pytest.mark.parametrize("status", [200, 408])
def test_a_byte_after_the_answer_does_not_hold_the_connection(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch, status: int, late: bytes
) -> None:
    """Nobody said `Connection: close`: the connection is kept for another request, and for nothing else."""
    monkeypatch.setattr(patience, "HEADERS_WITHIN", 0.3)
    monkeypatch.setattr(patience, "BODY_WITHIN", 0.2)
    length = 2 if late == b"x" else 0
    sent = f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n".encode()
    place = urlsplit(kernel.address)
    with socket.create_connection((place.hostname, place.port), timeout=3) as connection:
        connection.sendall(sent if status == 200 else _begun(kernel))
        assert connection.recv(65_536).startswith(f"HTTP/1.1 {status} ".encode())
        connection.sendall(late)
        with contextlib.suppress(ConnectionResetError):
            while connection.recv(65_536):
                pass


def test_what_is_left_of_a_body_after_its_answer_ends_no_connection(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "HEADERS_WITHIN", 0.5)
    place = urlsplit(kernel.address)
    asked = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n"
    with socket.create_connection((place.hostname, place.port), timeout=3) as connection:
        for _ in range(3):
            connection.sendall(asked)
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
            time.sleep(0.3)
            connection.sendall(b"{}")


@pytest.mark.parametrize(
    "begun",
    [
        b"GET /healthz?",
        b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: ",
        b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-",
        b"POST /v1/authz:check HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\nX-Long: ",
    ],
    ids=["address", "value", "name", "after the body"],
)
def test_a_header_without_end_is_not_kept(kernel: Kernel, begun: bytes) -> None:
    place = urlsplit(kernel.address)
    sent = 0
    with socket.create_connection((place.hostname, place.port), timeout=5) as connection:
        connection.sendall(begun)
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            while sent < 30 * patience.LARGEST_HEAD:
                sent += connection.send(b"a" * 8_000)
                time.sleep(0.001)
    assert sent < 30 * patience.LARGEST_HEAD


_LONG = Router()


@_LONG.get("/v1/long-answer")
async def get_long_answer(caller: ModelsReader, session: Transaction) -> StreamingResponse:
    await session.execute(select(literal(1)))

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(80):
            yield b"a" * 100_000

    return StreamingResponse(parts())


@_LONG.get("/v1/slow-answer")
async def get_slow_answer(caller: ModelsReader) -> StreamingResponse:
    async def parts() -> AsyncIterator[bytes]:
        for part in (b"be", b"gun", b" and ended"):
            yield part
            await asyncio.sleep(0.3)

    return StreamingResponse(parts())


def test_who_begins_the_next_request_has_the_answer_to_the_last_one(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing more is read from who has asked for three things at once: the rest of a head cannot come meanwhile."""
    monkeypatch.setattr(patience, "HEADERS_WITHIN", 0.2)
    place, token = urlsplit(kernel.address), kernel.caller().headers["authorization"]
    asked = f"GET /v1/slow-answer HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {token}\r\n\r\n".encode()
    with kernel.offering(_LONG), socket.create_connection((place.hostname, place.port), timeout=15) as connection:
        connection.sendall(3 * asked + asked[:20])
        came = b""
        while part := connection.recv(65_536):
            came += part
    assert came.count(b"HTTP/1.1 200 ") == came.count(b" and ended") == 3


@pytest.mark.parametrize("pause", [None, 0.01], ids=["nothing", "slowly"])
def test_an_answer_that_is_not_read(kernel: Kernel, monkeypatch: pytest.MonkeyPatch, pause: float | None) -> None:
    """Who reads nothing holds no connection of the database, and for a while only one of ours; who reads slowly gets it all."""
    monkeypatch.setattr(patience, "SOME_READ_WITHIN", 0.2)
    token, database = kernel.caller().headers["authorization"], kernel.app.state.database
    with kernel.offering(_LONG), socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 100_000)
        connection.settimeout(15)
        connection.connect((urlsplit(kernel.address).hostname, urlsplit(kernel.address).port))
        connection.sendall(f"GET /v1/long-answer HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {token}\r\n"
                           "Connection: close\r\n\r\n".encode())  # fmt: skip
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
        if pause is None:
            assert database.connections()["api"][0] == 0
            assert not kernel.sql(
                "select query from pg_stat_activity where state ~ '^idle in' and usename = 'nexus_api'"
            )
            time.sleep(0.8)
        read = 0
        with contextlib.suppress(ConnectionResetError):
            while came := connection.recv(1_000_000):
                read += len(came)
                time.sleep(pause or 0)
    assert (read > 8_000_000) == (pause is not None)


def _raw(address: str, sent: bytes) -> bytes:
    """Everything that comes back until the server closes the connection."""
    place = urlsplit(address)
    with socket.create_connection((place.hostname, place.port), timeout=15) as connection:
        connection.sendall(sent)
        came = b""
        until = time.monotonic() + 15
        while time.monotonic() < until:
            try:
                part = connection.recv(65_536)
            except ConnectionResetError:
                break
            if not part:
                break
            came += part
    return came
