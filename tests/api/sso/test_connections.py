"""Setting a connection up: what is refused, what is told, what is shown to nobody, what is missing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.sso.house import House
from tests.api.sso.provider import CLIENT, SECRET, Provider


@pytest.fixture(scope="module")
def own(here: Any) -> House:
    """A house of which nobody else makes connections."""
    return House(here)


def _oidc(provider: Provider, **more: Any) -> dict[str, Any]:
    return {"issuer": provider.address, "client_id": CLIENT, "client_secret": SECRET, **more}


def test_from_making_to_removing(own: House, provider: Provider) -> None:
    made = own.connect(oidc=_oidc(provider))
    place = f"/v1/sso/connections/{made['id']}"
    assert made["oidc"]["has_secret"]
    assert made["oidc"]["redirect_uri"] == f"{own.kernel.address}/signin/sso/{made['id']}/callback"
    shown = own.owner.get(place)
    assert SECRET not in shown.text
    assert SECRET not in str(own.kernel.sql("select * from app.sso_connection where id = %s", made["id"]))
    tested = own.owner.post(f"{place}:test").json()
    assert tested["is_ready"], tested
    # left out, the secret of before stays
    assert own.change(made, name="Renamed")["oidc"]["has_secret"]
    stale = own.owner.delete(place, headers={"If-Match": shown.headers["etag"]})
    assert stale.status_code == 412
    assert own.owner.delete(place).status_code == 204
    assert own.owner.get(place).status_code == 404
    told = own.kernel.sql(
        "select type, data::text from app.events where data ->> 'connection_id' = %s order by position", made["id"]
    )
    assert [t for t, _ in told] == [f"sso.connection.{what}" for what in ("created", "changed", "removed")]
    assert SECRET not in str(told)


def test_what_is_missing_is_said(own: House, provider: Provider) -> None:
    made = own.connect(oidc=_oidc(provider), is_enabled=False, domains=[])
    tested = own.owner.post(f"/v1/sso/connections/{made['id']}:test").json()
    wrong = {f["what"]: f["remedy"] for f in tested["findings"] if not f["is_right"]}
    assert wrong == {"the connection": "set is_enabled", "its domains": "add a proved domain"}
    provider.published, provider.description = [], {"code_challenge_methods_supported": ["plain"]}
    own.kernel.app.state.sso_providers._known.clear()
    tested = own.owner.post(f"/v1/sso/connections/{made['id']}:test").json()
    assert {"the provider's keys", "PKCE"} <= {f["what"] for f in tested["findings"] if not f["is_right"]}
    # nobody is led to one that is not enabled
    assert own.browser().get(f"/signin/sso/{made['id']}").status_code == 404


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "needs oidc or saml"),
        ({"oidc": {"issuer": "ftp://login.example.com", "client_id": "x"}}, "issuer"),
        ({"oidc": {"issuer": "https://10.0.0.1", "client_id": "x"}}, "private"),
        ({"oidc": {"issuer": "https://login.example.com", "client_id": "x"}, "domains": ["elsewhere.example"]}, "proved"),
        ({"saml": {"entity_id": "x"}}, "needs metadata_xml alone"),
        ({"saml": {"metadata_xml": "<a/>"}}, "names no identity provider"),
        ({"saml": {"metadata_xml": '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'}}, "cannot be read"),
        ({"saml": {"entity_id": "x", "sso_url": "https://x.example", "certificates": ["AAAA"]}}, "certificate"),
    ],
    ids=["neither", "scheme", "inside", "unproved", "half", "no-provider", "entities", "certificate"],
)  # fmt: skip
def test_what_cannot_be_is_refused(own: House, body: dict[str, Any], says: str) -> None:
    answer = own.owner.post("/v1/sso/connections", json={"name": "X", **body})
    assert answer.status_code == 422, answer.text
    assert says in answer.text


def test_nobody_gives_roles_beyond_their_own(own: House, provider: Provider) -> None:
    mere = own.kernel.caller(organisation=own.id, permissions={"sso.write", "sso.read"})
    body = {"name": "X", "oidc": _oidc(provider), "default_roles": [{"role": "owner", "scope": "*"}]}
    assert mere.post("/v1/sso/connections", json=body).status_code == 403
    made = own.connect(oidc=_oidc(provider), default_roles=[{"role": "owner", "scope": "*"}])
    # what is there already stays when somebody else changes the name
    kept = {n: made[n] for n in ("is_enabled", "domains", "default_roles")}
    oidc = {"issuer": provider.address, "client_id": CLIENT}
    place = f"/v1/sso/connections/{made['id']}"
    assert mere.put(place, json={"name": "Y", "oidc": oidc, **kept}).status_code == 200
    assert own.owner.put(place, json={"name": "Y", "saml": {"metadata_xml": "<a/>"}}).status_code == 422


def test_home_realms_tell_nothing_of_accounts(own: House, provider: Provider) -> None:
    made = own.connect(oidc=_oidc(provider))
    ada = own.member()
    ask = own.browser().get
    ways = {ask("/v1/sso/realm", params={"email": e}).text for e in (ada.email, own.address(), own.address().upper())}
    assert len(ways) == 1
    assert "/signin/sso/cnx_" in ways.pop()
    assert ask("/v1/sso/realm", params={"email": "ada@elsewhere.example"}).json() == {"signin_url": None}
    assert ask("/v1/sso/realm", params={"email": "\x00@\x00"}).json() == {"signin_url": None}
    own.owner.delete(f"/v1/sso/connections/{made['id']}")
