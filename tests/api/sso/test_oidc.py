"""Signing in by a provider that speaks OpenID Connect: what opens a session, and every answer that opens none."""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Callable
from typing import Any

import pytest
from joserfc.jwk import ECKey

from api.identity.directory import Person
from tests.api.sso.house import House
from tests.api.sso.provider import CLIENT, Provider, rsa, shared_secret
from tests.api.sso.way import Way, says


@pytest.fixture(scope="module")
def ada(house: House) -> Person:
    """A member, who has come in before by test_a_member_comes_in or comes in now."""
    return house.member()


def test_a_member_comes_in(house: House, provider: Provider, way: Way) -> None:
    ada = house.member()
    says(provider, ada.email.upper(), amr=["pwd", "mfa"], auth_time=int(time.time()) - 3000)
    browser, answer = way.through(next="/account?a=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/account?a=1")
    session = house.session(browser)
    assert (session["user_id"], session["methods"], session["realm"]) == (ada.id, ["sso"], house.id)
    assert abs(session["authenticated_at"].timestamp() - (time.time() - 3000)) < 5
    assert browser.signed_in()
    sent = provider.sent[-1]
    assert sent["authorization"].startswith("Basic ")
    assert sent["redirect_uri"] == way.row["oidc"]["redirect_uri"]
    told = house.kernel.sql(
        "select type, data ->> 'methods' from app.events where data ->> 'user_id' = %s order by position", ada.id
    )
    assert [t for t, _ in told] == [
        "identity.user.created", "sso.link.created", "identity.session.started", "identity.signin.succeeded",
        "sso.signin.succeeded",
    ]  # fmt: skip
    # the second time by its name for them, whatever the address is now
    says(provider, ada.email)
    provider.person |= {"sub": f"up-{ada.email.upper()}", "email": "else@elsewhere.example"}
    browser, answer = way.through()
    assert answer.status_code == 303
    assert house.session(browser)["user_id"] == ada.id


@pytest.mark.parametrize(
    ("reason", "lie"),
    [
        ("unverified_address", {"email_verified": False}),
        ("unverified_address", {"email_verified": "true"}),
        ("unverified_address", {"email_verified": None}),
        ("foreign_address", {"email": "ada@elsewhere.example"}),
        ("no_email", {"email": None}),
        ("token", {"iss": "https://elsewhere.example"}),
        ("token", {"aud": "somebody-else"}),
        ("token", {"aud": [CLIENT, "somebody-else"]}),
        ("token", {"azp": "somebody-else"}),
        ("token", {"nonce": "another"}),
        ("token", {"nonce": None}),
        ("token", {"exp": int(time.time()) - 3600}),
        ("token", {"iat": int(time.time()) + 3600}),
        ("token", {"nbf": int(time.time()) + 3600}),
        ("token", {"exp": None}),
        ("token", {"exp": "9999999999"}),
        ("token", {"exp": True}),
        ("token", {"iat": None}),
        ("token", {"aud": None}),
        ("token", {"aud": []}),
        ("token", {"iss": None}),
        ("token", {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}),
        ("token", {"sub": None}),
        ("token", {"sub": ""}),
        ("token", {"sub": "s" * 256}),
    ],
    ids=lambda value: (
        value
        if isinstance(value, str)
        else "-".join(f"{k}={str(v)[:12]}" for k, v in value.items() if k not in {"exp", "iat", "nbf"})
        or "-".join(value)
    ),
)
def test_what_is_not_right_opens_nothing(
    house: House, ada: Person, provider: Provider, way: Way, reason: str, lie: dict[str, Any]
) -> None:
    says(provider, ada.email, sub="nobody-yet")
    provider.lies = lie
    assert way.refused() == reason


def _with_none(provider: Provider) -> str:
    header, _, rest = provider.signed().partition(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    assert header
    return f"{none}.{rest.partition('.')[0]}."


def _by_public_key(provider: Provider) -> str:
    """With what everybody has of the provider, as if it were a secret between us; by hand, the library refuses to."""
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"one"}').decode().rstrip("=")
    text = f"{header}.{provider.signed().split('.')[1]}"
    made = hmac.digest(provider.key.as_pem(private=False), text.encode(), "sha256")
    return f"{text}.{base64.urlsafe_b64encode(made).decode().rstrip('=')}"


@pytest.mark.parametrize(
    "forge",
    [
        lambda p: p.signed(ECKey.generate_key("P-256", {"kid": "one"})),
        lambda p: p.signed(ECKey.generate_key("P-256", {"kid": "new"})),
        lambda p: p.signed(shared_secret(), "HS256"),
        _with_none,
        lambda p: p.signed()[:-4] + "AAAA",
        lambda p: "not-a-token",
        lambda p: p.signed(ECKey.generate_key("P-256", {"kid": "one"}), header={"jwk": p.key.as_dict(private=False)}),
        lambda p: p.signed(rsa("one"), "RS256"),
        _by_public_key,
        lambda p: p.signed(ECKey.generate_key("P-256", {"kid": "one"}), header={"kid": None}),
        lambda p: p.signed(header={"kid": "other"}),
        lambda p: p.signed() + "." + "e30",
    ],
    ids=[
        "another-key",
        "unknown-key",
        "hmac",
        "none",
        "cut",
        "no-token",
        "own-jwk",
        "rsa-for-ec",
        "hmac-with-public-key",
        "another-key-no-kid",
        "wrong-kid",
        "four-parts",
    ],
)
def test_forged_tokens(
    house: House, ada: Person, provider: Provider, way: Way, forge: Callable[[Provider], str]
) -> None:
    says(provider, ada.email)
    browser = house.browser()
    sent = way.begin(browser)
    provider.token = forge(provider)
    assert way.back(browser, sent).status_code == 403
    assert house.refusals()[-1] == "token"


def test_the_provider_may_have_new_keys(
    house: House, ada: Person, provider: Provider, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.sso.oidc.ANEW", 0.0)
    says(provider, ada.email)
    assert way.through()[1].status_code == 303
    asked = provider.asked
    assert way.through()[1].status_code == 303
    assert provider.asked == asked, "keys are kept"
    new = rsa()
    provider.published = [new]
    browser = house.browser()
    sent = way.begin(browser)
    provider.token = provider.signed(new, "RS256")
    assert way.back(browser, sent).status_code == 303
    assert provider.asked == asked + 1


def test_an_answer_belongs_to_its_browser_and_counts_once(
    house: House, ada: Person, provider: Provider, way: Way
) -> None:
    says(provider, ada.email)
    browser, other = house.browser(), house.browser()
    sent = way.begin(browser)
    # a link with somebody else's answer signs nobody in, whether they are on the way themselves or not
    assert way.back(other, sent).status_code == 400
    way.begin(other)
    assert way.back(other, sent).status_code == 400
    sent = way.begin(browser)
    assert way.back(browser, {"state": "att_" + "0" * 32}).status_code == 400
    assert way.back(browser, sent).status_code == 303
    assert way.back(browser, sent).status_code == 400
    late = way.begin(browser)
    house.kernel.sql("update app.sso_attempt set expires_at = now() where id = %s", late["state"])
    assert way.back(browser, late).status_code == 400


@pytest.mark.parametrize("iss", ["https://elsewhere.example", None])
def test_another_providers_answer_is_not_this_ones(
    house: House, ada: Person, provider: Provider, way: Way, iss: str | None
) -> None:
    says(provider, ada.email)
    browser = house.browser()
    assert way.back(browser, way.begin(browser), iss=iss).status_code == 403
    assert house.refusals()[-1] == "mix_up"
    assert provider.sent == [], "the code went to nobody"


def test_answers_of_one_connection_are_not_anothers(house: House, provider: Provider, way: Way) -> None:
    says(provider, house.member().email)
    browser = house.browser()
    sent = way.begin(browser)
    second = Way(House(house.kernel), provider)
    assert second.back(browser, sent).status_code == 400


def test_a_description_of_somebody_else(house: House, provider: Provider, way: Way) -> None:
    provider.description = {"issuer": "https://elsewhere.example"}
    answer = house.browser().get(f"/signin/sso/{way.row['id']}")
    assert answer.status_code == 403
    assert house.refusals()[-1] == "description"


def test_user_info_must_be_of_the_same_person(house: House, provider: Provider, way: Way) -> None:
    ada = house.member()
    provider.description = {"userinfo_endpoint": f"{provider.address}/userinfo"}
    house.kernel.app.state.sso_providers._known.clear()
    provider.person = {"sub": "u-1"}
    provider.userinfo = {"sub": "u-2", "email": ada.email, "email_verified": True}
    assert way.refused() == "token"
    provider.userinfo["sub"] = "u-1"
    assert way.through()[1].status_code == 303


def test_a_refusal_of_the_provider(house: House, provider: Provider, way: Way) -> None:
    browser = house.browser()
    answer = way.back(browser, way.begin(browser), code=None, error="access_denied")
    assert answer.status_code == 403
    assert "provider_refused" in answer.text


def test_a_fresh_proof_is_fresh(house: House, provider: Provider, way: Way) -> None:
    ada = house.member()
    says(provider, ada.email, auth_time=int(time.time()) - 3600)
    browser = house.browser()
    sent = way.begin(browser, again="1")
    assert (sent["prompt"], sent["max_age"]) == ("login", "0")
    assert way.back(browser, sent).status_code == 403
    assert house.refusals()[-1] == "not_fresh"
    provider.person["auth_time"] = int(time.time())
    assert way.through(browser, again="1")[1].status_code == 303


def test_second_factors_of_a_trusted_provider_count(house: House, provider: Provider) -> None:
    ada = house.member()
    trusted = Way(house, provider, is_mfa_trusted=True)
    says(provider, ada.email, amr=["pwd", "otp", "mfa", "whatever"])
    browser, answer = trusted.through()
    assert answer.status_code == 303
    assert house.session(browser)["methods"] == ["mfa", "otp", "pwd", "sso"]


def test_an_issuer_leads_to_no_address_inside(house: House, provider: Provider, way: Way) -> None:
    """Nor does what its description names."""
    for issuer in (
        "https://10.1.2.3",
        "https://169.254.169.254/latest",
        "https://[::ffff:10.1.2.3]",
        "http://login.example",
    ):
        answer = house.owner.post(
            "/v1/sso/connections", json={"name": "In", "oidc": {"issuer": issuer, "client_id": "x"}}
        )
        assert answer.status_code == 422 or not _ready(house, answer.json()), issuer
    says(provider, house.member().email)
    provider.description = {"token_endpoint": "http://10.1.2.3/token"}
    assert way.refused() == "unreachable"


def _ready(house: House, made: dict[str, Any]) -> bool:
    return bool(house.owner.post(f"/v1/sso/connections/{made['id']}:test").json()["is_ready"])
