"""Passkeys in a real browser, with the authenticator that Chromium makes for tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.identity.people import PeopleOf
from tests.api.kernel import Kernel
from tests.browser.test_signin import axe

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser


@pytest.fixture
def site(kernel: Kernel) -> str:
    """The pages under a name: addresses of digits have no passkeys."""
    kernel.sql("delete from app.identity_throttle")
    return kernel.address.replace("127.0.0.1", "localhost")


@pytest.fixture
def window(browser: Browser, site: str) -> Iterator[tuple[Page, Any, str]]:
    """A page, the protocol to its authenticator, and the authenticator's id."""
    context = browser.new_context(base_url=site)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if "Content Security" in m.text else None)
    protocol = context.new_cdp_session(page)
    protocol.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    made = protocol.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    yield page, protocol, made["authenticatorId"]
    context.close()
    assert complaints == []


def test_a_passkey_is_added_and_signs_in_alone_and_as_second_factor(
    kernel: Kernel, window: tuple[Page, Any, str]
) -> None:
    page, protocol, authenticator = window
    people = PeopleOf(kernel)
    ada = people.make()
    page.goto("/signin?next=%2Faccount%2Ffactors")
    page.fill("#email", ada.email)
    page.fill("#password", "amber lantern quietly drifting")
    page.keyboard.press("Enter")
    page.wait_for_url("**/account/factors")
    assert axe(page) == []
    page.fill("#name", "Laptop")
    page.get_by_role("button", name="Add a passkey").click()
    page.wait_for_selector("text=Your recovery codes")
    assert page.locator("li").count() == 10
    assert axe(page) == []
    page.click("text=I have kept them")
    page.wait_for_selector("text=Laptop")
    [credential] = protocol.send("WebAuthn.getCredentials", {"authenticatorId": authenticator})["credentials"]
    assert credential["rpId"] == "localhost"

    def sign_out() -> None:
        page.goto("/signout")
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/signin?said=out")

    # alone, without a password
    sign_out()
    page.click("text=Sign in with a passkey")
    assert axe(page) == []
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/account")
    # after the password
    sign_out()
    page.fill("#email", ada.email)
    page.fill("#password", "amber lantern quietly drifting")
    page.keyboard.press("Enter")
    page.wait_for_url("**/signin/factor**")
    assert axe(page) == []
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/account")
    methods = kernel.sql(
        "select data -> 'methods' from app.events where type = 'identity.signin.succeeded'"
        " and data ->> 'user_id' = %s order by position", ada.id,
    )  # fmt: skip
    assert methods == [(["pwd"],), (["hwk", "mfa"],), (["hwk", "mfa", "pwd"],)]
    # without finger or face it is none
    sign_out()
    protocol.send("WebAuthn.setUserVerified", {"authenticatorId": authenticator, "isUserVerified": False})
    page.goto("/signin/passkey")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_selector("text=No passkey was used")
    protocol.send("WebAuthn.setUserVerified", {"authenticatorId": authenticator, "isUserVerified": True})
    # an answer that was caught is worth nothing a second time
    caught: list[dict[str, str]] = []
    page.on("request", lambda r: caught.append(r.post_data_json) if r.method == "POST" else None)
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/account")
    kernel.sql("update app.mfa_passkey set sign_count = 0 where user_id = %s", ada.id)
    origin = {"Origin": page.url.removesuffix("/account")}
    token = page.evaluate("document.querySelector('[name=form_token]').value")
    again = page.request.post("/signin/passkey", form={**caught[0], "form_token": token}, headers=origin)
    assert again.status == 403
    assert "was not accepted" in again.text()
    # once removed, it opens nothing
    page.goto("/account/factors")
    page.get_by_role("button", name="Remove the passkey Laptop").click()
    page.wait_for_load_state()
    sign_out()
    page.goto("/signin/passkey")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_selector("text=That passkey was not accepted")
