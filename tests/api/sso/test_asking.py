"""What an organisation asks of a sign-in: its own provider, a second factor; at the page and at the token."""

from __future__ import annotations

import re
import secrets
import time
from typing import Any

import httpx
import pyotp
import pytest
from authlib.integrations.httpx_client import OAuth2Client

from api.oidc import levels
from api.organisations.models import Member
from nexus.ids import new_id
from nexus.tenancy import LOCAL_ORGANISATION
from tests.api.identity import people
from tests.api.identity.people import OTHER, PASSWORD, Browser, PeopleOf
from tests.api.kernel import TLS
from tests.api.oidc import house as oidc
from tests.api.oidc.test_consumers import delivered
from tests.api.sso.house import House, said
from tests.api.sso.provider import CLIENT, SECRET, Provider
from tests.api.sso.way import Way, says


@pytest.fixture
def asking(here: Any, provider: Provider) -> Way:
    """An organisation of its own with a connection."""
    here.sql("delete from app.identity_throttle")
    return Way(House(here), provider)


def _text(answer: httpx.Response) -> str:
    return re.sub(r'(form_token" value=")[^"]+', r"\1", answer.text)


def test_the_page_asks_for_the_address_first(asking: Way) -> None:
    house = asking.house
    browser, ada = house.browser(), house.member()
    shown = browser.get("/signin")
    assert 'name="step" value="email"' in shown.text
    assert 'name="password"' not in shown.text
    # whether anybody has the address is not said, nor by where it leads
    places = {
        browser.form("/signin?next=/account", email=email, step="email").headers["location"].partition("&hint=")[0]
        for email in (ada.email, house.address())
    }
    assert places == {f"/signin/sso/{asking.row['id']}?next=%2Faccount"}
    answers = {
        _text(browser.form("/signin", email=f"{name}@elsewhere.example", step="email")).replace(name, "E")
        for name in ("known", "other")
    }
    assert len(answers) == 1
    assert 'name="password"' in answers.pop()
    assert browser.form("/signin", email=" ", step="email").status_code == 422
    assert 'name="password"' in browser.get("/signin?by=password").text


def test_single_sign_on_required(asking: Way) -> None:
    """Right and wrong passwords are told the same; break-glass members come in; a member of others too comes in for them."""
    house = asking.house
    ada, boss = house.member(), house.member("owner", is_break_glass=True)
    both = house.member()
    other = House(house.kernel)
    other.company.add(_member(other, both.id))
    house.ask(sso=True)
    answers = {
        _text(house.browser().form("/signin?by=password", email=ada.email, password=p)) for p in (PASSWORD, OTHER)
    }
    assert len(answers) == 1
    assert f'href="/signin/sso/{asking.row["id"]}"' in answers.pop()
    assert PeopleOf(house.kernel).failures(ada.id) in (
        ["sso_required", "wrong_password"],
        ["wrong_password", "sso_required"],
    )
    for person in (boss, both):
        browser = house.browser()
        assert browser.form("/signin?by=password", email=person.email, password=PASSWORD).status_code == 303
        assert browser.signed_in()
    says(asking.provider, ada.email)
    browser, answer = asking.through()
    assert answer.status_code == 303
    assert browser.signed_in()


def _member(house: House, user_id: str) -> Any:
    from api.organisations.models import Member
    from nexus.ids import new_id

    return Member(id=new_id("mem"), organisation_id=house.id, user_id=user_id)


class App:
    """A client of the organisation, and the whole flow through whatever the sign-in asks."""

    def __init__(self, house: House, name: str = "App") -> None:
        body = {"name": name, "redirect_uris": [oidc.BACK], "scopes": ["openid", "nexus"]}
        self.house, self.row = house, house.owner.post("/v1/oidc/clients", json=body).json()

    def begin(self, **asked: str) -> tuple[OAuth2Client, str, str]:
        client = OAuth2Client(
            self.row["client_id"], self.row["client_secret"], scope="openid nexus", redirect_uri=oidc.BACK,
            code_challenge_method="S256", verify=TLS,
        )  # fmt: skip
        verifier = secrets.token_urlsafe(40)
        where, _ = client.create_authorization_url(
            f"{self.house.kernel.address}/oidc/authorize", code_verifier=verifier, **asked
        )
        return client, where, verifier

    def token(self, browser: Browser) -> str:
        client, where, verifier = self.begin()
        answer = browser.get(where)
        if answer.status_code == 200:
            answer = oidc.Browser.press(browser, answer, "allow")  # type: ignore[arg-type]
        token = client.fetch_token(
            f"{self.house.kernel.address}/oidc/token",
            code=said(answer.headers["location"])["code"],
            code_verifier=verifier,
        )
        client.close()
        return str(token["access_token"])

    def opens(self, token: str) -> int:
        headers = {"Authorization": f"Bearer {token}", "X-Nexus-Workspace": self.house.company.one}
        return httpx.get(f"{self.house.kernel.address}/v1/models", headers=headers, verify=TLS).status_code


def test_a_token_of_before_dies_when_more_is_asked(asking: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    from api.oidc import authentication

    monkeypatch.setattr(authentication, "PERMISSIONS_LAST", authentication.timedelta(0))
    house = asking.house
    ada, app = house.member(), App(asking.house)
    browser = house.browser()
    browser.sign_in(ada.email)
    token = app.token(browser)
    assert app.opens(token) == 200
    house.ask(sso=True)
    assert app.opens(token) == 401
    house.ask(mfa=True)
    assert app.opens(token) == 401
    house.ask()
    assert app.opens(token) == 200


def test_who_signed_in_elsewhere_is_led_to_the_organisations_provider(asking: Way) -> None:
    house = asking.house
    both, other, app = house.member(), House(asking.house.kernel), App(asking.house)
    other.company.add(_member(other, both.id))
    house.ask(sso=True)
    browser = house.browser()
    browser.sign_in(both.email)
    _, where, _ = app.begin()
    page = browser.get(where).headers["location"]
    assert f"organisation={house.id}" in page
    assert browser.get(page).headers["location"].startswith(f"/signin/sso/{asking.row['id']}?")
    says(asking.provider, both.email, auth_time=None)
    _, answer = asking.through(browser)
    assert answer.status_code == 303
    assert app.opens(app.token(browser)) == 200
    # and that session opens no other organisation
    theirs = App(other)
    _, where, _ = theirs.begin()
    assert "by=password" in browser.get(where).headers["location"]
    again = browser.get(f"{where}&nexus_lacking=other").headers["location"]
    assert said(again)["error"] == "access_denied"


def test_a_provider_neither_sees_nor_ends_what_is_elsewhere(asking: Way) -> None:
    """Whoever runs it could be any of the organisation's people: their other sessions and applications are not its own."""
    house = asking.house
    both, other = house.member(), House(asking.house.kernel)
    other.company.add(_member(other, both.id))
    own, apps = house.browser(), [App(house, "App of here"), App(other, "App of elsewhere")]
    own.sign_in(both.email)
    tokens = [app.token(own) for app in apps]
    says(asking.provider, both.email)
    browser, _ = asking.through()
    second, _ = asking.through()
    [elsewhere] = house.kernel.sql(
        "select id from app.identity_session where user_id = %s and realm is null and ended_at is null", both.id
    )[0]
    page = browser.get("/account").text
    assert (page.count("<tr>"), elsewhere in page) == (3, False)
    browser.form("/account", f"/account/sessions/{elsewhere}/end")
    assert own.signed_in()
    browser.form("/account", "/account/sessions/end-others")
    assert [b.signed_in() for b in (browser, second, own)] == [True, False, True]
    listed = browser.get("/account/applications").text
    assert ("App of here" in listed, "App of elsewhere" in listed) == (True, False)
    for app in reversed(apps):
        browser.form("/account/applications", f"/account/applications/{app.row['client_id']}/withdraw")
    headers = [{"Authorization": f"Bearer {token}"} for token in tokens]
    where = f"{house.kernel.address}/v1/me"
    assert [httpx.get(where, headers=h, verify=TLS).status_code for h in headers] == [401, 200]
    # who signs in by their own password sees and ends everything
    assert "App of elsewhere" in own.get("/account/applications").text
    assert own.get("/account").text.count("<tr>") == 3
    own.form("/account", "/account/sessions/end-others")
    assert not browser.signed_in()


def test_a_first_factor_is_added_where_one_is_asked_for(asking: Way) -> None:
    house = asking.house
    ada, app = house.member(), App(asking.house)
    house.ask(mfa=True)
    browser = house.browser()
    answer = browser.sign_in(ada.email, next="/account")
    assert answer.headers["location"] == "/signin/enrol?next=%2Faccount"
    assert not browser.signed_in()
    secret = re.search(r'id="secret">([^<]+)<', browser.get("/signin/enrol").text)
    assert secret
    assert browser.form("/signin/enrol", code="000000").status_code == 403
    code = pyotp.TOTP(secret[1].replace(" ", "")).now()
    shown = browser.form("/signin/enrol?next=/account", code=code)
    assert "Your recovery codes" in shown.text
    assert 'href="/account"' in shown.text
    assert browser.signed_in()
    assert app.opens(app.token(browser)) == 200
    # who has one shows it, and adds no other
    second = house.browser()
    assert second.sign_in(ada.email).headers["location"].startswith("/signin/factor?")
    assert second.get("/signin/enrol").headers["location"] == "/signin"
    # a browser that is remembered suffices, and says so
    recovery = re.findall(r"<li>([^<]+)</li>", shown.text)
    assert second.form("/signin/factor", code=recovery[0], remember="1").status_code == 303
    second.form("/signout")
    assert second.sign_in(ada.email).headers["location"] == "/account"
    assert house.session(second)["methods"] == ["pwd", "remembered"]
    assert app.opens(app.token(second)) == 200


def test_a_provider_that_is_not_trusted_does_not_spare_the_factor(asking: Way) -> None:
    house = asking.house
    ada = house.member(password=False)
    house.ask(mfa=True)
    says(asking.provider, ada.email, amr=["pwd", "mfa"])
    browser, answer = asking.through(next="/account")
    assert answer.headers["location"] == "/signin/enrol?next=%2Faccount"
    secret = re.search(r'id="secret">([^<]+)<', browser.get("/signin/enrol").text)
    assert secret
    browser.form("/signin/enrol", code=pyotp.TOTP(secret[1].replace(" ", "")).now())
    session = house.session(browser)
    assert (session["methods"], session["realm"]) == (["mfa", "otp", "sso"], house.id)
    oidc_in = {"issuer": asking.provider.address, "client_id": CLIENT, "client_secret": SECRET}
    house.change(asking.row, is_mfa_trusted=True, oidc=oidc_in)
    assert asking.through(next="/account")[1].headers["location"] == "/account"


@pytest.mark.parametrize("is_demanded", [True, False], ids=["demanded", "not demanded"])
def test_two_factors_that_a_client_asks_for_are_shown_after_a_provider_too(asking: Way, is_demanded: bool) -> None:
    """Whatever the organisation asks of everybody, and though the browser is remembered."""
    house = asking.house
    ada, app, browser = house.member(), App(asking.house), house.browser()
    house.ask(mfa=True)
    browser.sign_in(ada.email)
    secret = re.search(r'id="secret">([^<]+)<', browser.get("/signin/enrol").text)
    assert secret
    shown = browser.form("/signin/enrol", code=pyotp.TOTP(secret[1].replace(" ", "")).now())
    recovery = re.findall(r"<li>([^<]+)</li>", shown.text)
    with house.browser() as other:
        other.sign_in(ada.email)
        other.form("/signin/factor", code=recovery.pop(), remember="1")
        browser.cookies = other.cookies
    house.ask(mfa=is_demanded)
    says(asking.provider, ada.email, auth_time=int(time.time()))
    for is_signed_in in (False, True):
        browser.form("/signout")
        if is_signed_in:
            # whoever does not ask, gets the remembered browser as before
            assert asking.through(browser, next="/account")[1].headers["location"] == "/account"
            assert "mfa" not in house.session(browser)["methods"]
        _, where, _ = app.begin(acr_values=levels.MULTI)
        page = browser.get(where).headers["location"]
        fields = {"email": ada.email, "step": "email", "again": said(page)["again"]}
        first = browser.get(page) if is_signed_in else browser.form(page, **fields)
        sent = asking.begin(browser, **said(first.headers["location"]))
        assert ("prompt" in sent) == is_signed_in
        half = asking.back(browser, sent).headers["location"]
        assert half.startswith("/signin/factor?next=")
        back = browser.form(half, code=recovery.pop()).headers["location"]
        assert "mfa" in house.session(browser)["methods"]
        # the question whether the application may: nothing is lacking
        assert browser.get(back).status_code == 200


def test_sessions_end_with_what_began_them(asking: Way) -> None:
    house = asking.house
    ada = house.member()
    says(asking.provider, ada.email)
    browser, _ = asking.through()
    own = house.browser()
    own.sign_in(ada.email)
    house.change(asking.row, name="Another name")
    delivered(house, "sso.end_sessions", "connection_id", asking.row["id"])  # type: ignore[arg-type]
    assert browser.signed_in()
    house.change(asking.row, is_enabled=False)
    delivered(house, "sso.end_sessions", "connection_id", asking.row["id"])  # type: ignore[arg-type]
    assert not browser.signed_in()
    assert own.signed_in()
    assert asking.house.browser().get(f"/signin/sso/{asking.row['id']}").status_code == 404


def test_the_policy_is_set_by_the_api(asking: Way) -> None:
    owner = asking.house.owner
    body = {"name": "Example Works", "is_sso_required": False}
    assert owner.put("/v1/organisation", json={**body, "is_mfa_required": True}).json()["is_mfa_required"]
    # left out, it stays
    assert owner.put("/v1/organisation", json=body).json()["is_mfa_required"]
    assert not owner.put("/v1/organisation", json={**body, "is_mfa_required": False}).json()["is_mfa_required"]


def test_a_sign_in_belongs_where_it_leads(asking: Way) -> None:
    """To the organisation that vouched, or the only one; there to the only workspace. Else, and a failed one, to the house."""
    house, other = asking.house, House(asking.house.kernel)
    first = other.company.one

    def tenants(user_id: str) -> list[tuple[str, str | None]]:
        rows = house.kernel.sql(
            "select organisation_id, workspace_id from app.events where type like 'identity.signin.%%'"
            " and data ->> 'user_id' = %s order by position",
            user_id,
        )
        return [(row[0], row[1]) for row in rows]

    everywhere = other.member()
    other.browser().sign_in(everywhere.email)
    other.browser().sign_in(everywhere.email, OTHER)
    assert tenants(everywhere.id) == [(other.id, None), (LOCAL_ORGANISATION, None)]
    person = people.make(house.kernel, email=house.address(), password_hash=people.hash_of(PASSWORD))
    for company in (other.company, house.company):
        member = Member(id=new_id("mem"), organisation_id=company.id, user_id=person.id)
        company.add(member)
        company.give(("viewer", company.one), member_id=member.id)
        house.browser().sign_in(person.email)
    says(asking.provider, person.email)
    asking.through()
    assert tenants(person.id) == [(other.id, first), (LOCAL_ORGANISATION, None), (house.id, house.company.one)]
