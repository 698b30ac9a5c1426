"""Another Nexus as the provider: the protocol between two of us, and a client behind them both."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import httpx
import pytest
from authlib.integrations.httpx_client import OAuth2Client

from api.oidc import levels
from tests.api.kernel import TLS, Kernel, serve
from tests.api.oidc import house as oidc
from tests.api.sso.house import House, said


def _by_way_of(up: oidc.Browser, down: httpx.Client, where: str) -> httpx.Response:
    """From our page to the provider's, where somebody allows it, and back."""
    answer = down.get(where)
    assert answer.status_code == 303, answer.text
    at_provider = up.get(answer.headers["location"])
    if at_provider.status_code == 200:
        at_provider = up.press(at_provider, "allow")
    assert at_provider.status_code == 303, at_provider.text
    return down.get(at_provider.headers["location"])


@pytest.fixture(scope="module")
def upstream(kernel: Kernel) -> Iterator[oidc.House]:
    """Another application on another port; its issuer is its own. (They share a database, which neither knows.)"""
    with serve(kernel.settings) as there:
        made = oidc.House(there)
        yield made
        made.close()


def test_a_client_behind_two_of_us(house: House, upstream: oidc.House) -> None:
    """Client → our provider → theirs: `amr` and `acr` come through, and the token opens this organisation."""
    settings = {"issuer": upstream.kernel.address, "client_id": "not yet"}
    made = house.connect(
        oidc=settings, is_mfa_trusted=True, is_provisioning=True, default_roles=[{"role": "viewer", "scope": "*"}]
    )
    app = upstream.app(redirect_uris=[made["oidc"]["redirect_uri"]])
    made = house.change(made, oidc={**settings, "client_id": app.id, "client_secret": app.secret})
    assert house.owner.post(f"/v1/sso/connections/{made['id']}:test").json()["is_ready"]
    # somebody of theirs with an address of our domain
    house.kernel.sql(
        "update app.identity_user set email = %s, email_key = %s where id = %s",
        *[house.address("eve")] * 2, upstream.person.id,
    )  # fmt: skip
    up = oidc.Browser(upstream.kernel, upstream.person, frozenset({"pwd", "otp", "mfa"}))
    ours = {"name": "Behind", "redirect_uris": [oidc.BACK], "scopes": ["openid", "profile", "email", "nexus"]}
    client = house.owner.post("/v1/oidc/clients", json=ours).json()
    down = house.browser()
    stock = OAuth2Client(
        client["client_id"], client["client_secret"], scope="openid email nexus", redirect_uri=oidc.BACK,
        code_challenge_method="S256", verify=TLS,
    )  # fmt: skip
    verifier = secrets.token_urlsafe(40)
    where, state = stock.create_authorization_url(
        f"{house.kernel.address}/oidc/authorize", code_verifier=verifier, organisation=house.id,
        acr_values=levels.MULTI, login_hint=house.address("eve"),
    )  # fmt: skip
    # nobody is signed in: to the page, which leads to the organisation's provider by itself
    page = down.get(where).headers["location"]
    assert page.startswith("/signin?")
    way = down.get(page).headers["location"]
    assert way.startswith(f"/signin/sso/{made['id']}?")
    back = _by_way_of(up, down, way)
    asked = down.get(back.headers["location"])
    consent = oidc.Browser.press(down, asked, "allow")  # type: ignore[arg-type]
    token = stock.fetch_token(
        f"{house.kernel.address}/oidc/token", authorization_response=consent.headers["location"], state=state,
        code_verifier=verifier,
    )  # fmt: skip
    claims = said(consent.headers["location"])
    assert claims["iss"] == house.kernel.address
    session = house.session(down)
    assert (session["methods"], session["realm"]) == (["mfa", "otp", "pwd", "sso"], house.id)
    headers = {"Authorization": f"Bearer {token['access_token']}", "X-Nexus-Workspace": house.company.one}
    assert httpx.get(f"{house.kernel.address}/v1/models", headers=headers, verify=TLS).status_code == 200
    stock.close()
