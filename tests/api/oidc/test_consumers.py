"""What follows a sign-out in the event log: grants end, and applications are told, again until they answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest
from sqlalchemy import text

from api.oidc import consumers
from api.privacy import service as privacy
from nexus import egress
from nexus.db import Database
from nexus.errors import ProviderError
from nexus.events.consumer import get
from nexus.events.deliver import deliver
from nexus.events.log import COLUMNS, recorded
from tests.api.identity import people
from tests.api.oidc.house import BACK, Browser, House


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
    """Whom the consumers of this house tell."""
    monkeypatch.setattr(consumers, "get_settings", lambda: house.kernel.settings)
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


def test_an_application_is_told_until_it_answers(house: House, application: Application) -> None:
    app = house.app(name="Told", redirect_uris=[BACK], backchannel_logout_uri=application.address)
    browser = Browser(house.kernel, house.person)
    _, token = app.signed_in(browser, scope="openid nexus")
    people.within(house.kernel.settings, lambda s: people.sessions.revoke(s, house.person.id, browser.session_id))
    assert house.api(token["access_token"]).status_code == 401
    assert delivered(house, "oidc.end_grants", "session_id", browser.session_id) == 1
    application.answers = 503
    with pytest.raises(ProviderError, match="503"):
        delivered(house, "oidc.tell_clients", "session_id", browser.session_id)
    application.answers = 200
    assert delivered(house, "oidc.tell_clients", "session_id", browser.session_id) == 1
    # what it has dealt with is not told once more
    delivered(house, "oidc.tell_clients", "session_id", browser.session_id)
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
    assert house.claims(application.told[0])["sid"] == browser.session_id
    again = app.post("token", grant_type="refresh_token", refresh_token=token["refresh_token"])
    assert again.status_code == 200


def test_an_application_that_is_gone_is_tried_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from nexus.ports import free_port

    monkeypatch.setattr(consumers, "get_settings", lambda: house.kernel.settings)
    app = house.app(name="Gone", backchannel_logout_uri=f"http://127.0.0.1:{free_port()}/logout")
    person = house.somebody()
    app.signed_in(Browser(house.kernel, person))
    people.within(house.kernel.settings, lambda s: people.directory.deactivate(s, person.id))
    delivered(house, "oidc.end_grants", "user_id", person.id)
    with pytest.raises(ProviderError, match="cannot be told of a sign-out"):
        delivered(house, "oidc.tell_clients", "user_id", person.id)


def test_an_address_inside_our_network_is_not_told(
    house: House, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = house.kernel.settings.model_copy(update={"egress_allow": ""})
    monkeypatch.setattr(consumers, "get_settings", lambda: settings)
    app = house.app(name="Inside", backchannel_logout_uri=application.address)
    person = house.somebody()
    app.signed_in(Browser(house.kernel, person))
    people.within(house.kernel.settings, lambda s: people.directory.deactivate(s, person.id))
    delivered(house, "oidc.end_grants", "user_id", person.id)
    with pytest.raises(egress.RefusedError):
        delivered(house, "oidc.tell_clients", "user_id", person.id)
    assert not application.told
