"""Strings that break programs in one text of a body at a time: the others are as they should be, so that it is not refused for
them and reaches what keeps it."""

from __future__ import annotations

import copy
import json
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tests.api.away import is_mistake
from tests.api.bodies import Bodies
from tests.api.kernel import TLS
from tests.api.test_bad_requests import DOCUMENT, NAUGHTY, WITH_BODY, at_place, shown_after
from tests.api.test_every_route import Victim, victim

__all__ = ["victim"]

_MARK = "hereitis"


def texts(body: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where the texts of a body are."""
    for key, value in body.items() if isinstance(body, dict) else enumerate(body):
        if isinstance(value, str):
            yield (*path, key)
        elif isinstance(value, dict | list):
            yield from texts(value, (*path, key))


#: What nothing of a kind may have twice: said anew with each request, which would be refused for it otherwise.
_OWN = "name", "id", "userName", "displayName", "email"
#: They take away what others are asked about, so they come last.
_ENDS = ":erase", ":close"
#: No plain request makes what these are about: a model, a saga, a browser in which somebody is signed in, a person who came by a provider.
NOT_REACHED = {
    "/v1/models/{model}:predict", "/v1/invitations:accept", "/v1/sso/connections/{connection_id}:unlink",
    *(f"/v1/sagas/{{saga_id}}:{verb}" for verb in ("cancel", "retry", "skip", "abandon")),
}  # fmt: skip
ASKED = sorted(WITH_BODY, key=lambda one: one[1].endswith(_ENDS))


def fresh(body: Any, but: tuple[str | int, ...] = ()) -> Any:
    """A copy of it, with names that nothing has yet, other than what stands at `but`."""
    said = copy.deepcopy(body)
    for key in _OWN:
        if isinstance(said.get(key), str) and but != (key,):
            said[key] = f"x{secrets.token_hex(4)}{said[key]}"
    return said


@pytest.mark.parametrize(("method", "path", "operation"), ASKED, ids=[f"{m} {p}" for m, p, _ in ASKED])
def test_one_at_a_time(victim: Victim, method: str, path: str, operation: dict[str, Any]) -> None:
    bodies = Bodies(DOCUMENT, victim.ids, victim.company.one, "x")
    target, body = bodies.path(path, operation), bodies.request(operation)["json"]
    # what a body needs, in case what may be in it besides is refused
    least = Bodies(DOCUMENT, victim.ids, victim.company.one, "x", least=True).request(operation)["json"]
    example = operation["requestBody"]["content"]["application/json"]["example"]
    wholes = [body, *([least] if least != body else []), *([example] if example != body else [])]

    def ask(content: str) -> httpx.Response:
        headers = {"Content-Type": "application/json"}
        return victim.owner.request(method, target, content=content.encode(), headers=headers)

    reached = [] if path.endswith(_ENDS) else [ask(json.dumps(fresh(whole))).status_code for whole in wholes]
    for whole in wholes:
        for where in texts(whole):
            for name, text in NAUGHTY.items():
                said = fresh(whole, where)
                at = said
                for key in where[:-1]:
                    at = at[key]
                at[where[-1]] = _MARK
                answer = ask(json.dumps(said).replace(f'"{_MARK}"', text))
                reached.append(answer.status_code)
                assert answer.status_code < 500, f"{where} {name}: {answer.status_code} {answer.text}"
                if name == "null":
                    continue  # asks for what stands there already, or for the default
                for shown in shown_after(victim.owner, answer):
                    assert at_place(shown, where) in {None, json.loads(text)}, f"{where} {name} is not as it came"
    # a body without texts is asked nothing
    assert not reached or any(status < 300 for status in reached) != (path in NOT_REACHED), f"nothing of {set(reached)}"


FORM = "application/x-www-form-urlencoded"
FORMS = [
    (path, item["post"])
    for path, item in DOCUMENT["paths"].items()
    if FORM in item.get("post", {}).get("requestBody", {}).get("content", {})
]
_GRANTS = "authorization_code", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:device_code"


def test_every_endpoint_is_asked() -> None:
    """But those whose bodies only a provider writes."""
    asked = {path for _, path, _ in WITH_BODY} | {path for path, _ in FORMS}
    bodies = {path for path, item in DOCUMENT["paths"].items() for one in item.values() if "requestBody" in one}
    assert bodies - asked == {"/v1/sources/{source}/webhook"}


@pytest.fixture(scope="module")
def application(victim: Victim) -> tuple[str, str]:
    """Id and secret of an application that may begin every grant."""
    said = {
        "name": "Naughty", "redirect_uris": ["http://127.0.0.1/callback"], "scopes": ["openid", "nexus"],
        "grant_types": list(_GRANTS), "permissions": {"*": ["models.read"]},
    }  # fmt: skip
    made = victim.owner.post("/v1/oidc/clients", json=said)
    assert made.status_code == 201, made.text
    return made.json()["client_id"], made.json()["client_secret"]


@pytest.mark.parametrize(("path", "operation"), FORMS, ids=[p for p, _ in FORMS])
def test_in_every_field_of_a_form(
    victim: Victim, application: tuple[str, str], path: str, operation: dict[str, Any]
) -> None:
    fields = Bodies(DOCUMENT, victim.ids, victim.company.one, "x").fields(
        operation["requestBody"]["content"][FORM]["schema"]
    )
    with httpx.Client(base_url=victim.company.kernel.address, timeout=20, verify=TLS) as client:
        for grant in _GRANTS if "grant_type" in fields else ("",):
            for field in fields:
                for name, text in NAUGHTY.items():
                    value = json.loads(text) if text.startswith('"') else text
                    said = {
                        **dict.fromkeys(fields - {"client_id", "client_secret"}, "x"),
                        "grant_type": grant, field: value,
                    }  # fmt: skip
                    # a lone surrogate goes out as the bytes that it would be
                    sent = urlencode(said, errors="surrogatepass").encode()
                    for auth in (application, None):
                        answer = client.post(path, content=sent, auth=auth, headers={"Content-Type": FORM})
                        assert not is_mistake("POST", path, answer.status_code), f"{field} {name}: {answer.text}"


_QUERY = "%00", "a%00b", "%ED%A0%80", "%ff", "%E2%80%AE", "a" * 5000
_FILTERED = "userName", "displayName", "id", "externalId"
GETS = [(path, item["get"]) for path, item in DOCUMENT["paths"].items() if "get" in item]


@pytest.mark.parametrize(("path", "operation"), GETS, ids=[p for p, _ in GETS])
def test_in_every_query_and_path(victim: Victim, path: str, operation: dict[str, Any]) -> None:
    target = Bodies(DOCUMENT, victim.ids, victim.company.one, "x").path(path, operation)
    asked = [path.partition("{")[0] + value for value in _QUERY] if "{" in path else []
    for name in (p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"):
        asked += [f"{target}?{name}={value}" for value in _QUERY]
        if name == "filter":
            asked += [f"{target}?filter={of}%20eq%20%22{value}%22" for of in _FILTERED for value in _QUERY]
    for one in asked:
        answer = victim.owner.get(one)
        assert answer.status_code < 500, f"{one[:200]}: {answer.status_code} {answer.text}"


@pytest.mark.parametrize("name", ["Idempotency-Key", "If-Match", "X-Nexus-Workspace", "traceparent", "Authorization",
                                  "Cookie", "Origin", "Range", "Content-Encoding", "Accept"])  # fmt: skip
def test_in_every_header(victim: Victim, name: str) -> None:
    for value in ("\x01", "\xff\xfe", "a" * 5000, "", '"', '"a\\', "*", '""', '"1","2"', 'W/"x"', "9" * 30):
        for method, path, body in (
            ("GET", "/v1/members", None),
            ("POST", "/v1/groups", {"name": secrets.token_hex(4)}),
            ("PATCH", f"/v1/groups/{victim.ids['grp']}", {"name": "x"}),
            ("GET", "/scim/v2/Users", None),
        ):
            answer = victim.owner.request(method, path, json=body, headers={name: value.encode("latin-1")})  # type: ignore[arg-type]
            assert answer.status_code < 500, f"{name}: {value[:80]!r} {method} {path}: {answer.text}"
