"""Signing in by a provider that speaks OpenID Connect: what opens a session, and every answer that opens none."""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from joserfc.jwk import ECKey

from api.identity.directory import Person
from tests.api.identity.people import Browser
from tests.api.kernel import Kernel
from tests.api.sso.house import House, said
from tests.api.sso.provider import CLIENT, SECRET, Provider, rsa, shared_secret


class Way:
    """A connection to the provider, and browsers that go there and come back."""

    def __init__(self, house: House, provider: Provider, **more: Any) -> None:
        self.house, self.provider = house, provider
        oidc = {"issuer": provider.address, "client_id": CLIENT, "client_secret": SECRET}
        self.row = house.connect(oidc=oidc, **more)
        # what was read of the provider before it was changed
        house.kernel.app.state.sso_providers._known.clear()

    def begin(self, browser: Browser, **asked: str) -> dict[str, str]:
        """What the browser is to say to the provider."""
        answer = browser.get(f"/signin/sso/{self.row['id']}", params=asked)
        assert answer.status_code == 303, answer.text
        where = answer.headers["location"]
        assert where.startswith(f"{self.provider.address}/authorize?"), where
        sent = said(where)
        self.provider.nonce, self.provider.challenge = sent["nonce"], sent["code_challenge"]
        return sent

    def back(self, browser: Browser, sent: dict[str, str], **answer: str | None) -> Any:
        whole = {"code": "a-code", "state": sent["state"], "iss": self.provider.address, **answer}
        query = urlencode({k: v for k, v in whole.items() if v is not None})
        return browser.get(f"/signin/sso/{self.row['id']}/callback?{query}")

    def through(self, browser: Browser | None = None, **asked: str) -> tuple[Browser, Any]:
        browser = browser or self.house.browser()
        return browser, self.back(browser, self.begin(browser, **asked))

    def refused(self) -> str:
        """Why the next sign-in opens nothing."""
        browser, answer = self.through()
        assert answer.status_code == 403, answer.text
        assert "nexus_session" not in browser.cookies
        return self.house.refusals()[-1]


@pytest.fixture(scope="module")
def _shared(house: House, served: Provider) -> Way:
    return Way(house, served)


@pytest.fixture
def way(_shared: Way, provider: Provider) -> Way:
    """One connection for all tests; nothing is remembered of how the provider described itself in the one before."""
    _shared.house.kernel.app.state.sso_providers._known.clear()
    return _shared


@pytest.fixture(scope="module")
def ada(house: House) -> Person:
    """A member, who has come in before by test_a_member_comes_in or comes in now."""
    return house.member()


def _is(provider: Provider, email: str, **more: Any) -> None:
    provider.person = {"sub": f"up-{email}", "email": email, "email_verified": True, "name": "Ada Example", **more}


def test_a_member_comes_in(house: House, provider: Provider, way: Way) -> None:
    ada = house.member()
    _is(provider, ada.email.upper(), amr=["pwd", "mfa"], auth_time=int(time.time()) - 3000)
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
    _is(provider, ada.email)
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
    _is(provider, ada.email, sub="nobody-yet")
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
    _is(provider, ada.email)
    browser = house.browser()
    sent = way.begin(browser)
    provider.token = forge(provider)
    assert way.back(browser, sent).status_code == 403
    assert house.refusals()[-1] == "token"


def test_the_provider_may_have_new_keys(
    house: House, ada: Person, provider: Provider, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.sso.oidc.ANEW", 0.0)
    _is(provider, ada.email)
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
    _is(provider, ada.email)
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
    _is(provider, ada.email)
    browser = house.browser()
    assert way.back(browser, way.begin(browser), iss=iss).status_code == 403
    assert house.refusals()[-1] == "mix_up"
    assert provider.sent == [], "the code went to nobody"


def test_answers_of_one_connection_are_not_anothers(house: House, provider: Provider, way: Way) -> None:
    _is(provider, house.member().email)
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


def test_strangers_become_members_only_where_that_is_said(house: House, provider: Provider) -> None:
    closed, email = Way(house, provider), house.address()
    _is(provider, email)
    assert closed.refused() == "no_member"
    groups = [{"group": "lab", "role": {"role": "analyst", "scope": house.company.one}}]
    opened = Way(
        house, provider, is_provisioning=True, default_roles=[{"role": "viewer", "scope": "*"}], group_roles=groups
    )
    _is(provider, email, groups=["lab", "else"])
    browser, answer = opened.through()
    assert answer.status_code == 303
    user_id = house.session(browser)["user_id"]
    assert house.roles(user_id) == {"viewer", "analyst"}
    # what others give stays, what the group gave goes with it
    member = house.kernel.sql("select id from app.organisations_member where user_id = %s", user_id)[0][0]
    house.company.give(("admin", "*"), member_id=member)
    _is(provider, email, groups=[])
    assert opened.through()[1].status_code == 303
    assert house.roles(user_id) == {"viewer", "admin"}


@pytest.mark.parametrize("lost", ["of the connection", "proved"])
def test_whom_a_connection_speaks_for_no_more_stays_out(here: Kernel, provider: Provider, lost: str) -> None:
    """Also who has come in by it before: it knows them by another name, and says the same of them."""
    house = House(here)
    way, ada = Way(house, provider), house.member()
    _is(provider, ada.email)
    assert way.through()[1].status_code == 303
    gone = "delete from app.organisations_domain where organisation_id = %s and name = %s"
    if lost == "proved":
        house.kernel.sql(gone, house.id, house.domain)
    else:
        way.row = house.change(way.row, domains=[])
    assert way.refused() == "foreign_address"
    if lost == "proved":
        house.prove(house.domain)
    else:
        house.change(way.row, domains=[house.domain])
    assert way.through()[1].status_code == 303


def test_an_address_that_was_given_to_somebody_else(house: House, provider: Provider, way: Way) -> None:
    ada = house.member()
    _is(provider, ada.email)
    assert way.through()[1].status_code == 303
    provider.person["sub"] = "the-next-one"
    assert way.refused() == "other_subject"
    answer = house.owner.post(f"/v1/sso/connections/{way.row['id']}:unlink", json={"user_id": ada.id})
    assert answer.status_code == 204, answer.text
    assert way.through()[1].status_code == 303


def test_who_is_suspended_or_deactivated_stays_out(house: House, provider: Provider, way: Way) -> None:
    ada = house.member()
    _is(provider, ada.email)
    house.kernel.sql("update app.organisations_member set status = 'suspended' where user_id = %s", ada.id)
    assert way.refused() == "suspended"
    house.kernel.sql("update app.organisations_member set status = 'active' where user_id = %s", ada.id)
    assert way.through()[1].status_code == 303
    house.kernel.sql("update app.identity_user set deactivated_at = now() where id = %s", ada.id)
    assert way.refused() == "inactive"


def test_one_organisations_provider_names_nobody_of_anothers(house: House, provider: Provider) -> None:
    """Not even by its own domain in their settings: the domain must be proved by the organisation of the connection."""
    evil = House(house.kernel)
    victim = house.member("owner")
    body = {"name": "Evil", "is_enabled": True, "oidc": {"issuer": provider.address, "client_id": CLIENT}}
    answer = evil.owner.post("/v1/sso/connections", json={**body, "domains": [house.domain]})
    assert answer.status_code == 422
    assert "has not proved" in answer.text
    trap = Way(evil, provider, is_provisioning=True)
    _is(provider, victim.email)
    assert trap.refused() == "foreign_address"
    # a domain that was lost speaks for nobody any more
    evil.kernel.sql("update app.organisations_domain set verified_at = null where organisation_id = %s", evil.id)
    _is(provider, evil.address())
    assert trap.refused() == "foreign_address"


def test_a_fresh_proof_is_fresh(house: House, provider: Provider, way: Way) -> None:
    ada = house.member()
    _is(provider, ada.email, auth_time=int(time.time()) - 3600)
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
    _is(provider, ada.email, amr=["pwd", "otp", "mfa", "whatever"])
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
    _is(provider, house.member().email)
    provider.description = {"token_endpoint": "http://10.1.2.3/token"}
    assert way.refused() == "unreachable"


def _ready(house: House, made: dict[str, Any]) -> bool:
    return bool(house.owner.post(f"/v1/sso/connections/{made['id']}:test").json()["is_ready"])


def test_an_account_of_several_is_not_changed_by_one_of_them(house: House, provider: Provider, way: Way) -> None:
    """Whoever runs a provider could add a passkey to somebody's account, and keep it."""
    ada, bare = house.member(), house.member(password=False)
    _is(provider, ada.email)
    browser, _ = way.through()
    answer = browser.get("/account/factors")
    assert answer.headers["location"] == "/signin?again=1&by=password&next=%2Faccount%2Ffactors"
    _is(provider, bare.email)
    browser, _ = way.through()
    assert browser.get("/account/factors").status_code == 200
