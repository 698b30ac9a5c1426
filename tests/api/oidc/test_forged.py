"""Forged tokens in every other place where one is taken or could be: hints of who signs out, assertions of clients, and our
own tokens where they are for something else. (Access tokens: test_attacks.py; providers above us: tests/api/sso.)"""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from api.oidc import tokens
from tests.api.oidc.house import BACK, HTTP, App, Browser, House
from tests.api.oidc.test_attacks import FORGED, Forger, ours, parts, signed, unsigned

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: What makes a hint worth nothing; that it has run out does not (RP-Initiated Logout, 2).
HINTS: dict[str, Forger] = {
    **{how: FORGED[how] for how in FORGED if how.startswith(("alg", "no alg", "HS256", "another key", "its own key"))},
    **{how: FORGED[how] for how in ("another kid", "no kid", "another issuer", "of the future", "not before", "changed", "cut")},
    **{how: FORGED[how] for how in ("nonsense", "no JSON", "huge", "deep", "expires true", "never expires", "a logout token", "no type",
                                       "a critical extension")},
    "an access token": lambda h, head, c: signed(h, {**head, "typ": "at+jwt"}, c),
    "another client's": lambda h, head, c: signed(h, head, {**c, "aud": "client_" + "0" * 32}),
    "nobody's": lambda h, head, c: signed(h, head, {k: v for k, v in c.items() if k != "aud"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def leaving(house: House) -> App:
    return house.app(name="Hints", post_logout_redirect_uris=[BACK])


@pytest.fixture(scope="module")
def hint(house: House, leaving: App) -> tuple[Browser, dict[str, Any], dict[str, Any]]:
    """A browser that is signed in, and what its ID token says."""
    browser = Browser(house.kernel, house.person)
    return browser, *parts(leaving.signed_in(browser)[1]["id_token"])


@pytest.mark.parametrize("how", HINTS)
def test_a_hint_that_is_not_ours_or_not_for_here_signs_nobody_out(
    house: House, leaving: App, hint: tuple[Browser, dict[str, Any], dict[str, Any]], how: str
) -> None:
    browser, header, claims = hint
    forged = HINTS[how](house, header, claims)
    asked = {"id_token_hint": forged, "client_id": leaving.id, "post_logout_redirect_uri": BACK}
    answer = browser.get(f"{house.at('logout')}?{urlencode(asked)}")
    assert (answer.status_code, "location" in answer.headers) == (400, False), how
    assert forged not in answer.text
    assert browser.get("/account").status_code == 200


def test_a_hint_of_somebody_elses_session_asks_first(
    house: House, leaving: App, hint: tuple[Browser, dict[str, Any], dict[str, Any]]
) -> None:
    browser, header, claims = hint
    for other in ({"sub": "usr_" + "0" * 32}, {"sid": "ses_" + "0" * 32}):
        asked = {"id_token_hint": signed(house, header, {**claims, **other}), "client_id": leaving.id}
        answer = browser.get(f"{house.at('logout')}?{urlencode(asked)}")
        assert (answer.status_code, 'name="decision"' in answer.text) == (200, True)
        assert browser.get("/account").status_code == 200


def test_a_good_hint_signs_out_also_when_it_has_run_out(house: House, leaving: App) -> None:
    """Or the tests above would show nothing."""
    browser = Browser(house.kernel, house.person)
    header, claims = parts(leaving.signed_in(browser)[1]["id_token"])
    old = signed(house, header, {**claims, "iat": time.time() - 900, "exp": time.time() - 300})
    asked = {"id_token_hint": old, "client_id": leaving.id, "post_logout_redirect_uri": BACK}
    answer = browser.get(f"{house.at('logout')}?{urlencode(asked)}")
    assert (answer.status_code, answer.headers["location"]) == (303, BACK)
    assert browser.get("/account").status_code == 303


@pytest.mark.parametrize("kind", ["none", "HS256", "ES256", "ours", "expired"])
def test_no_client_proves_itself_by_an_assertion(house: House, web: App, kind: str) -> None:
    """RFC 7523 is not offered: an assertion, however well made, stands for nothing, least of all for a missing secret."""
    now = int(time.time())
    claims = {"iss": web.id, "sub": web.id, "aud": house.at("token"), "iat": now, "exp": now + 60, "jti": "1"}
    made = {
        "none": lambda: unsigned({"alg": "none"}, claims),
        "HS256": lambda: jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(web.secret or ""), ["HS256"]),
        "ES256": lambda: jwt.encode({"alg": "ES256"}, claims, ECKey.generate_key("P-256"), ["ES256"]),
        "ours": lambda: signed(house, {"alg": "ES256", "kid": next(iter(ours(house).private.values())).kid}, claims),
        "expired": lambda: unsigned({"alg": "none"}, {**claims, "exp": now - 60}),
    }[kind]()
    code, verifier = web.code()
    body = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier, "redirect_uri": BACK}
    proof = {"client_assertion_type": ASSERTION, "client_assertion": made}
    for more in ({}, {"client_id": web.id}):
        answer = httpx.post(house.at("token"), data={**body, **proof, **more}, **HTTP)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    for endpoint, said in (("introspect", {"token": "x"}), ("revoke", {"token": "x"})):
        answer = httpx.post(house.at(endpoint), data={**proof, **said}, **HTTP)
        assert answer.json()["error"] == "invalid_client"
    # beside a right secret it changes nothing
    assert web.redeem(code, verifier, **proof).status_code == 200


@pytest.mark.parametrize("grant_type", ["urn:ietf:params:oauth:grant-type:jwt-bearer", "password", "implicit"])
def test_no_token_is_given_for_a_token(house: House, web: App, grant_type: str) -> None:
    _, token = web.signed_in(scope="openid nexus")
    for assertion in (token["access_token"], token["id_token"]):
        answer = web.post("token", grant_type=grant_type, assertion=assertion, username="a", password="b")
        assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


def test_tokens_of_ours_are_for_one_thing_each(house: House, web: App) -> None:
    _, token = web.signed_in(scope="openid nexus")
    session = parts(token["id_token"])[1]["sid"]
    issuer = tokens.Issuer(house.kernel.address, ours(house))
    row = type("Client", (), {"id": web.id, "id_token_signed_response_alg": "ES256"})()
    logout = issuer.logout_token(row, house.person.id, session)
    header, claims = parts(logout)
    # Back-Channel Logout 2.4: of a type of its own, for two minutes, never with a nonce
    assert (header["typ"], claims["exp"] - claims["iat"], "nonce" in claims) == ("logout+jwt", 120, False)
    for wrong in (token["id_token"], logout, token["refresh_token"]):
        assert house.api(wrong).status_code == 401
        bearer = {"Authorization": f"Bearer {wrong}"}
        assert httpx.get(house.at("userinfo"), headers=bearer, **HTTP).status_code == 401
        if wrong != token["refresh_token"]:
            assert web.post("introspect", token=wrong).json() == {"active": False}
        assert web.post("token", grant_type="refresh_token", refresh_token=f"{wrong}x").status_code == 400
    assert web.post("token", grant_type="refresh_token", refresh_token=token["access_token"]).status_code == 400


def test_the_algorithm_is_that_of_the_key(house: House) -> None:
    """Whatever a library makes of a header: the key that `kid` names says how it signs."""
    ring = ours(house)
    for kid, key in ring.verifying.items():
        assert tokens._key(ring, {"kid": kid, "alg": key.alg}) is key
        for alg in {"ES256", "RS256", "none", "HS256", "PS256", "", None} - {key.alg}:
            with pytest.raises(ValueError, match="another algorithm"):
                tokens._key(ring, {"kid": kid, "alg": alg})
        with pytest.raises(ValueError, match="another algorithm"):
            tokens._key(ring, {"kid": kid, "alg": key.alg, "crit": ["b64"]})
