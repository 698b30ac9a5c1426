"""What a person lets applications do: they see it, and whatever they withdraw ends at once."""

from __future__ import annotations

import httpx

from tests.api.identity import people
from tests.api.kernel import Kernel
from tests.api.oidc.house import HTTP, App, Browser, House

PAGE = "/account/applications"


def browser_of(kernel: Kernel, house: House) -> tuple[people.Browser, Browser]:
    """One browser of somebody new, as one that fills in forms and as one that lets applications in."""
    person = house.somebody()
    allowing = Browser(kernel, person)
    filling = people.Browser(base_url=kernel.address, cookies=allowing.cookies, **HTTP)
    kernel._callers.append(filling)  # type: ignore[arg-type]
    return filling, allowing


def counts(house: House, app: App, token: dict[str, str]) -> list[int]:
    """Whether the API, userinfo and a refresh take what the application has."""
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    return [
        house.api(token["access_token"], "/v1/me").status_code,
        httpx.get(house.at("userinfo"), headers=bearer, **HTTP).status_code,
        app.post("token", grant_type="refresh_token", refresh_token=token["refresh_token"]).status_code,
    ]


def test_what_is_withdrawn_ends_at_once(kernel: Kernel, house: House) -> None:
    here, allowing = browser_of(kernel, house)
    assert "You let no application do anything" in here.get(PAGE).text
    gone, kept = house.app(name="<i>Gone</i>"), house.app(name="Kept")
    _, lost = gone.signed_in(allowing, scope="openid nexus offline_access")
    _, other = kept.signed_in(allowing, scope="openid nexus offline_access")
    shown = here.get(PAGE)
    assert "&lt;i&gt;Gone&lt;/i&gt;" in shown.text
    assert "Do this also while you are not there" in shown.text
    assert "script-src 'self'" in shown.headers["content-security-policy"]
    withdrawn = here.form(PAGE, to=f"{PAGE}/{gone.id}/withdraw")
    assert withdrawn.headers["location"] == f"{PAGE}?said=withdrawn"
    assert counts(house, gone, lost) == [401, 401, 400]
    assert counts(house, kept, other) == [200, 200, 200]
    assert gone.id not in here.get(PAGE).text
    # they are asked again before it may do anything
    assert "asks you" in allowing.get(gone.client().create_authorization_url(
        house.at("authorize"), code_verifier="x" * 43)[0]).text  # fmt: skip
    # another time it is none any more
    assert here.form(PAGE, to=f"{PAGE}/{gone.id}/withdraw").headers["location"] == PAGE
    told = kernel.sql(
        "select type from app.events where data ->> 'client_id' = %s and type like 'oidc.%%' order by position", gone.id
    )
    assert [row[0] for row in told[-2:]] == ["oidc.grant.revoked", "oidc.client.access_withdrawn"]
    entry = kernel.sql(
        "select body::jsonb ->> 'action' from app.audit_entry where body::jsonb ->> 'target' = %s",
        f"{PAGE}/{gone.id}/withdraw",
    )
    assert entry == [(f"POST {PAGE}/{{client_id}}/withdraw",)]


def test_the_api_shows_and_withdraws_ones_own(kernel: Kernel, house: House) -> None:
    _, allowing = browser_of(kernel, house)
    app, caller = house.app(name="By API"), house.app(name="Caller")
    _, token = app.signed_in(allowing, scope="openid nexus offline_access")
    _, own = caller.signed_in(allowing, scope="openid nexus")
    headers = {"Authorization": f"Bearer {own['access_token']}"}
    where = f"{kernel.address}/v1/me/applications"
    listed = httpx.get(where, headers=headers, **HTTP).json()["data"]
    assert [one["name"] for one in listed] == ["By API", "Caller"]
    assert listed[0]["scopes"] == ["nexus", "offline_access", "openid"]
    assert listed[0]["since"] <= listed[0]["last_used_at"]
    # nobody sees or ends what is another's
    _, stranger = browser_of(kernel, house)
    _, theirs = caller.signed_in(stranger, scope="openid nexus")
    foreign = {"Authorization": f"Bearer {theirs['access_token']}"}
    assert [one["name"] for one in httpx.get(where, headers=foreign, **HTTP).json()["data"]] == ["Caller"]
    assert httpx.delete(f"{where}/{app.id}", headers=foreign, **HTTP).status_code == 404
    assert counts(house, app, token) == [200, 200, 200]
    assert httpx.delete(f"{where}/{app.id}", headers=headers, **HTTP).status_code == 204
    assert counts(house, app, token) == [401, 401, 400]
    assert httpx.delete(f"{where}/{app.id}", headers=headers, **HTTP).status_code == 404


def test_nobody_withdraws_by_a_form_of_elsewhere(kernel: Kernel, house: House) -> None:
    here, allowing = browser_of(kernel, house)
    app = house.app()
    app.signed_in(allowing)
    assert here.post(f"{PAGE}/{app.id}/withdraw", data={"form_token": "none"}).status_code == 403
    assert app.id in here.get(PAGE).text
