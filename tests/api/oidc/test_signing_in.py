"""A stock client signs somebody in: code with PKCE, consent, tokens, refresh, user info, the API, signing out."""

from __future__ import annotations

import httpx
import pytest
from authlib.oidc.discovery import OpenIDProviderMetadata

from api.oidc import levels
from tests.api.identity import people
from tests.api.kernel import Kernel
from tests.api.oidc.house import BACK, DEVICE, App, Browser, House, said


@pytest.mark.parametrize("document", ["openid-configuration", "oauth-authorization-server"])
def test_discovery(kernel: Kernel, document: str) -> None:
    found = httpx.get(f"{kernel.address}/.well-known/{document}")
    OpenIDProviderMetadata(found.json()).validate()
    assert found.json()["issuer"] == kernel.address
    assert found.json()["code_challenge_methods_supported"] == ["S256"]
    keys = httpx.get(found.json()["jwks_uri"]).json()["keys"]
    assert {k["alg"] for k in keys} == {"ES256", "RS256"}
    assert not [k for k in keys if {"d", "p", "q"} & set(k)]


def test_from_signing_in_to_signing_out(house: House) -> None:
    app = house.app(name="Whole", post_logout_redirect_uris=[BACK])
    client, token = app.signed_in(nonce="n-1", scope="openid profile email nexus")
    claims = house.claims(token["id_token"])
    assert claims["iss"] == house.kernel.address
    assert (claims["aud"], claims["nonce"], claims["sub"]) == (app.id, "n-1", house.person.id)
    assert (claims["email"], claims["email_verified"], claims["acr"]) == (house.person.email, True, levels.SINGLE)
    assert token["expires_in"] <= 600
    userinfo = client.get(house.at("userinfo")).json()
    assert userinfo == {
        "sub": house.person.id, "name": house.person.name, "email": house.person.email, "email_verified": True,
    }  # fmt: skip
    assert house.api(token["access_token"]).status_code == 200
    again = client.refresh_token(house.at("token"))
    assert again["refresh_token"] != token["refresh_token"]
    assert house.api(again["access_token"]).status_code == 200
    # the second time nobody is asked
    where, _ = client.create_authorization_url(house.at("authorize"), code_verifier="v" * 43)
    assert house.browser.get(where).status_code == 303
    # and out again
    browser = Browser(house.kernel, house.person)
    _, token = app.signed_in(browser, scope="openid nexus")
    out = browser.get(
        house.at("logout"), params={"id_token_hint": token["id_token"], "post_logout_redirect_uri": BACK, "state": "s"}
    )
    assert (out.status_code, out.headers["location"]) == (303, f"{BACK}?state=s")
    assert house.api(token["access_token"]).status_code == 401
    assert app.post("token", grant_type="refresh_token", refresh_token=token["refresh_token"]).status_code == 400
    assert house.kernel.sql("select ended_because from app.identity_session where id = %s", browser.session_id) == [
        ("signed_out",)
    ]


def test_a_client_without_a_secret_on_any_port(house: House, native: App) -> None:
    _, token = native.signed_in()
    assert house.claims(token["access_token"])["client_id"] == native.id
    assert native.post("token", grant_type="refresh_token", refresh_token=token["refresh_token"]).status_code == 200


def test_a_client_that_anybody_could_pass_for_is_allowed_each_time(house: House, native: App) -> None:
    """RFC 8252, 8.6: its id is no secret, and any program of the machine can listen on a port."""
    browser = Browser(house.kernel, house.person)
    native.signed_in(browser)
    where, _ = native.client().create_authorization_url(house.at("authorize"), code_verifier="v" * 43)
    asked = browser.get(where)
    assert (asked.status_code, "Terminal" in asked.text) == (200, True)
    assert said(browser.get(f"{where}&prompt=none").headers["location"])["error"] == "consent_required"
    assert "code" in said(browser.press(asked, "allow").headers["location"])
    # an address of its own, which nobody else answers at, is as good as a secret
    page = house.app(token_endpoint_auth_method="none", redirect_uris=["https://app.example/cb"])
    there, _ = page.client(redirect_uri="https://app.example/cb").create_authorization_url(
        house.at("authorize"), code_verifier="v" * 43
    )
    assert browser.press(browser.get(there), "allow").status_code == 303
    assert "code" in said(browser.get(f"{there}&prompt=none").headers["location"])


def test_clients_that_know_rs256_alone(house: House) -> None:
    from joserfc import jws

    _, token = house.app(id_token_signed_response_alg="RS256").signed_in()
    assert jws.extract_compact(token["id_token"].encode()).headers()["alg"] == "RS256"
    assert house.claims(token["id_token"])["sub"] == house.person.id


def test_consent(house: House) -> None:
    app = house.app(name="<b>Bold</b>")
    browser = Browser(house.kernel, house.person)
    where, _ = app.client().create_authorization_url(house.at("authorize"), code_verifier="v" * 43)
    page = browser.get(where)
    assert "&lt;b&gt;Bold&lt;/b&gt;" in page.text
    assert "See your e-mail address" in page.text
    assert "127.0.0.1:7777" in page.text
    policy = page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' http://127.0.0.1:7777" in policy
    assert "unsafe" not in policy
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["cache-control"] == "no-store"
    denied = said(browser.press(page, "deny").headers["location"])
    assert (denied["error"], denied["iss"]) == ("access_denied", house.kernel.address)
    assert browser.press(page, "allow").status_code == 303
    assert browser.get(where).status_code == 303
    # what is new is asked, and what is asked for by the client
    wider, _ = app.client(scope="openid nexus").create_authorization_url(house.at("authorize"), code_verifier="v" * 43)
    assert "Do in Nexus whatever you may do" in browser.get(wider).text
    assert browser.get(f"{where}&prompt=consent").status_code == 200
    silent = browser.get(f"{wider}&prompt=none")
    assert said(silent.headers["location"])["error"] == "consent_required"


def test_nobody_is_signed_in(house: House, web: App) -> None:
    nobody = Browser(house.kernel, None)
    where, state = web.client().create_authorization_url(house.at("authorize"), code_verifier="v" * 43)
    to = nobody.get(where).headers["location"]
    assert to.startswith("/signin?next=%2Foidc%2Fauthorize%3F")
    answer = said(nobody.get(f"{where}&prompt=none").headers["location"])
    assert (answer["error"], answer["state"], answer["iss"]) == ("login_required", state, house.kernel.address)


def test_who_has_signed_in_long_ago_or_too_weakly_signs_in_anew(house: House, web: App) -> None:
    browser = Browser(house.kernel, house.person)
    web.signed_in(browser)
    where, _ = web.client().create_authorization_url(house.at("authorize"), code_verifier="v" * 43)
    house.kernel.sql(
        "update app.identity_session set authenticated_at = now() - interval '1 hour' where id = %s", browser.session_id
    )

    def answer(more: str) -> str:
        return str(browser.get(f"{where}&{more}").headers["location"])

    assert answer("max_age=7200").startswith(BACK)
    for more in ("max_age=60", "max_age=0", "prompt=login", f"acr_values={levels.MULTI}"):
        to = answer(more)
        assert to.startswith(f"/signin?again={'both' if 'acr' in more else '1'}&next="), more
        # having signed in does not send one round in circles
        back = said(to)["next"]
        house.kernel.sql(
            "update app.identity_session set authenticated_at = now() + interval '5 s' where id = %s",
            browser.session_id,
        )
        once_more = said(browser.get(back).headers["location"])
        assert once_more.get("error") == ("unmet_authentication_requirements" if "acr" in more else None)
        house.kernel.sql(
            "update app.identity_session set authenticated_at = now() - interval '1 hour' where id = %s",
            browser.session_id,
        )
    assert said(answer("max_age=60&prompt=none"))["error"] == "login_required"
    assert said(answer("max_age=soon"))["error"] == "invalid_request"
    strong = Browser(house.kernel, house.person, frozenset({"pwd", "otp"}))
    _, token = web.signed_in(strong, acr_values=levels.MULTI)
    assert house.claims(token["id_token"])["acr"] == levels.MULTI


def test_who_does_not_belong_to_the_organisation_is_not_let_in(house: House, web: App) -> None:
    stranger = Browser(house.kernel, people.make(house.kernel))
    where, _ = web.client().create_authorization_url(house.at("authorize"), code_verifier="v" * 43)
    assert said(stranger.get(where).headers["location"])["error"] == "access_denied"


def test_scopes_bound_what_a_token_can_do(house: House) -> None:
    app = house.app(scopes=["openid", "models.read", "nexus"])
    _, narrow = app.signed_in(scope="openid models.read email unknown")
    assert narrow["scope"] == "openid models.read"
    assert house.api(narrow["access_token"]).status_code == 200
    assert house.api(narrow["access_token"], "/v1/oidc/clients").status_code == 403
    _, wide = app.signed_in(scope="openid nexus")
    assert house.api(wide["access_token"], "/v1/oidc/clients").status_code == 200
    _, none = app.signed_in(scope="openid")
    refused = house.api(none["access_token"])
    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused.headers["www-authenticate"]
    viewer = Browser(house.kernel, house.somebody("viewer"))
    _, theirs = app.signed_in(viewer, scope="openid nexus")
    assert house.api(theirs["access_token"]).status_code == 200
    assert house.api(theirs["access_token"], "/v1/oidc/clients").status_code == 403


def test_an_application_in_its_own_name(house: House) -> None:
    one = house.company.one
    app = house.app(
        grant_types=["client_credentials"], redirect_uris=[], scopes=["models.read"], permissions={one: ["models.read"]}
    )
    token = app.post("token", grant_type="client_credentials").json()
    assert "refresh_token" not in token
    assert house.api(token["access_token"]).status_code == 200
    assert house.api(token["access_token"], workspace=house.company.two).status_code == 403
    other = app.post("token", grant_type="client_credentials", scope="openid")
    assert (other.status_code, other.json()["error"]) == (400, "invalid_scope")
    assert house.admin.delete(f"/v1/oidc/clients/{app.id}").status_code == 204
    assert house.api(token["access_token"]).status_code == 401


def test_a_device(house: House, native: App) -> None:
    begun = native.post("device_authorization", scope="openid nexus").json()
    assert begun["verification_uri"] == house.at("device")

    def ask() -> httpx.Response:
        house.kernel.sql("update app.oidc_device_code set polled_at = now() - interval '1 minute'")
        return native.post("token", grant_type=DEVICE, device_code=begun["device_code"])

    assert ask().json()["error"] == "authorization_pending"
    early = native.post("token", grant_type=DEVICE, device_code=begun["device_code"])
    assert early.json()["error"] == "slow_down"
    browser = Browser(house.kernel, house.person)
    assert browser.get(house.at("device"), params={"user_code": "XXXX-XXXX"}).status_code == 404
    assert "Code that the device shows" in browser.get(house.at("device")).text
    typed = begun["user_code"].lower().replace("-", " ")
    page = browser.get(house.at("device"), params={"user_code": typed})
    assert "Terminal" in page.text
    assert "signed in as you" in browser.press(page, "allow").text
    token = ask().json()
    assert house.api(token["access_token"]).status_code == 200
    assert house.claims(token["id_token"])["sub"] == house.person.id
    # the code works once, and its coming again ends what it gave
    assert ask().json()["error"] == "invalid_grant"
    assert house.api(token["access_token"]).status_code == 401
    begun = native.post("device_authorization", scope="openid").json()
    page = browser.get(house.at("device"), params={"user_code": begun["user_code"]})
    browser.press(page, "deny")
    assert ask().json()["error"] == "access_denied"
    begun = native.post("device_authorization", scope="openid").json()
    house.kernel.sql("update app.oidc_device_code set expires_at = now() - interval '1 s'")
    assert ask().json()["error"] == "expired_token"
    stranger = Browser(house.kernel, people.make(house.kernel))
    assert stranger.get(house.at("device"), params={"user_code": begun["user_code"]}).status_code == 404


def test_what_has_run_out_is_removed(house: House, web: App) -> None:
    """Grants that a refresh token still belongs to stay, and with them the codes whose replay would be noticed."""
    from api.oidc.repository.grants import forget_expired

    _, kept = web.signed_in()
    _, gone = web.signed_in()
    ids = [house.claims(token["access_token"])["grant"] for token in (kept, gone)]
    house.kernel.sql(
        "update app.oidc_refresh_token set expires_at = now() - interval '2 days' where grant_id = %s", ids[1]
    )
    for table, column in (("grant", "created_at"), ("code", "expires_at")):
        key = "id" if table == "grant" else "grant_id"
        house.kernel.sql(
            f"update app.oidc_{table} set {column} = now() - interval '2 days' where {key} = any (%s)", ids
        )
    people.within(house.kernel.settings, forget_expired)
    assert house.kernel.sql("select id from app.oidc_grant where id = any (%s)", ids) == [(ids[0],)]
    assert web.post("token", grant_type="refresh_token", refresh_token=kept["refresh_token"]).status_code == 200


def test_revocation_and_introspection(house: House, web: App, native: App) -> None:
    _, token = native.signed_in(scope="openid nexus")
    seen = web.post("introspect", token=token["access_token"]).json()
    assert (seen["active"], seen["client_id"], seen["sub"]) == (True, native.id, house.person.id)
    assert web.post("introspect", token=token["refresh_token"]).json()["active"] is True
    assert native.post("introspect", token=token["access_token"]).status_code == 401
    assert web.post("introspect", token="nonsense").json() == {"active": False}
    foreign = House(house.kernel)
    assert foreign.app().post("introspect", token=token["access_token"]).json() == {"active": False}
    foreign.close()
    # somebody else's token is not theirs to revoke
    assert web.post("revoke", token=token["refresh_token"]).json()["error"] == "invalid_grant"
    assert house.api(token["access_token"]).status_code == 200
    assert native.post("revoke", token=token["refresh_token"], token_type_hint="odd").status_code == 200
    assert house.api(token["access_token"]).status_code == 401
    assert web.post("introspect", token=token["access_token"]).json() == {"active": False}
    assert native.post("token", grant_type="refresh_token", refresh_token=token["refresh_token"]).status_code == 400
    assert native.post("revoke", token="unknown").status_code == 200


@pytest.mark.parametrize("how", ["deactivate", "revoke_session", "revoke_all"])
def test_a_token_dies_with_its_user_and_session_at_once(house: House, web: App, how: str) -> None:
    person = house.somebody()
    browser = Browser(house.kernel, person)
    _, token = web.signed_in(browser, scope="openid nexus")
    _, offline = web.signed_in(browser, scope="openid nexus offline_access")
    assert house.api(token["access_token"]).status_code == house.api(offline["access_token"]).status_code == 200
    settings = house.kernel.settings
    if how == "deactivate":
        people.within(settings, lambda s: people.directory.deactivate(s, person.id))
    elif how == "revoke_session":
        people.within(settings, lambda s: people.sessions.revoke(s, person.id, browser.session_id))
    else:
        people.within(settings, lambda s: people.sessions.revoke_all(s, person.id, "revoked"))
    assert house.api(token["access_token"]).status_code == 401
    assert (
        httpx.get(house.at("userinfo"), headers={"Authorization": f"Bearer {token['access_token']}"}).status_code == 401
    )
    assert web.post("token", grant_type="refresh_token", refresh_token=token["refresh_token"]).status_code == 400
    # what was allowed also for when they are not there outlives their session, not themselves
    lives = 401 if how == "deactivate" else 200
    assert house.api(offline["access_token"]).status_code == lives
    refreshed = web.post("token", grant_type="refresh_token", refresh_token=offline["refresh_token"])
    assert refreshed.status_code == (400 if how == "deactivate" else 200)


def test_signing_out_asks_unless_the_client_shows_whose_session_it_is(house: House) -> None:
    app = house.app(name="Out", post_logout_redirect_uris=[BACK])
    browser = Browser(house.kernel, house.person)
    page = browser.get(house.at("logout"), params={"client_id": app.id, "post_logout_redirect_uri": BACK})
    assert "Out</strong> asks to sign you out" in page.text
    assert "Nothing has changed" in browser.press(page, "deny").text
    assert browser.get(house.at("device")).status_code == 200
    _, token = app.signed_in(browser)
    elsewhere = browser.get(
        house.at("logout"),
        params={"id_token_hint": token["id_token"], "post_logout_redirect_uri": "https://evil.example/"},
    )
    assert elsewhere.status_code == 200
    assert "location" not in elsewhere.headers
    assert browser.get(house.at("device")).status_code == 303
    for hint in (token["access_token"], "nonsense"):
        assert browser.get(house.at("logout"), params={"id_token_hint": hint}).status_code == 400


def test_a_user_of_several_organisations_says_in_which(house: House) -> None:
    from nexus.tenancy import LOCAL_ORGANISATION

    kernel = house.kernel
    other = House(kernel)
    person = house.somebody()
    browser = Browser(kernel, person)
    admin = kernel.caller(organisation=LOCAL_ORGANISATION)
    said_ = {"name": "Pages", "redirect_uris": [BACK], "scopes": ["openid", "nexus"], "is_trusted": True}
    made = admin.post("/v1/oidc/clients", json=said_).json()
    app = App(house, made["client_id"], made["client_secret"], said_)
    # in one organisation alone nobody is asked
    _, token = app.signed_in(browser, scope="openid nexus")
    assert house.claims(token["access_token"])["org"] == house.company.id
    from api.organisations.models import Member
    from nexus.ids import new_id

    other.company.add(Member(id=new_id("mem"), organisation_id=other.company.id, user_id=person.id))
    where, _ = app.client(scope="openid").create_authorization_url(house.at("authorize"), code_verifier="v" * 43)
    assert "In which organisation?" in browser.get(where).text
    assert browser.get(f"{where}&organisation={other.company.id}").headers["location"].startswith(BACK)
    assert "In which organisation?" in browser.get(f"{where}&organisation=org_{'1' * 32}").text
    assert said(browser.get(f"{where}&prompt=none").headers["location"])["error"] == "interaction_required"
    other.close()


def test_keys_rotate_and_old_ones_stay_for_a_while(house: House, web: App) -> None:
    _, before = web.signed_in(scope="openid nexus")
    known = len(httpx.get(house.at("jwks")).json()["keys"])
    import asyncio

    from api.oidc import keys
    from nexus.db import Database
    from nexus.sealing import Sealer

    async def rotate() -> None:
        database = Database(house.kernel.settings)
        async with database.system() as session:
            await keys.rotate(session, Sealer(house.kernel.settings, "oidc-signing-key"))
        await database.close()

    asyncio.run(rotate())
    house.kernel.app.state.oidc.keys.forget()
    _, after = web.signed_in(scope="openid nexus")
    assert house.claims(before["access_token"])["sub"] == house.claims(after["access_token"])["sub"]
    assert house.api(before["access_token"]).status_code == house.api(after["access_token"]).status_code == 200
    assert len(httpx.get(house.at("jwks")).json()["keys"]) == known + 2
