"""What reaches the provider and is no request of a client: malformed, framed, forged in a browser, or sent elsewhere."""

from __future__ import annotations

import logging
from urllib.parse import quote, urlencode

import httpx
import pytest

from tests.api.identity import people
from tests.api.oidc.house import BACK, HTTP, PROFILE, App, Browser, House, said

CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
ALL = ["none", "HS256", "ES256", "RS256"]


@pytest.mark.parametrize(
    ("content", "kind"),
    [("grant_type=authorization_code&grant_type=x", None), ("grant_type=%00", None), ("grant_type=%ff%fe", None),
     ("&".join(f"p{i}=1" for i in range(60)), None), ('{"grant_type": "x"}', "application/json"), ("", None),
     ("grant_type=password&username=a&password=b", None), ('grant_type="x"', None), ("code=" + "x" * 5000, None),
     ("grant_type=implicit", None), ("grant_type=refresh_token", None), ("grant_type=%ED%A0%80", None)],
)  # fmt: skip
def test_requests_that_are_none_get_the_error_of_oauth(house: House, web: App, content: str, kind: str | None) -> None:
    headers = {"Content-Type": kind or "application/x-www-form-urlencoded"}
    for endpoint in ("token", "revoke", "introspect", "device_authorization"):
        answer = httpx.post(
            house.at(endpoint), content=content, headers=headers, auth=(web.id, web.secret or ""), **HTTP
        )
        assert answer.status_code in {400, 401}, (endpoint, answer.text)
        assert set(answer.json()) <= {"error", "error_description"}
        assert answer.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize(
    "query", ["client_id=a&client_id=b", "client_id=%00", "client_id=%FF", "x=" + "y" * 5000, "%", ""]
)
def test_authorisation_requests_that_are_none(house: House, query: str) -> None:
    answer = house.browser.get(f"{house.at('authorize')}?{query}")
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/html")
    posted = house.browser.post(
        house.at("authorize"), content=query, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert posted.status_code in {303, 400}


def test_an_authorisation_request_may_come_as_a_form(house: House, web: App) -> None:
    where, _ = web.client().create_authorization_url(house.at("authorize"), code_verifier="v" * 43)
    answer = house.browser.post(house.at("authorize"), data=said(where))
    assert answer.status_code == 303
    assert house.allowed(house.kernel.address + answer.headers["location"]).startswith(BACK)


def test_a_form_of_somebody_else_is_refused(house: House) -> None:
    """Another page may make a browser post; it cannot make the proof, which is of one session and one request."""
    app = house.app(name="Forms")
    mine, theirs = (Browser(house.kernel, house.somebody()) for _ in range(2))
    where, _ = app.client().create_authorization_url(house.at("authorize"), code_verifier="v" * 43)
    request = where.partition("?")[2]
    fields = {"request": request, "organisation": house.company.id, "decision": "allow"}
    proof = _proof(theirs.get(where).text)
    wide = request.replace(quote(PROFILE), quote("openid nexus")).replace("openid+profile+email", "openid+nexus")
    for form in (
        fields,
        {**fields, "proof": proof},
        {**fields, "proof": ""},
        {**fields, "request": wide, "proof": _proof(mine.get(where).text)},
        {**fields, "organisation": "org_x", "proof": _proof(mine.get(where).text)},
    ):
        assert mine.post(house.at("consent"), data=form).status_code == 403
    assert (
        mine.post(house.at("consent"), content=b"{}", headers={"Content-Type": "application/json"}).status_code == 403
    )
    assert mine.post(house.at("device"), data={"user_code": "AAAA-AAAA", "decision": "allow"}).status_code == 403
    assert mine.post(house.at("signout"), data={"back": "", "decision": "allow"}).status_code == 403
    nobody = Browser(house.kernel, None)
    assert nobody.post(house.at("consent"), data=fields).status_code == 303
    assert house.kernel.sql("select count(*) from app.oidc_grant where client_id = %s", app.id) == [(0,)]


def _proof(page: str) -> str:
    return page.partition('name="proof" value="')[2].partition('"')[0]


def test_pages_cannot_be_framed(house: House) -> None:
    for page in (house.browser.get(house.at("device")), house.browser.get(house.at("authorize"))):
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        assert page.headers["x-frame-options"] == "DENY"
        assert "script" not in page.headers["content-security-policy"].replace("script-src 'none'", "")


def test_a_sign_out_goes_nowhere_but_where_the_client_lives(house: House) -> None:
    app = house.app(name="Leaving", post_logout_redirect_uris=[BACK])
    for back in ("https://evil.example/", BACK + "/", "//evil.example", "javascript:alert(1)"):
        browser = Browser(house.kernel, house.person)
        _, token = app.signed_in(browser)
        asked = {"id_token_hint": token["id_token"], "post_logout_redirect_uri": back}
        answer = browser.get(f"{house.at('logout')}?{urlencode(asked)}")
        assert (answer.status_code, "location" in answer.headers) == (200, False)
    nobody = Browser(house.kernel, None)
    hint = {"client_id": app.id, "post_logout_redirect_uri": BACK}
    assert "location" not in nobody.get(house.at("logout"), params=hint).headers


def test_no_token_and_no_secret_is_in_the_log_or_the_database(
    house: House, native: App, web: App, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        _, token = native.signed_in(scope="openid nexus")
        code, verifier = web.code()
        web.redeem(code, verifier)
        native.post("token", grant_type="refresh_token", refresh_token=token["refresh_token"])
        house.api(token["access_token"] + "x")
    kept = [code, web.secret or "", token["access_token"], token["refresh_token"], token["id_token"]]
    assert not [secret for secret in kept if secret in caplog.text.replace(f"code={code}", "")]
    tables = ("client", "consent", "grant", "code", "refresh_token", "device_code", "signing_key")
    text = "".join(str(house.kernel.sql(f"select t::text from app.oidc_{table} t")) for table in tables)
    text += str(house.kernel.sql("select data::text from app.events where type like 'oidc.%%'"))
    assert not [secret for secret in kept if secret in text]
    assert '"d"' not in text


def test_a_user_who_was_deactivated_redeems_nothing(house: House, web: App) -> None:
    person = house.somebody()
    code, verifier = web.code(Browser(house.kernel, person))
    people.within(house.kernel.settings, lambda s: people.directory.deactivate(s, person.id))
    assert web.redeem(code, verifier).json()["error"] == "invalid_grant"
