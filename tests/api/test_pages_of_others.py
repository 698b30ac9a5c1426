"""Every page that names somebody's thing in its path, asked with another's: nothing told, nothing changed; whose it is, can.

The pages come from the route table, as they are not in the OpenAPI document (which tests/api/test_every_route.py asks).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from api.identity import forms
from api.mfa.models import Passkey
from api.oidc.models import Consent
from nexus.db import Tenant
from nexus.ids import new_id
from tests.api.bodies import ID, Bodies
from tests.api.identity import people
from tests.api.kernel import TLS, Kernel
from tests.api.organisations.company import Company
from tests.api.sagas.driving import begun, driven
from tests.api.sagas.test_sagas import declared
from tests.api.test_every_route import DOCUMENT
from tests.api.test_pages_fuzzed import PAGES, Browser, _needs

__all__ = ["declared"]


def kinds(route: APIRoute) -> dict[str, str | None]:
    """Parameter of the path that is an id → its prefix; None if its pattern says none."""
    found = {
        p.alias: ID.search(str(p.field_info.metadata)) for p in route.dependant.path_params if p.alias.endswith("id")
    }
    return {name: match["prefix"] if match else None for name, match in found.items()}


NAMING = [(method, route) for method, route in PAGES if kinds(route)]
OF_SOMEBODY = [(method, route) for method, route in NAMING if _needs(route, "signed_in.<locals>")]
#: Where whoever signs in comes by, who has no session yet: what they lead to, tests/api/sso asks.
TO_SIGN_IN = "/signin/"


@dataclass
class Things:
    """What one person has, each by the prefix of its id, and how to see whether it is as it was."""

    company: Company
    person: Any
    word: str
    ids: dict[str, str]

    def state(self) -> list[Any]:
        sql = self.company.kernel.sql
        return [
            sql("select ended_at from app.identity_session where id = %s", self.ids["ses"]),
            sql("select name from app.mfa_passkey where id = %s", self.ids["pky"]),
            sql("select scopes from app.oidc_consent where user_id = %s", self.person.id),
            sql("select state from app.saga where id = %s", self.ids["sag"]),
        ]


@pytest.fixture
def things(kernel: Kernel) -> Things:
    company, word = Company(kernel), f"hidden{secrets.token_hex(6)}"
    boss = company.member(("owner", "*"), is_break_glass=True)
    person: Any = SimpleNamespace(id=boss.user_id)
    body = Bodies(DOCUMENT, {}, company.one, word, least=True, told=True)
    client = company.caller(boss).post(
        "/v1/oidc/clients", **body.request(DOCUMENT["paths"]["/v1/oidc/clients"]["post"])
    )
    assert client.status_code == 201, client.text
    saga = begun(kernel, Tenant(company.id, company.one), "probe.stuck", {"secret": word})
    assert driven(kernel, saga) == "stuck"
    passkey = Passkey(
        id=new_id("pky"), user_id=person.id, credential_id=secrets.token_bytes(16), public_key=b"x", sign_count=0, name=word
    )  # fmt: skip
    consent = Consent(user_id=person.id, client_id=client.json()["client_id"], scopes=["openid"])

    async def added(session: Any) -> None:
        session.add_all([passkey, consent])

    company.within(added, everything=True)
    session, _ = people.sign_in(kernel, person)
    ids = {"pky": passkey.id, "ses": session, "sag": saga, "client": consent.client_id}
    return Things(company, person, word, ids)


def ask(kernel: Kernel, person: Any, method: str, route: APIRoute, things: Things) -> httpx.Response:
    """As that person, whose browser has just signed in and fills in the form of a page of ours."""
    browser, path = Browser(kernel, person), route.path
    for name, kind in kinds(route).items():
        path = path.replace(f"{{{name}}}", things.ids[str(kind)])
    said = {forms.FIELD: browser.form_token, "how": "abandon", "reason": "looked at"} if method == "POST" else None
    return httpx.request(method, kernel.address + path, data=said, headers=browser.headers, timeout=20, verify=TLS)


@pytest.mark.parametrize(("method", "route"), OF_SOMEBODY, ids=[f"{m} {r.path}" for m, r in OF_SOMEBODY])
def test_of_another(kernel: Kernel, things: Things, method: str, route: APIRoute) -> None:
    before = things.state()
    elsewhere, without = Company(kernel).member(("owner", "*")), things.company.member(("analyst", "*"))
    for other in (elsewhere, without):
        answer = ask(kernel, SimpleNamespace(id=other.user_id), method, route, things)
        assert answer.status_code in {303, 403, 404}, answer.text
        assert things.word not in answer.text
        assert things.state() == before, f"{route.path} changed what is somebody else's"
    mine = ask(kernel, things.person, method, route, things)
    assert mine.status_code in {200, 303}, mine.text
    if method == "POST":
        assert things.state() != before, "whose it is, cannot either: the test asks for nothing"
    else:
        assert mine.status_code == 200, mine.headers.get("location")


def test_every_page_says_the_kind_of_its_ids() -> None:
    unasked = {route.path for _, route in NAMING} - {route.path for _, route in OF_SOMEBODY}
    assert {path for path in unasked if not path.startswith(TO_SIGN_IN)} == set()
    said = {kind for _, route in OF_SOMEBODY for kind in kinds(route).values()}
    assert said == {"ses", "pky", "client", "sag"}, "a new one needs its thing in `things`"
