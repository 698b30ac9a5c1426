"""The pages where one signs in, in a real browser: by keyboard alone, by who sees badly, with nothing inline."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from api.identity import throttle
from tests.api.identity.people import OTHER, PASSWORD, PeopleOf
from tests.api.kernel import Kernel

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
SCHEMES = ("light", "dark")


@pytest.fixture
def people(kernel: Kernel) -> PeopleOf:
    kernel.sql("delete from app.identity_throttle")
    return PeopleOf(kernel)


@pytest.fixture(params=SCHEMES)
def page(kernel: Kernel, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A window on the pages; what its browser refuses to run or asks of elsewhere fails the test."""
    context = browser.new_context(
        base_url=kernel.address, color_scheme=request.param, viewport={"width": 900, "height": 800}
    )
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda m: complaints.append(m.text) if "Content Security" in m.text else None)
    opened.on("pageerror", lambda e: complaints.append(str(e)))
    opened.on(
        "request", lambda r: complaints.append(r.url) if not r.url.startswith((kernel.address, "data:")) else None
    )
    yield opened
    context.close()
    assert complaints == []


def axe(page: Page) -> list[str]:
    """What axe-core finds wrong, of any weight. It is put in past the page's policy, which would refuse it."""
    found = importlib.util.find_spec("axe_playwright_python")
    assert found is not None
    assert found.submodule_search_locations
    page.evaluate((Path(found.submodule_search_locations[0]) / "axe.min.js").read_text())
    result: dict[str, Any] = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [f"{v['id']}: {v['nodes'][0]['html']}" for v in result["violations"]]


def focus(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))


def shoot(page: Page, tmp_path: Path, name: str) -> None:
    page.screenshot(path=str(tmp_path / f"{name}.png"), full_page=True)


def test_by_keyboard_from_signing_in_to_signing_out(people: PeopleOf, page: Page, tmp_path: Path) -> None:
    ada = people.make()
    page.goto("/account")
    assert page.url.endswith("/signin?next=%2Faccount")
    assert focus(page) == "email"
    assert axe(page) == []
    shoot(page, tmp_path, "signin")
    page.keyboard.type(ada.email)
    page.keyboard.press("Tab")
    assert focus(page) == "password"
    page.keyboard.type(OTHER)
    page.keyboard.press("Enter")
    # what is wrong is said at its field, which has the focus; the address is still there
    page.wait_for_selector("#password-error")
    assert focus(page) == "password"
    assert page.input_value("#email") == ada.email
    assert page.title() == "Error: Sign in · Nexus"
    assert axe(page) == []
    shoot(page, tmp_path, "wrong")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Tab")
    assert focus(page) == "Sign in"
    page.keyboard.press("Enter")
    page.wait_for_url("**/account")
    assert page.locator("h1").inner_text() == "Your account"
    assert "Chrome on Linux" in page.locator("tbody").inner_text()
    assert axe(page) == []
    shoot(page, tmp_path, "account")
    page.get_by_role("button", name="Sign out").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/signin?said=out")
    assert page.get_by_role("status").inner_text() == "You are signed out."
    page.goto("/account")
    assert "/signin" in page.url


def test_changing_and_forgetting_a_password(people: PeopleOf, page: Page, tmp_path: Path) -> None:
    ada = people.make()
    page.goto("/signin/forgotten")
    assert axe(page) == []
    page.fill("#email", ada.email)
    page.keyboard.press("Enter")
    page.wait_for_selector("text=A link was asked for")
    assert axe(page) == []
    from tests.api.identity.test_account import link

    page.goto(link(people, ada.id))
    assert page.url.endswith("/signin/reset")
    assert axe(page) == []
    page.fill("#password", "passwordpassword")
    page.fill("#repeated", "passwordpassword")
    page.keyboard.press("Enter")
    page.wait_for_selector("#password-error")
    assert axe(page) == []
    shoot(page, tmp_path, "reset")
    page.fill("#password", OTHER)
    page.fill("#repeated", OTHER)
    page.keyboard.press("Enter")
    page.wait_for_url("**/signin?said=reset")
    page.fill("#email", ada.email)
    page.fill("#password", OTHER)
    page.keyboard.press("Enter")
    page.wait_for_url("**/account")
    page.click("text=Change your password")
    assert axe(page) == []
    page.fill("#old", OTHER)
    page.fill("#password", PASSWORD)
    page.fill("#repeated", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/account?said=password")
    assert axe(page) == []


def test_what_a_throttled_person_reads(people: PeopleOf, page: Page, tmp_path: Path) -> None:
    ada = people.make()
    people.fill(throttle.ACCOUNT, ada.email, throttle.ACCOUNT.size)
    page.goto("/signin")
    page.fill("#email", ada.email)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("#email-error")
    assert axe(page) == []
    shoot(page, tmp_path, "throttled")


def test_pages_fit_a_telephone_and_a_magnified_screen(people: PeopleOf, page: Page, tmp_path: Path) -> None:
    """320 CSS pixels are what remains of 1280 at 400 % (WCAG 1.4.10)."""
    ada = people.make()
    page.set_viewport_size({"width": 320, "height": 640})
    for path in ("/signin", "/signin/forgotten"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.goto("/signin")
    page.fill("#email", ada.email)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/account")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    shoot(page, tmp_path, "narrow")
