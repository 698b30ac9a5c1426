"""What follows a sign-out in the event log: grants end, and applications are told, again until they answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from sqlalchemy import text

from api.identity import resets
from api.identity.repository import users
from api.oidc import jobs
from api.organisations.models import Policy
from api.privacy import service as privacy
from nexus.db import Database, Session
from nexus.events.consumer import get
from nexus.events.deliver import deliver
from nexus.events.log import COLUMNS, recorded
from nexus.jobs.attempt import attempt
from tests.api.identity import people
from tests.api.kernel import Kernel
from tests.api.oidc.house import BACK, DEVICE, HTTP, Browser, House


class Application(ThreadingHTTPServer):
    """Keeps what is posted to it, and answers as told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.answers = 200
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/logout"


class _Handler(BaseHTTPRequestHandler):
    server: Application

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        self.server.told.append(parse_qs(body)["logout_token"][0])
        self.send_response(self.server.answers)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Silent."""


@pytest.fixture
def application(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[Application]:
    """Whom the jobs of this house tell."""
    monkeypatch.setattr(jobs, "get_settings", lambda: house.kernel.settings)
    server = Application()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def delivered(house: House, name: str, where: str, value: str) -> int:
    """Gives a consumer the events of its types in whose data `where` is `value`, as the relay does; how many."""
    consumer = get(name)

    async def done() -> int:
        database = Database(house.kernel.settings)
        try:
            async with database.system() as session:
                rows = await session.execute(
                    text(f"select {COLUMNS} from app.events where data ->> :where = :value order by position"),
                    {"where": where, "value": value},
                )
                events = [e for e in (recorded(row._mapping) for row in rows) if consumer.wants(e)]
            for event in events:
                await deliver(database, consumer, [event])
            return len(events)
        finally:
            await database.close()

    return asyncio.run(done())


def called(house: House, client: str) -> list[tuple[str, str | None]]:
    """Does what a worker would with the calls of an application that wait; state and error of each afterwards."""
    which = "name = 'oidc.tell_client' and arguments ->> 'client_id' = %s"
    waiting = house.kernel.sql(f"select id from app.job where {which} and state in ('pending', 'waiting')", client)

    async def done() -> None:
        database = Database(house.kernel.settings)
        try:
            for (id,) in waiting:
                await attempt(database, id)
        finally:
            await database.close()

    asyncio.run(done())
    return house.kernel.sql(f"select state, error from app.job where {which} order by created_at", client)  # type: ignore[return-value]


def test_an_application_is_told_until_it_answers(house: House, application: Application) -> None:
    app = house.app(name="Told", redirect_uris=[BACK], backchannel_logout_uri=application.address)
    browser = Browser(house.kernel, house.person)
    _, token = app.signed_in(browser, scope="openid nexus")
    people.within(house.kernel.settings, lambda s: people.sessions.revoke(s, house.person.id, browser.session_id))
    assert house.api(token["access_token"]).status_code == 401
    assert delivered(house, "oidc.end_grants", "session_id", browser.session_id) == 1
    assert delivered(house, "oidc.tell_clients", "session_id", browser.session_id) == 1
    # the log does not wait for whoever is told, nor does another application
    assert house.kernel.sql("select share from app.job where arguments ->> 'client_id' = %s", app.id) == [(app.id,)]
    assert application.told == []
    application.answers = 503
    [(state, error)] = called(house, app.id)
    assert state == "waiting"
    assert error is not None
    assert "answers a sign-out with 503" in error
    application.answers = 200
    assert called(house, app.id) == [("succeeded", None)]
    # what it has dealt with is not told once more
    delivered(house, "oidc.tell_clients", "session_id", browser.session_id)
    assert called(house, app.id) == [("succeeded", None)]
    assert len(application.told) == 2
    claims = house.claims(application.told[-1])
    assert (claims["aud"], claims["sub"], claims["sid"]) == (app.id, house.person.id, browser.session_id)
    assert claims["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}
    assert "nonce" not in claims


def test_an_application_is_told_of_an_erasure(house: House, application: Application) -> None:
    app = house.app(name="Erased", redirect_uris=[BACK], backchannel_logout_uri=application.address)
    person = house.somebody()
    browser = Browser(house.kernel, person)
    app.signed_in(browser)
    people.within(house.kernel.settings, lambda s: privacy.erase(s, person.id, "local", "they asked"))
    assert delivered(house, "oidc.tell_clients", "user_id", person.id) == 1
    assert called(house, app.id) == [("succeeded", None)]
    claims = house.claims(application.told[0])
    assert (claims["aud"], claims["sub"], claims["sid"]) == (app.id, person.id, browser.session_id)


def test_an_application_whose_grant_outlives_the_session_is_told_too(house: House, application: Application) -> None:
    """Back-Channel Logout 2.7: the refresh token of `offline_access` stays, the sign-out is told all the same."""
    app = house.app(name="Offline", redirect_uris=[BACK], backchannel_logout_uri=application.address)
    browser = Browser(house.kernel, house.person)
    _, token = app.signed_in(browser, scope="openid offline_access")
    people.within(house.kernel.settings, lambda s: people.sessions.revoke(s, house.person.id, browser.session_id))
    assert delivered(house, "oidc.end_grants", "session_id", browser.session_id) == 1
    assert delivered(house, "oidc.tell_clients", "session_id", browser.session_id) == 1
    assert called(house, app.id) == [("succeeded", None)]
    assert house.claims(application.told[0])["sid"] == browser.session_id
    again = app.post("token", grant_type="refresh_token", refresh_token=token["refresh_token"])
    assert again.status_code == 200


def test_an_application_that_is_gone_is_tried_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from nexus.ports import free_port

    monkeypatch.setattr(jobs, "get_settings", lambda: house.kernel.settings)
    app = house.app(name="Gone", backchannel_logout_uri=f"http://127.0.0.1:{free_port()}/logout")
    person = house.somebody()
    app.signed_in(Browser(house.kernel, person))
    people.within(house.kernel.settings, lambda s: people.directory.deactivate(s, person.id))
    delivered(house, "oidc.end_grants", "user_id", person.id)
    delivered(house, "oidc.tell_clients", "user_id", person.id)
    [(state, error)] = called(house, app.id)
    assert state == "waiting"
    assert error is not None
    assert "cannot be told of a sign-out" in error


def test_an_address_inside_our_network_is_not_told(
    house: House, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = house.kernel.settings.model_copy(update={"egress_allow": ""})
    monkeypatch.setattr(jobs, "get_settings", lambda: settings)
    app = house.app(name="Inside", backchannel_logout_uri=application.address)
    person = house.somebody()
    app.signed_in(Browser(house.kernel, person))
    people.within(house.kernel.settings, lambda s: people.directory.deactivate(s, person.id))
    delivered(house, "oidc.end_grants", "user_id", person.id)
    delivered(house, "oidc.tell_clients", "user_id", person.id)
    [(state, error)] = called(house, app.id)
    assert state == "failed"
    assert error is not None
    assert error.startswith("RefusedError")
    assert not application.told


def test_another_password_ends_what_outlives_a_session(house: House, application: Application) -> None:
    """In every browser, at once: whoever sets another password wants those out who knew the one before."""
    app = house.app(name="Password", redirect_uris=[BACK], backchannel_logout_uri=application.address)
    settings, person = house.kernel.settings, house.somebody()
    elsewhere, here = Browser(house.kernel, person), Browser(house.kernel, person)
    _, left = app.signed_in(elsewhere, scope="openid nexus offline_access")
    _, beside = app.signed_in(here, scope="openid nexus offline_access")
    _, within = app.signed_in(here, scope="openid nexus")
    in_between, verifier = app.code(elsewhere, scope="openid nexus offline_access")

    async def changed(session: Session) -> None:
        await resets.set_password(session, await users.get(session, person.id), "another", "changed")
        await people.sessions.revoke_all(session, person.id, people.sessions.PASSWORD_CHANGED, but=here.session_id)

    people.within(settings, changed)
    for token, is_alive in ((left, False), (beside, False), (within, True)):
        assert house.api(token["access_token"]).status_code == (200 if is_alive else 401)
        again = app.post("token", grant_type="refresh_token", refresh_token=token["refresh_token"])
        assert again.status_code == (200 if is_alive else 400), again.text
    assert app.redeem(in_between, verifier).json()["error"] == "invalid_grant"
    _, anew = app.signed_in(here, scope="openid nexus offline_access")
    delivered(house, "oidc.end_grants", "user_id", person.id)
    delivered(house, "oidc.tell_clients", "user_id", person.id)
    called(house, app.id)
    ended = house.kernel.sql(
        "select revoked_because from app.oidc_grant where user_id = %s and revoked_at is not null", person.id
    )
    assert ended == [("password_changed",)] * 3
    assert {house.claims(token)["sid"] for token in application.told} == {elsewhere.session_id, here.session_id}
    assert house.api(anew["access_token"]).status_code == 200


@pytest.mark.parametrize("how", ["removed", "suspended"])
def test_who_comes_back_begins_anew(house: House, application: Application, how: str) -> None:
    """A membership that ends takes its grants along: they do not wait for the next one."""
    app = house.app(name="Left", redirect_uris=[BACK], backchannel_logout_uri=application.address)
    person = people.make(house.kernel, email_verified=True)
    member, browser = house.joined(person), Browser(house.kernel, person)
    _, before = app.signed_in(browser, scope="openid nexus offline_access")
    place = f"/v1/members/{member.id}"
    if how == "removed":
        assert house.admin.delete(place).status_code == 204
    else:
        for status in ("suspended", "active"):
            assert house.admin.put(place, json={"status": status, "is_break_glass": False}).status_code == 200
    assert house.api(before["access_token"], "/v1/me").status_code == (401 if how == "removed" else 200)
    if how == "removed":
        house.joined(person)
    _, since = app.signed_in(browser, scope="openid nexus offline_access")
    assert delivered(house, "oidc.end_grants", "member_id", member.id) == (1 if how == "removed" else 2)
    for token, is_alive in ((before, False), (since, True)):
        assert house.api(token["access_token"], "/v1/me").status_code == (200 if is_alive else 401)
        again = app.post("token", grant_type="refresh_token", refresh_token=token["refresh_token"])
        assert again.status_code == (200 if is_alive else 400), again.text
    delivered(house, "oidc.tell_clients", "user_id", person.id)
    assert called(house, app.id) == [("succeeded", None)]
    assert house.claims(application.told[0])["sid"] == browser.session_id


@pytest.fixture
def own(kernel: Kernel) -> Iterator[House]:
    """An organisation whose policy no other test minds."""
    with closing(House(kernel)) as made:
        yield made


@pytest.mark.parametrize(
    ("asks", "said"), [("is_mfa_required", "a second factor"), ("is_sso_required", "single sign-on")]
)
def test_what_an_organisation_comes_to_ask_is_asked_of_grants_too(own: House, asks: str, said: str) -> None:
    house = own
    app = house.app(grant_types=["authorization_code", "refresh_token", DEVICE])
    _, token = app.signed_in(scope="openid nexus offline_access")
    code, verifier = app.code(scope="openid nexus")
    device = app.post("device_authorization", scope="openid nexus").json()
    page = house.browser.get("/oidc/device", params={"user_code": device["user_code"]})
    assert house.browser.press(page, "allow").status_code == 200
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    where = house.at("userinfo")
    assert httpx.get(where, headers=bearer, **HTTP).status_code == 200
    asked = Policy(organisation_id=house.company.id, **{"is_mfa_required": False, "is_sso_required": False, asks: True})
    house.company.add(asked)
    refused = httpx.get(where, headers=bearer, **HTTP)
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_token")
    assert said in refused.headers["www-authenticate"]
    for answer in (
        app.post("token", grant_type="refresh_token", refresh_token=token["refresh_token"]),
        app.redeem(code, verifier),
        app.post("token", grant_type=DEVICE, device_code=device["device_code"]),
    ):
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
        assert said in answer.json()["error_description"]
    for shown in (token["access_token"], token["refresh_token"]):
        assert app.post("introspect", token=shown).json() == {"active": False}
    # nothing is lost: what is asked no more is not in the way
    house.kernel.sql("delete from app.organisations_policy where organisation_id = %s", house.company.id)
    again = app.post("token", grant_type="refresh_token", refresh_token=token["refresh_token"])
    assert again.status_code == 200
