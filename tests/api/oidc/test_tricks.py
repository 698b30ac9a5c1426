"""What else is tried against a provider and its clients: somebody else's sign-in for one's own, codes and tokens that are raced,
kept too long or carried where they do not belong."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import orjson
import pytest
from joserfc import jwt

from api.oidc import keys
from api.oidc.authentication import AccessTokens
from nexus.db import Session
from nexus.sealing import Sealer
from tests.api.identity import people
from tests.api.oidc.house import BACK, HTTP, App, Browser, House, said
from tests.api.oidc.test_attacks import parts, signed


def where(house: House, app: App, **more: str) -> str:
    return str(app.client().create_authorization_url(house.at("authorize"), code_verifier="v" * 43, **more)[0])


def test_a_client_that_means_one_person_gets_no_other(house: House, web: App) -> None:
    """`id_token_hint`: a page that renews its sign-in unseen must not come to speak for whoever uses the browser next."""
    ada, bob = (Browser(house.kernel, house.somebody()) for _ in range(2))
    hint = web.signed_in(ada)[1]["id_token"]
    web.signed_in(bob)
    header, claims = parts(hint)
    old = signed(house, header, {**claims, "iat": claims["iat"] - 900, "exp": claims["iat"] - 600})
    for good in (hint, old):
        assert "code" in said(ada.get(where(house, web, prompt="none", id_token_hint=good)).headers["location"])
    unseen = said(bob.get(where(house, web, prompt="none", id_token_hint=hint)).headers["location"])
    assert (unseen["error"], "code" in unseen) == ("login_required", False)
    asked = bob.get(where(house, web, id_token_hint=hint)).headers["location"]
    assert asked.startswith("/signin?again=1&next=")
    # who then signs in as somebody else all the same is not sent round in circles
    house.kernel.sql("update app.identity_session set authenticated_at = now() + interval '5 s' where id = %s", bob.session_id)  # fmt: skip
    assert said(bob.get(said(asked)["next"]).headers["location"])["error"] == "login_required"
    other = house.app(name="Other").signed_in(ada)[1]["id_token"]
    for bad in ("nonsense", other, signed(house, {**header, "typ": "at+jwt"}, claims)):
        answer = said(ada.get(where(house, web, id_token_hint=bad)).headers["location"])
        assert (answer["error"], "code" in answer) == ("invalid_request", False)


def test_a_code_that_is_raced_gives_tokens_once(house: House, web: App) -> None:
    """Whoever caught it and its client at the same moment: one is answered, and that is worth nothing then."""
    code, verifier = web.code(scope="openid nexus")
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: web.redeem(code, verifier), range(8)))
    assert sorted(a.status_code for a in answers) == [200, *[400] * 7]
    won = next(a.json() for a in answers if a.status_code == 200)
    assert house.api(won["access_token"]).status_code == 401
    again = web.post("token", grant_type="refresh_token", refresh_token=won["refresh_token"])
    assert again.json()["error"] == "invalid_grant"


def test_a_refresh_token_that_was_not_used_for_long_is_none(house: House, web: App, native: App) -> None:
    _, token = web.signed_in(scope="openid nexus")
    assert native.post("token", grant_type="refresh_token", refresh_token=token["refresh_token"]).status_code == 400
    grant = house.claims(token["access_token"])["grant"]
    house.kernel.sql("update app.oidc_refresh_token set expires_at = now() where grant_id = %s", grant)
    late = web.post("token", grant_type="refresh_token", refresh_token=token["refresh_token"])
    assert late.json()["error"] == "invalid_grant"
    # it has run out, which is no theft: what lives goes on
    assert house.api(token["access_token"]).status_code == 200


@pytest.mark.parametrize("trick", ["psychic", "jku", "x5c", "kid of a path", "kid as a list", "alg in small letters"])
def test_headers_that_say_how_to_check_a_token(house: House, web: App, trick: str) -> None:
    """Nothing in a token says which key counts but the name of one of ours."""
    token = str(web.signed_in(scope="openid nexus")[1]["access_token"])
    header, claims = parts(token)
    evil: dict[str, Any] = {
        "psychic": header,
        "jku": {**header, "jku": "https://evil.example/jwks", "kid": "evil"},
        "x5c": {**header, "x5c": ["MIIB"], "x5u": "https://evil.example/x", "kid": None},
        "kid of a path": {**header, "kid": "../../../../dev/null"},
        "kid as a list": {**header, "kid": [header["kid"]]},
        "alg in small letters": {**header, "alg": "es256"},
    }[trick]
    text = ".".join(_encoded(part) for part in (evil, {**claims, "scope": "nexus"}))
    forged = f"{text}.{base64.urlsafe_b64encode(bytes(64)).decode().rstrip('=')}"
    assert house.api(forged).status_code == 401
    assert httpx.get(house.at("userinfo"), headers={"Authorization": f"Bearer {forged}"}, **HTTP).status_code == 401


def test_a_token_counts_in_its_header_alone(house: House, web: App) -> None:
    """Addresses end in logs and histories (RFC 9700, 4.3.2), and two readers must not take different ones."""
    token = str(web.signed_in(scope="openid nexus")[1]["access_token"])
    path, whole = f"{house.kernel.address}/v1/models", f"Bearer {token}"
    assert httpx.get(path, params={"access_token": token}, **HTTP).status_code == 401
    assert httpx.post(house.at("userinfo"), data={"access_token": token}, **HTTP).status_code == 401
    assert httpx.get(path, headers={"Authorization": f"{whole}, {whole}"}, **HTTP).status_code == 401


def _encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(part)).decode().rstrip("=")


def test_keys_that_another_process_has_made_are_learned(house: House, web: App) -> None:
    """Of several that share a database one rotates; the others believe its tokens at once, and are not made to look by just any name."""
    header, claims = parts(str(web.signed_in(scope="openid nexus")[1]["access_token"]))
    ours = house.kernel.app.state.oidc.keys

    async def rotated(session: Session) -> keys.Ring:
        sealer = Sealer(house.kernel.settings, "oidc-signing-key")
        await keys.rotate(session, sealer)
        await session.flush()
        return await keys.ring_of(session, sealer)

    key = people.within(house.kernel.settings, rotated).private["ES256"]
    assert key.kid not in ours._ring.verifying
    ours._read_at -= keys._ANEW + 1
    theirs = jwt.encode({**header, "kid": key.kid}, claims, key, ["ES256"])
    assert house.api(theirs).status_code == 200
    read_at = ours._read_at
    assert house.api(jwt.encode({**header, "kid": "made up"}, claims, key, ["ES256"])).status_code == 401
    assert ours._read_at == read_at


def test_a_key_is_published_for_a_week_after_it_last_signed(house: House, web: App) -> None:
    """Then it counts no more, whoever has it."""
    token = str(web.signed_in(scope="openid nexus")[1]["access_token"])
    kid = parts(token)[0]["kid"]
    ours = house.kernel.app.state.oidc.keys

    def known(ended: str) -> tuple[bool, int]:
        until = f"update app.oidc_signing_key set signs_until = now() - interval '{ended}' where id = %s"
        house.kernel.sql(until, kid)
        house.kernel.app.state.authenticators[:] = authenticators_anew(house)
        ours.forget()
        published = httpx.get(house.at("jwks"), **HTTP).json()["keys"]
        return kid in {k["kid"] for k in published}, house.api(token).status_code

    assert known("6 days 23 hours") == (True, 200)
    assert known("7 days 1 second") == (False, 401)
    assert web.signed_in(scope="openid")[1]["access_token"]


def authenticators_anew(house: House) -> list[Any]:
    """Those of the application, remembering no token."""
    found: list[Any] = house.kernel.app.state.authenticators
    return [AccessTokens(house.kernel.app) if isinstance(one, AccessTokens) else one for one in found]


def test_a_given_password_is_changed_before_any_client_is_let_in(house: House, web: App) -> None:
    browser = Browser(house.kernel, house.somebody())
    must = "update app.identity_user set must_change_password = true where id = (select user_id from app.identity_session where id = %s)"
    house.kernel.sql(must, browser.session_id)
    answer = browser.get(where(house, web, prompt="none"))
    assert answer.headers["location"].startswith("/account/password?next=%2Foidc%2Fauthorize%3F")


def test_what_is_asked_for_is_kept_from_other_pages(house: House, web: App) -> None:
    """Codes and requests stand in addresses: no page that one is on hands its own on, and no form is sent twice by a redirect."""
    browser = Browser(house.kernel, house.somebody())
    page = browser.get(where(house, web, prompt="consent"))
    assert page.headers["referrer-policy"] == "no-referrer"
    answer = browser.press(page, "allow")
    # 307 would send the form, with whatever was typed, to the client (RFC 9700, 4.12)
    assert (answer.status_code, answer.headers["location"].startswith(BACK)) == (303, True)
    assert answer.headers["cache-control"] == "no-store"


def test_two_organisations_of_one_person_stay_apart(house: House) -> None:
    """A token says where it was given: what its bearer may elsewhere it does not open, whatever workspace is named."""
    other = House(house.kernel)
    person = house.somebody("viewer")
    other.company.give(("owner", "*"), member_id=other.joined(person).id)
    browser = Browser(house.kernel, person)
    _, token = house.app().signed_in(browser, scope="openid nexus")
    assert house.api(token["access_token"]).status_code == 200
    assert house.api(token["access_token"], workspace=other.company.one).status_code == 403
    assert house.api(token["access_token"], "/v1/oidc/clients").status_code == 403
    # a grant dies with the membership of its organisation, and with that alone
    _, theirs = other.app().signed_in(browser, scope="openid nexus")
    house.kernel.sql(
        "delete from app.organisations_member where user_id = %s and organisation_id = %s", person.id, house.company.id
    )
    assert house.api(token["access_token"]).status_code == 401
    assert other.api(theirs["access_token"]).status_code == 200
    people.within(house.kernel.settings, lambda s: people.directory.deactivate(s, person.id))
    assert other.api(theirs["access_token"]).status_code == 401
    other.close()
