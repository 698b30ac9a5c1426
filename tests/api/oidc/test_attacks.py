"""What is tried against a provider: forged and foreign tokens, codes and refresh tokens that come twice, PKCE left out,
addresses that are nearly right, forms of somebody else's page."""

from __future__ import annotations

import base64
import hmac
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, RSAKey

from tests.api.oidc.house import BACK, HTTP, PROFILE, App, Browser, House, said

CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
ALL = ["none", "HS256", "ES256", "RS256"]


@pytest.fixture(scope="module")
def token(house: House, web: App) -> str:
    """A good access token, of which forged ones are made."""
    return str(web.signed_in(scope="openid nexus")[1]["access_token"])


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, claims, _ = (
        json.loads(base64.urlsafe_b64decode(p + "==")) if i < 2 else {} for i, p in enumerate(token.split("."))
    )
    return header, claims


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    return (
        ".".join(base64.urlsafe_b64encode(json.dumps(x).encode()).decode().rstrip("=") for x in (header, claims)) + "."
    )


def ours(house: House) -> Any:
    return house.kernel.app.state.oidc.keys._ring


def signed(house: House, header: dict[str, Any], claims: dict[str, Any]) -> str:
    return jwt.encode(header, claims, ours(house).private["ES256"], ["ES256"])


def untyped(house: House, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """By hand: the library for tokens gives one a type."""
    bare = {name: value for name, value in header.items() if name != "typ"}
    return jws.serialize_compact(bare, json.dumps(claims).encode(), ours(house).private["ES256"], ["ES256"])


def public(house: House, kid: str) -> bytes:
    return bytes(ours(house).verifying[kid].as_pem(private=False))


Forger = Callable[[House, dict[str, Any], dict[str, Any]], str]
FORGED: dict[str, Forger] = {
    "alg none": lambda h, head, c: unsigned({**head, "alg": "none"}, c),
    "alg None": lambda h, head, c: unsigned({**head, "alg": "NonE"}, c),
    "no alg": lambda h, head, c: unsigned({"typ": "at+jwt", "kid": head["kid"]}, c),
    "HS256 with the public key": lambda h, head, c: _by_public_key(public(h, head["kid"]), {**head, "alg": "HS256"}, c),
    "another key, our kid": lambda h, head, c: jwt.encode(head, c, ECKey.generate_key("P-256"), ["ES256"]),
    "its own key in the header": lambda h, head, c: _embedded(head, c),
    "another kid": lambda h, head, c: signed(h, {**head, "kid": "other"}, c),
    "no kid": lambda h, head, c: signed(h, {"alg": "ES256", "typ": "at+jwt"}, c),
    "RS256 with our ES256 kid": lambda h, head, c: jwt.encode(
        {**head, "alg": "RS256"}, c, RSAKey.generate_key(2048), ["RS256"]
    ),
    "an ID token": lambda h, head, c: signed(h, {**head, "typ": "JWT"}, c),
    "a logout token": lambda h, head, c: signed(h, {**head, "typ": "logout+jwt"}, c),
    "another audience": lambda h, head, c: signed(h, head, {**c, "aud": "https://elsewhere.example"}),
    "no audience": lambda h, head, c: signed(h, head, {k: v for k, v in c.items() if k != "aud"}),
    "another issuer": lambda h, head, c: signed(h, head, {**c, "iss": "https://elsewhere.example"}),
    "expired": lambda h, head, c: signed(h, head, {**c, "iat": time.time() - 900, "exp": time.time() - 1}),
    "never expires": lambda h, head, c: signed(h, head, {k: v for k, v in c.items() if k != "exp"}),
    "expires true": lambda h, head, c: signed(h, head, {**c, "exp": True}),
    "expires tomorrow, in words": lambda h, head, c: signed(h, head, {**c, "exp": "9999999999"}),
    "of the future": lambda h, head, c: signed(h, head, {**c, "iat": time.time() + 900}),
    "not before": lambda h, head, c: signed(h, head, {**c, "nbf": time.time() + 900}),
    "another grant": lambda h, head, c: signed(h, head, {**c, "grant": "grant_" + "0" * 32}),
    "without a grant": lambda h, head, c: signed(h, head, {k: v for k, v in c.items() if k != "grant"}),
    "scopes as a list": lambda h, head, c: signed(h, head, {**c, "scope": ["nexus"]}),
    "a critical extension": lambda h, head, c: signed(h, {**head, "crit": ["b64"], "b64": True}, c),
    "no type": lambda h, head, c: untyped(h, head, c),
    "changed": lambda h, head, c: ".".join([*signed(h, head, c).split(".")[:2], "AAAA"]),
    "cut": lambda h, head, c: signed(h, head, c)[:-10],
    "nonsense": lambda h, head, c: "a.b.c",
    "no JSON": lambda h, head, c: "e30.e30.e30",
    "huge": lambda h, head, c: signed(h, head, {**c, "more": "x" * 10_000}),
    "deep": lambda h, head, c: (
        base64.urlsafe_b64encode(b'{"a":' * 2000 + b"1" + b"}" * 2000).decode().rstrip("=") + ".e30.x"
    ),
}


def _by_public_key(key: bytes, head: dict[str, Any], claims: dict[str, Any]) -> str:
    """By hand: the library refuses to make it."""
    text = unsigned(head, claims).rstrip(".")
    return f"{text}.{base64.urlsafe_b64encode(hmac.digest(key, text.encode(), 'sha256')).decode().rstrip('=')}"


def _embedded(head: dict[str, Any], claims: dict[str, Any]) -> str:
    key = ECKey.generate_key("P-256")
    return jwt.encode({**head, "jwk": key.as_dict(private=False)}, claims, key, ["ES256"])


@pytest.mark.parametrize("how", FORGED)
def test_a_token_that_is_not_ours_or_not_for_here(house: House, token: str, how: str) -> None:
    header, claims = parts(token)
    assert house.api(signed(house, header, claims)).status_code == 200
    forged = FORGED[how](house, header, claims)
    refused = house.api(forged)
    assert refused.status_code == 401, how
    assert refused.json()["code"] == "unauthenticated"
    assert forged not in refused.text
    if how not in {"another audience", "no audience"}:
        userinfo = httpx.get(house.at("userinfo"), headers={"Authorization": f"Bearer {forged}"}, **HTTP)
        assert userinfo.status_code == 401, how


def test_a_remembered_token_expires(house: House, token: str) -> None:
    header, claims = parts(token)
    short = signed(house, header, {**claims, "exp": time.time() + 0.8})
    assert house.api(short).status_code == 200
    time.sleep(0.85)
    assert house.api(short).status_code == 401


def test_a_code_works_once_and_its_replay_ends_what_it_gave(house: House, web: App) -> None:
    code, verifier = web.code(scope="openid nexus")
    first = web.redeem(code, verifier)
    assert first.status_code == 200
    assert first.headers["cache-control"] == "no-store"
    assert house.api(first.json()["access_token"]).status_code == 200
    again = web.redeem(code, verifier)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert house.api(first.json()["access_token"]).status_code == 401
    assert web.post("token", grant_type="refresh_token", refresh_token=first.json()["refresh_token"]).status_code == 400


def test_a_code_is_of_one_client_one_address_one_verifier_one_minute(house: House, web: App, native: App) -> None:
    code, verifier = web.code()
    assert native.redeem(code, verifier).json()["error"] == "invalid_grant"
    for more in (
        {"code_verifier": "w" * 43},
        {"code_verifier": verifier[:-1]},
        {"redirect_uri": BACK + "/"},
        {"redirect_uri": "http://127.0.0.1:7778/cb"},
    ):
        refused = web.redeem(code, verifier, **more)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant"), more
    assert web.redeem(code, "").json()["error"] == "invalid_request"
    assert web.redeem(code, verifier).status_code == 200
    late, verifier = web.code()
    house.kernel.sql("update app.oidc_code set expires_at = now() where used_at is null")
    assert web.redeem(late, verifier).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "challenge",
    [{}, {"code_challenge": CHALLENGE}, {"code_challenge": CHALLENGE, "code_challenge_method": "plain"},
     {"code_challenge_method": "S256"}, {"code_challenge": "short", "code_challenge_method": "S256"},
     {"code_challenge": CHALLENGE + "\n", "code_challenge_method": "S256"},
     {"code_challenge": CHALLENGE, "code_challenge_method": "s256"}],
    ids=lambda c: "+".join(f"{k}={v[:6]!r}" for k, v in c.items()) or "none",
)  # fmt: skip
def test_nobody_does_without_pkce(house: House, web: App, challenge: dict[str, str]) -> None:
    asked = {"client_id": web.id, "response_type": "code", "redirect_uri": BACK, "scope": PROFILE, **challenge}
    answer = house.browser.get(house.at("authorize"), params=asked)
    if answer.status_code == 400:
        return
    assert said(answer.headers["location"])["error"] == "invalid_request"
    assert "code=" not in answer.headers["location"].replace("error=", "")


@pytest.mark.parametrize(
    "back",
    ["", "https://evil.example/cb", BACK + "/", BACK + "?x=1", BACK + "#f", BACK + "%2f..", BACK.replace("7777", "7778x"),
     BACK.replace("127.0.0.1", "localhost"), BACK.replace("http:", "https:"), "http://127.0.0.1:7777@evil.example/cb",
     "http://127.0.0.1:7777\\@evil.example/cb", "//evil.example/cb", "javascript:alert(1)", BACK + "\r\nSet-Cookie: a=b",
     BACK + "\u0000", 'http://127.0.0.1:7777/cb"><script>', "http://127.0.0.1:7777/cb/../x", "http://127.0.0.1:7777/Cb"],
)  # fmt: skip
def test_nobody_is_sent_to_an_address_that_is_not_registered(house: House, web: App, back: str) -> None:
    for more in ({}, {"response_type": "token"}, {"prompt": "none"}, {"scope": "nothing"}, {"request": "x"}):
        asked = {
            "client_id": web.id, "response_type": "code", "redirect_uri": back, "scope": PROFILE, "state": "s",
            "code_challenge": CHALLENGE, "code_challenge_method": "S256", **more,
        }  # fmt: skip
        for browser in (house.browser, Browser(house.kernel, None)):
            answer = browser.get(house.at("authorize"), params=asked)
            assert answer.status_code == 400, (back, more)
            assert "location" not in answer.headers
            assert "<script>" not in answer.text
    unknown = house.browser.get(house.at("authorize"), params={**asked, "client_id": "client_x", "redirect_uri": BACK})
    assert (unknown.status_code, "location" in unknown.headers) == (400, False)


@pytest.mark.parametrize(
    ("more", "error"),
    [({"response_type": "token"}, "unsupported_response_type"), ({"response_type": "code id_token"}, "unsupported_response_type"),
     ({"scope": "nothing"}, "invalid_scope"), ({"request": "x"}, "request_not_supported"),
     ({"request_uri": "https://a.example"}, "request_uri_not_supported"), ({"response_mode": "fragment"}, "invalid_request"),
     ({"prompt": "none login"}, "invalid_request")],
    ids=str,
)  # fmt: skip
def test_errors_go_back_with_state_and_issuer(house: House, web: App, more: dict[str, str], error: str) -> None:
    """`iss` tells a client of several providers whose answer it is (RFC 9207): a mix-up is noticed."""
    asked = {
        "client_id": web.id, "response_type": "code", "redirect_uri": BACK, "scope": PROFILE, "state": "a&b=c",
        "code_challenge": CHALLENGE, "code_challenge_method": "S256", **more,
    }  # fmt: skip
    answer = said(house.browser.get(house.at("authorize"), params=asked).headers["location"])
    assert (answer["error"], answer["state"], answer["iss"]) == (error, "a&b=c", house.kernel.address)
    assert "code" not in answer


def test_the_answer_says_who_gives_it(house: House, web: App) -> None:
    where, state = web.client().create_authorization_url(house.at("authorize"), code_verifier="v" * 43)
    answer = said(house.allowed(where))
    assert (answer["iss"], answer["state"]) == (house.kernel.address, state)


def test_a_refresh_token_that_comes_twice_ends_the_family(house: House, native: App) -> None:
    _, token = native.signed_in(scope="openid nexus")
    second = native.post("token", grant_type="refresh_token", refresh_token=token["refresh_token"]).json()
    third = native.post("token", grant_type="refresh_token", refresh_token=second["refresh_token"]).json()
    stolen = native.post("token", grant_type="refresh_token", refresh_token=token["refresh_token"])
    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")
    for refresh_token in (second["refresh_token"], third["refresh_token"]):
        assert native.post("token", grant_type="refresh_token", refresh_token=refresh_token).status_code == 400
    for access_token in (token["access_token"], second["access_token"], third["access_token"]):
        assert house.api(access_token).status_code == 401
    grant = parts(token["access_token"])[1]["grant"]
    told = house.kernel.sql(
        "select data ->> 'because' from app.events where stream = %s and type like '%%revoked'", f"grant/{grant}"
    )
    assert told == [("refresh_token_reused",)]


def test_twenty_at_once_with_one_refresh_token(house: House, web: App, native: App) -> None:
    """Exactly one is answered; then the family is dead."""
    _, token = native.signed_in(scope="openid nexus")
    answers: list[httpx.Response] = []

    def ask() -> None:
        answers.append(native.post("token", grant_type="refresh_token", refresh_token=token["refresh_token"]))

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = [a for a in answers if a.status_code == 200]
    assert len(won) == 1
    assert {a.json()["error"] for a in answers if a.status_code != 200} == {"invalid_grant"}
    assert house.api(won[0].json()["access_token"]).status_code == 401
    assert (
        native.post("token", grant_type="refresh_token", refresh_token=won[0].json()["refresh_token"]).status_code
        == 400
    )


@pytest.mark.parametrize("how", ["status = 'suspended'", None])
def test_who_is_no_member_any_more_has_tokens_for_nothing(house: House, how: str | None) -> None:
    """Not for the API alone: nor to learn of them, nor to go on with a refresh token, which outlives the session."""
    app, person = house.app(name="Left"), house.somebody()
    _, token = app.signed_in(Browser(house.kernel, person), scope="openid nexus offline_access")
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    assert httpx.get(house.at("userinfo"), headers=bearer, **HTTP).status_code == 200
    left = f"update app.organisations_member set {how}" if how else "delete from app.organisations_member"
    house.kernel.sql(f"{left} where user_id = %s", person.id)
    assert house.api(token["access_token"]).status_code == 401
    assert httpx.get(house.at("userinfo"), headers=bearer, **HTTP).status_code == 401
    assert app.post("introspect", token=token["access_token"]).json() == {"active": False}
    again = app.post("token", grant_type="refresh_token", refresh_token=token["refresh_token"])
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


def test_codes_of_devices_are_not_guessed(house: House, native: App) -> None:
    browser = Browser(house.kernel, house.somebody())
    begun = native.post("device_authorization", scope="openid").json()
    answers = [browser.get(house.at("device"), params={"user_code": f"BCDF-GHJ{c}"}) for c in "KLMNPQRSTV"]
    assert {a.status_code for a in answers} == {404}
    refused = browser.get(house.at("device"), params={"user_code": begun["user_code"]})
    assert (refused.status_code, int(refused.headers["retry-after"]) > 0) == (429, True)
    # nobody else waits for that
    other = Browser(house.kernel, house.somebody())
    shown = other.get(house.at("device"), params={"user_code": begun["user_code"]})
    assert begun["user_code"] in shown.text


def test_scopes_cannot_be_widened_by_refreshing(house: House, native: App) -> None:
    _, token = native.signed_in(scope="openid profile")
    wide = native.post("token", grant_type="refresh_token", refresh_token=token["refresh_token"], scope="openid nexus")
    assert wide.json()["error"] == "invalid_scope"
    narrow = native.post(
        "token", grant_type="refresh_token", refresh_token=token["refresh_token"], scope="openid"
    ).json()
    assert narrow["scope"] == "openid"


def test_a_narrowed_registration_narrows_what_was_granted_before(house: House) -> None:
    app = house.app()
    place = f"/v1/oidc/clients/{app.id}"

    def registered(*scopes: str) -> None:
        seen = house.admin.get(place).headers["etag"]
        changed = house.admin.put(place, json={**app.said, "scopes": scopes}, headers={"If-Match": seen})
        assert changed.status_code == 200, changed.text

    def refreshed(token: dict[str, Any]) -> httpx.Response:
        return app.post("token", grant_type="refresh_token", refresh_token=token["refresh_token"])

    _, first = app.signed_in(scope="openid nexus offline_access")
    code, verifier = app.code(scope="openid nexus")
    assert house.api(first["access_token"]).status_code == 200
    registered("openid", "offline_access")
    second = refreshed(first).json()
    assert second["scope"] == "openid offline_access"
    assert house.api(second["access_token"]).status_code == 401
    assert app.redeem(code, verifier).json()["scope"] == "openid"
    registered("email")
    refused = refreshed(second)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")
    # it is not lost by that
    registered("openid", "nexus", "offline_access")
    assert house.api(refreshed(second).json()["access_token"]).status_code == 200


def test_clients_prove_who_they_are(house: House, web: App, native: App) -> None:
    code, verifier = web.code()
    body = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier, "redirect_uri": BACK}

    def ask(auth: tuple[str, str] | None = None, headers: dict[str, str] | None = None, **more: str) -> httpx.Response:
        return httpx.post(house.at("token"), data={**body, **more}, auth=auth, headers=headers, **HTTP)

    wrong = ask((web.id, "nxk_wrong"))
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    assert wrong.headers["www-authenticate"].startswith("Basic")
    assert ask(client_id=web.id).json()["error"] == "invalid_client"
    assert ask(client_id=web.id, client_secret=web.secret or "").json()["error"] == "invalid_client"
    assert ask((native.id, "x")).json()["error"] == "invalid_client"
    assert ask((web.id, web.secret or ""), client_secret="x").json()["error"] == "invalid_request"
    assert ask((web.id, web.secret or ""), client_id=native.id).json()["error"] == "invalid_request"
    for header in ("Basic", "Basic !", "Basic " + base64.b64encode(b"\xff\xfe:x").decode(), "Bearer x"):
        assert ask(headers={"Authorization": header}).json()["error"] == "invalid_client", header
    assert ask((web.id, web.secret or "")).status_code == 200
