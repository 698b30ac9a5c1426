"""The page of what one lets applications do, in a real browser: by keyboard alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.api.identity.people import PASSWORD, PeopleOf
from tests.api.oidc.house import House
from tests.browser.test_signin import axe, page, people

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
__all__ = ["page", "people"]


def test_withdrawing_by_keyboard(people: PeopleOf, page: Page) -> None:
    ada = people.make()
    house = House(people.kernel)
    app = house.app(name="Notebook")
    people.kernel.sql(
        "insert into app.oidc_consent (user_id, client_id, scopes) values (%s, %s, '{openid,nexus}')", ada.id, app.id
    )
    page.goto("/signin?next=/account")
    page.fill("#email", ada.email)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Applications").press("Enter")
    page.get_by_role("rowheader", name="Notebook").wait_for()
    assert axe(page) == []
    button = page.get_by_role("button", name="Withdraw the access of Notebook")
    for _ in range(20):
        page.keyboard.press("Tab")
        if button.evaluate("it => it === document.activeElement"):
            break
    assert button.evaluate("it => it.matches(':focus-visible')")
    page.keyboard.press("Enter")
    page.get_by_text("may do nothing in your name any more").wait_for()
    page.get_by_text("You let no application do anything in your name.").wait_for()
    assert axe(page) == []
    house.close()
