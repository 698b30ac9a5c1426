"""The pure rules: which addresses, which scopes, which level, which key when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.kernel.principal import EVERYTHING
from api.oidc import keys, levels, redirects, scopes

#: How fast a machine is says nothing about the rule.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
HTTPS = "https://app.example/cb?x=1"
LOOPBACK = "http://127.0.0.1/callback"


@pytest.mark.parametrize(
    "uri",
    [HTTPS, LOOPBACK, "http://[::1]:8080/cb", "http://localhost:3002/oauth2callback", "com.example.app:/cb",
     "https://app.example", "https://app.example:8443/a%20b"],
)  # fmt: skip
def test_addresses_that_can_be_registered(uri: str) -> None:
    assert redirects.objection(uri) is None
    assert redirects.matches(uri, uri)


@pytest.mark.parametrize(
    "uri",
    ["", "/cb", "//app.example/cb", "http://app.example/cb", "https://*.app.example/cb", "https://user@app.example/cb",
     "https://app.example/cb#", "https://app.example/cb#f", "https://app.example/a/../cb", "https://app.example/%2e%2E/cb",
     "https://app.example\\@evil.example/", "https://app.example/ cb", "https://app.exämple/", "https:///cb",
     "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "myapp:/cb", "https://App.example/cb",
     "https://app.example:port/", "http://127.0.0.1.evil.example/cb", "https://app.example/" + "a" * 2000],
)  # fmt: skip
def test_addresses_that_cannot(uri: str) -> None:
    assert redirects.objection(uri)


@pytest.mark.parametrize(
    "asked",
    ["https://app.example/cb", "https://app.example/cb?x=1&y=2", "https://app.example/cb/?x=1", "https://app.example/CB?x=1",
     "https://app.example:443/cb?x=1", "https://app.example.evil.example/cb?x=1", "https://app.example@evil.example/cb?x=1",
     "https://app.example/cb?x=1#f", "http://app.example/cb?x=1", "https://app.example/./cb?x=1", "https://app.example/%63b?x=1",
     "https://app.example/cb?x=1\n", " https://app.example/cb?x=1", "https://app.example/cb?x=1%00"],
)  # fmt: skip
def test_what_is_nearly_the_same_is_another(asked: str) -> None:
    assert not redirects.matches(asked, HTTPS)


@pytest.mark.parametrize(
    "asked",
    ["http://127.0.0.1:1/callback/", "http://127.0.0.1:99999/callback", "http://127.0.0.1:0/callback",
     "http://127.0.0.1:8000x/callback", "http://127.0.0.1:80@evil.example/callback", "http://127.1:80/callback",
     "http://localhost:80/callback", "http://[::1]:80/callback", "https://127.0.0.1:80/callback",
     "http://127.0.0.1:8000/callback?x", "http://127.0.0.1:8000/callback#x", "http://127.0.0.1:8000\\.evil.example/callback"],
)  # fmt: skip
def test_of_a_loopback_address_the_port_alone_is_free(asked: str) -> None:
    assert not redirects.matches(asked, LOOPBACK)


@unhurried
@given(port=st.integers(1, 65535))
def test_every_port_of_a_loopback_address(port: int) -> None:
    assert redirects.matches(f"http://127.0.0.1:{port}/callback", LOOPBACK)
    assert redirects.matches(LOOPBACK, f"http://127.0.0.1:{port}/callback")
    assert not redirects.matches(f"https://app.example:{port}/cb?x=1", HTTPS)


@unhurried
@given(asked=st.text(max_size=60) | st.from_regex(r"https?://(app\.example|127\.0\.0\.1)[:/@.\\%#?a-z0-9]{0,20}"))
def test_a_browser_only_goes_where_the_client_lives(asked: str) -> None:
    """Whatever is asked for: if it matches, it is the registered text, or the same loopback place on another port."""
    if redirects.matches(asked, HTTPS):
        assert asked == HTTPS
    if redirects.matches(asked, LOOPBACK):
        parts = urlsplit(asked)
        assert (parts.scheme, parts.hostname, parts.path, parts.query) == ("http", "127.0.0.1", "/callback", "")
        assert "#" not in asked


@unhurried
@given(uri=st.text(alphabet=st.characters(max_codepoint=300), max_size=40).map(lambda t: f"https://app.example/{t}"))
def test_what_can_be_registered_is_read_alike_by_everybody(uri: str) -> None:
    if redirects.objection(uri) is None:
        assert urlsplit(uri).netloc == "app.example"
        assert uri.isascii()
        assert uri.isprintable()
        assert not set(uri) & set(' "<>\\^`{|}#')


def test_scopes_narrow_and_never_widen() -> None:
    grants = {"*": frozenset({"models.read"}), "a": frozenset({EVERYTHING})}
    assert scopes.limited(grants, ["nexus", "openid"]) == grants
    assert scopes.limited(grants, ["openid", "models.read", "oidc.clients.write"]) == {
        "*": {"models.read"},
        "a": {"models.read", "oidc.clients.write"},
    }
    assert scopes.limited(grants, ["openid", "email"]) == {"*": frozenset(), "a": frozenset()}
    assert scopes.parse('openid  "x" openid a\\b profile') == ("openid", "profile")
    assert scopes.parse(None) == ()
    assert not scopes.of_api(["openid", "offline_access"])
    assert scopes.meanings(["openid", "nothing"]) == ["Know that it is you"]


@unhurried
@given(methods=st.sets(st.sampled_from(["pwd", "otp", "hwk", "user", "sso", "mfa"])))
def test_levels(methods: set[str]) -> None:
    assert not levels.unmet([], methods)
    assert not levels.unmet([levels.SINGLE], methods)
    assert levels.unmet([levels.MULTI], methods) == (levels.of(methods) == levels.SINGLE)
    assert levels.unmet(["urn:else"], methods)


def test_two_factors_are_two_kinds() -> None:
    assert levels.of({"pwd"}) == levels.of({"otp", "hwk"}) == levels.of({"hwk"}) == levels.SINGLE
    assert levels.of({"pwd", "otp"}) == levels.of({"hwk", "user"}) == levels.MULTI


@dataclass
class Key:
    signs_from: datetime
    signs_until: datetime


def test_the_calendar_of_keys() -> None:
    """Day by day for a year: one signs, and whoever looked yesterday knew it."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    made: list[Key] = []
    known_yesterday: list[Key] = []
    for day in range(365):
        while span := keys.missing(made, now):
            made.append(Key(*span))
        index = keys.signing(made, now)
        assert index is not None
        assert day == 0 or made[index] in known_yesterday
        assert sum(k.signs_until > now - keys.PUBLISHED_AFTER for k in made) <= 3
        known_yesterday = list(made)
        now += timedelta(hours=23)
    assert len(made) == 4
    # a machine that slept through it all makes one that signs at once
    now += timedelta(days=400)
    assert keys.missing(made, now) == (now, now + keys.SIGNS_FOR)
