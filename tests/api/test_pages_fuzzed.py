"""Every page for browsers, found in the route table, asked what no page of ours asks: no 5xx, a status that fits, nothing of
it repeated as markup, nobody led elsewhere. (What programs call is fuzzed from its OpenAPI: test_fuzzed.py.)"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from urllib.parse import quote, urlencode, urlsplit

import httpx
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from api.app import create_app
from api.identity import cookies, forms
from api.identity.directory import Person
from nexus.ids import new_id
from nexus.sealing import Sealer
from tests.api.identity import people
from tests.api.kernel import Kernel
from tests.api.test_bad_requests import NAUGHTY as BREAKING

#: Names of parameters that a page reads by itself, out of a query or a form.
BY_HAND = (
    "user_code", "decision", "proof", "request", "organisation", "back", "client_id", "redirect_uri", "state", "scope",
    "response_type", "code_challenge", "id_token_hint", "post_logout_redirect_uri", "prompt", "max_age", "acr_values",
)  # fmt: skip
MARK = "<svg/onload=alert(1)>"
NAUGHTY = f"\"'>{MARK}{{{{7*7}}}}\r\nX-Bad: 1\u202e\u0000//evil.example/%2e%2e"
#: Bytes that are no text, a name that comes twice, and no form at all.
RAW = (b"next=%ff%fe%ED%A0%80&next=%00&email=%C3%28", b'{"email": ["a"]}', b"\x00" * 64)
FIT = {200, 303, 400, 403, 404, 409, 410, 422, 429}
FORM = "application/x-www-form-urlencoded"


def _pages() -> Iterator[tuple[str, APIRoute]]:
    for route in create_app().state.routes:
        is_page = isinstance(route, APIRoute) and not route.include_in_schema
        if is_page and not route.path.startswith(("/scim/", "/docs", "/v1/")):
            for method in sorted(set(route.methods) & {"GET", "POST"}):
                yield method, route


PAGES = list(_pages())


def _calls(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for below in dependant.dependencies:
        yield from _calls(below)


def _names(route: APIRoute) -> list[str]:
    found = [p.alias for d in _calls(route.dependant) for p in (*d.query_params, *d.body_params)]
    return list(dict.fromkeys([*found, *BY_HAND]))


def _needs(route: APIRoute, what: str) -> bool:
    return any(what in getattr(d.call, "__qualname__", "") for d in _calls(route.dependant))


@pytest.fixture(scope="module")
def client(kernel: Kernel) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=kernel.address, timeout=20) as made:
        yield made


@pytest.fixture(scope="module")
def person(kernel: Kernel) -> Person:
    return people.make(kernel)


class Browser:
    """One that sends forms with the token of this application, signed in or not."""

    def __init__(self, kernel: Kernel, person: Person | None) -> None:
        session = people.sign_in(kernel, person)[1] if person else ""
        secret = secrets.token_urlsafe(16)
        self.form_token = Sealer(kernel.settings, "identity/form").mac(f"{secret}/{session}")
        said = {cookies.FORM: secret, **({cookies.SESSION: session} if session else {})}
        self.headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in said.items())}


def _path(route: APIRoute, word: str) -> str:
    return re.sub(r"{[^}]+}", lambda _: quote(word, safe=""), route.path)


@pytest.mark.parametrize(("method", "route"), PAGES, ids=[f"{m} {r.path}" for m, r in PAGES])
def test_whatever_is_asked(kernel: Kernel, client: httpx.Client, person: Person, method: str, route: APIRoute) -> None:
    browser, nobody = Browser(kernel, person), Browser(kernel, None)
    names = _names(route)
    # the last of them first: what ends the session comes once it has been of use
    long = "x" * (9000 if method == "POST" else 100)
    for asking, value in ((nobody, NAUGHTY), (browser, long), (browser, NAUGHTY)):
        said = dict.fromkeys(names, value)
        for word in (new_id("ses"), value[:200]) if "{" in route.path else ("",):
            if method == "GET":
                answer = client.get(f"{_path(route, word)}?{urlencode(said)}", headers=asking.headers)
            else:
                said[forms.FIELD] = asking.form_token
                answer = client.post(_path(route, word), data=said, headers=asking.headers)
            _fits(client, answer)
            if asking is nobody and _needs(route, "signed_in.<locals>") and answer.status_code == 303:
                assert answer.headers["location"].startswith("/signin")
    for raw in RAW:
        if method == "POST":
            kind = {"Content-Type": FORM if raw is not RAW[1] else "application/json"}
            answer = client.post(_path(route, "x"), content=raw, headers={**browser.headers, **kind})
        else:
            answer = client.get(
                f"{_path(route, 'x')}?{raw.decode('latin-1') if raw is RAW[0] else 'a=1'}", headers=browser.headers
            )
        _fits(client, answer)
        assert method == "GET" or not _needs(route, "_checked") or answer.status_code in {303, 403, 404, 422}, (
            answer.text
        )


POSTS = [route for method, route in PAGES if method == "POST"]


@pytest.mark.parametrize("route", POSTS, ids=[r.path for r in POSTS])
def test_strings_that_break_programs(kernel: Kernel, client: httpx.Client, person: Person, route: APIRoute) -> None:
    """One field at a time, by somebody signed in and by nobody; a lone surrogate goes out as the bytes that it would be."""
    fields = [p.alias for d in _calls(route.dependant) for p in d.body_params if p.alias != forms.FIELD]
    browsers = Browser(kernel, person), Browser(kernel, None)
    for text in BREAKING.values():
        value = json.loads(text) if text.startswith('"') else text
        for field in fields or BY_HAND[:3]:
            for browser in browsers:
                said = {**dict.fromkeys(fields, "x"), field: value, forms.FIELD: browser.form_token}
                sent = urlencode(said, errors="surrogatepass").encode()
                headers = {**browser.headers, "Content-Type": FORM}
                _fits(client, client.post(_path(route, new_id("ses")), content=sent, headers=headers))


def test_forms_of_elsewhere_are_refused(kernel: Kernel, client: httpx.Client, person: Person) -> None:
    """Each that changes something of who is signed in, whether by its token or by its proof."""
    browser, other = Browser(kernel, person), Browser(kernel, people.make(kernel))
    for method, route in PAGES:
        if method == "POST" and _needs(route, "signed_in.<locals>"):
            for more in ({}, {forms.FIELD: other.form_token}, {"proof": "x"}):
                sent = client.post(
                    _path(route, new_id("ses")), data={"decision": "allow", **more}, headers=browser.headers
                )
                assert sent.status_code == 403, route.path
            origin = {**browser.headers, "Origin": "http://127.0.0.1:9"}
            sent = client.post(_path(route, new_id("ses")), data={forms.FIELD: browser.form_token}, headers=origin)
            assert sent.status_code == 403, route.path


def _fits(client: httpx.Client, answer: httpx.Response) -> None:
    said = f"{answer.request.method} {str(answer.request.url)[:200]}: {answer.status_code} {answer.text[:500]}"
    assert answer.status_code in FIT, said
    is_page = answer.headers.get("content-type", "").startswith("text/html")
    assert not is_page or not any(mark in answer.text for mark in (MARK, "<script>alert(1)")), said
    assert "x-bad" not in answer.headers
    if "location" in answer.headers:
        there = urlsplit(answer.headers["location"])
        assert there.netloc in {"", client.base_url.netloc.decode()}, said
        assert there.path.startswith("/"), said
        assert not there.path.startswith(("//", "/\\")), said
    if is_page:
        assert "script-src" not in answer.headers["content-security-policy"].replace("script-src 'self'", "")
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
