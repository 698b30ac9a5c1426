"""Pages of single sign-on, of a first second factor, and of the OpenID provider, in a real browser and read by axe."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pyotp
import pytest

from api.organisations.models import Member
from nexus.ids import new_id
from tests.api.identity import people
from tests.api.identity.people import PASSWORD
from tests.api.kernel import Kernel
from tests.api.oidc import house as oidc
from tests.api.sso.house import House
from tests.browser.test_signin import axe, focus, page, shoot  # noqa: F401 (a fixture)

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


@pytest.fixture
def house(kernel: Kernel) -> Iterator[House]:
    """An organisation with a connection; afterwards the page asks nobody for an address first."""
    kernel.sql("delete from app.identity_throttle")
    made = House(kernel)
    made.connect(oidc={"issuer": "https://login.example.com", "client_id": "nexus"})
    yield made
    kernel.sql("update app.sso_connection set is_enabled = false")


def _narrow(page: Page) -> None:  # noqa: F811
    """Nothing is cut off at 320 CSS pixels (WCAG 1.4.10)."""
    kept = page.viewport_size
    assert kept
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.set_viewport_size(kept)


def _looked_at(page: Page, tmp_path: Path, name: str) -> None:  # noqa: F811
    assert axe(page) == []
    _narrow(page)
    shoot(page, tmp_path, name)


def test_address_first_by_keyboard(house: House, page: Page, tmp_path: Path) -> None:  # noqa: F811
    page.goto("/signin")
    assert focus(page) == "email"
    assert not page.locator("#password").count()
    _looked_at(page, tmp_path, "address")
    page.keyboard.press("Enter")
    page.wait_for_selector("#email-error")
    assert axe(page) == []
    page.keyboard.type("ada@elsewhere.example")
    page.keyboard.press("Enter")
    page.wait_for_selector("#password")
    assert focus(page) == "password"
    assert page.input_value("#email") == "ada@elsewhere.example"
    _looked_at(page, tmp_path, "password")


def test_what_is_said_when_it_does_not_work(house: House, page: Page, tmp_path: Path) -> None:  # noqa: F811
    ada = house.member()
    made = house.owner.get("/v1/sso/connections").json()["data"][0]
    page.goto(f"/signin/sso/{made['id']}/callback?state=att_{'0' * 32}")
    assert page.locator("h1").inner_text() == "You are not signed in"
    _looked_at(page, tmp_path, "attempt")
    # the provider cannot be called: nothing of the kind leaves this machine
    page.goto(f"/signin/sso/{made['id']}")
    assert "unreachable" in page.locator("main").inner_text()
    _looked_at(page, tmp_path, "unreachable")
    house.ask(sso=True)
    page.goto("/signin?by=password")
    page.fill("#email", ada.email)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("text=lets its people in by its own sign-in")
    _looked_at(page, tmp_path, "elsewhere")


def test_a_first_second_factor(house: House, page: Page, tmp_path: Path) -> None:  # noqa: F811
    ada = house.member()
    house.ask(mfa=True)
    page.goto("/signin?by=password")
    page.fill("#email", ada.email)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/signin/enrol?next=%2Faccount")
    assert focus(page) == "code"
    _looked_at(page, tmp_path, "enrol")
    page.keyboard.type("000000")
    page.keyboard.press("Enter")
    page.wait_for_selector("#code-error")
    assert axe(page) == []
    page.keyboard.type(pyotp.TOTP(page.locator("#secret").inner_text().replace(" ", "")).now())
    page.keyboard.press("Enter")
    page.wait_for_selector("text=They are shown this once")
    _looked_at(page, tmp_path, "codes")
    page.click("text=I have kept them")
    page.wait_for_url("**/account")


def test_pages_of_the_provider(kernel: Kernel, page: Page, tmp_path: Path) -> None:  # noqa: F811
    """Consent, organisation, device, signing out: each is read by axe, and answered by keyboard alone."""
    ours = oidc.House(kernel)
    person = ours.somebody()
    _, secret = people.sign_in(kernel, person)
    page.context.add_cookies([{"name": "nexus_session", "value": secret, "url": kernel.address}])
    app = ours.app(name="Notebook of a name that is rather long")
    asked = {
        "response_type": "code", "client_id": app.id, "redirect_uri": oidc.BACK, "scope": "openid profile email nexus",
        "code_challenge": secrets.token_urlsafe(32), "code_challenge_method": "S256",
    }  # fmt: skip
    page.goto(f"/oidc/authorize?{urlencode(asked)}")
    assert page.locator("h1").inner_text().startswith("Let Notebook")
    _looked_at(page, tmp_path, "consent")
    page.keyboard.press("Tab")
    assert focus(page) == "Allow"
    page.keyboard.press("Tab")
    assert focus(page) == "Deny"
    page.goto(f"/oidc/authorize?{urlencode({**asked, 'redirect_uri': 'https://elsewhere.example'})}")
    _looked_at(page, tmp_path, "cannot")
    page.goto("/oidc/device")
    _looked_at(page, tmp_path, "device")
    page.goto("/oidc/device?user_code=ABCD-EFGH")
    assert page.get_by_role("alert").inner_text().startswith("Nothing waits")
    _looked_at(page, tmp_path, "unknown")
    page.goto("/oidc/logout")
    _looked_at(page, tmp_path, "signout")
    ours.close()


def test_in_which_organisation(kernel: Kernel, page: Page, tmp_path: Path) -> None:  # noqa: F811
    """A client of the house itself asks who belongs to several."""
    ours, other = oidc.House(kernel), House(kernel)
    other.company.add(Member(id=new_id("mem"), organisation_id=other.id, user_id=ours.person.id))
    app = ours.app(name="Of the house", is_trusted=True)
    kernel.sql(
        "update app.oidc_client set organisation_id = (select id from app.organisation order by created_at, id limit 1) where id = %s",
        app.id,
    )
    _, secret = people.sign_in(kernel, ours.person)
    page.context.add_cookies([{"name": "nexus_session", "value": secret, "url": kernel.address}])
    asked = {
        "response_type": "code", "client_id": app.id, "redirect_uri": oidc.BACK, "scope": "openid",
        "code_challenge": secrets.token_urlsafe(32), "code_challenge_method": "S256",
    }  # fmt: skip
    page.goto(f"/oidc/authorize?{urlencode(asked)}")
    assert page.locator("h1").inner_text() == "In which organisation?"
    _looked_at(page, tmp_path, "organisation")
    ours.close()
