"""The page of a saga in a real browser: its history, and mending it by keyboard alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.api.identity import people as of_people
from tests.api.identity.people import PeopleOf
from tests.api.organisations.company import Company
from tests.api.sagas.test_pages import stuck
from tests.api.sagas.test_sagas import declared
from tests.browser.test_signin import axe, page, people, shoot

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
__all__ = ["declared", "page", "people"]


def test_mending_by_keyboard(people: PeopleOf, page: Page, tmp_path: Path) -> None:
    company = Company(people.kernel)
    operator = company.member(("owner", "*"))
    ada = of_people.Person(id=operator.user_id, email="", email_verified=True, name="", active=True)
    page.context.add_cookies(
        [{"name": "nexus_session", "value": of_people.sign_in(people.kernel, ada)[1], "url": people.kernel.address}]
    )
    id = stuck(company, company.one)
    page.goto("/account")
    page.get_by_role("link", name="Work of several steps").press("Enter")
    page.get_by_role("link", name="probe.stuck").wait_for()
    assert axe(page) == []
    shoot(page, tmp_path, "sagas")
    page.get_by_role("link", name="probe.stuck").press("Enter")
    page.get_by_role("heading", name="What happened").wait_for()
    assert axe(page) == []
    shoot(page, tmp_path, "saga")
    page.set_viewport_size({"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shoot(page, tmp_path, "saga-narrow")
    page.get_by_label("Why").focus()
    page.keyboard.type("released by hand")
    for _ in range(2):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Go on without this step"
    page.keyboard.press("Enter")
    page.get_by_text("everything is undone").wait_for()
    assert page.get_by_role("status").inner_text() == "It is noted; a worker does it."
    assert axe(page) == []
    assert people.kernel.sql("select state from app.saga where id = %s", id) == [("compensated",)]
