"""The page where one takes one's data and goes, in a real browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.api.identity.people import PASSWORD, PeopleOf
from tests.browser.test_signin import axe, page, people

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
__all__ = ["page", "people"]


def test_taking_ones_data_and_going(people: PeopleOf, page: Page, tmp_path: Path) -> None:
    ada = people.make()
    page.goto("/signin?next=/account/data")
    page.fill("#email", ada.email)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Take it with you").wait_for()
    assert axe(page) == []
    page.screenshot(path=tmp_path / "data.png", full_page=True)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download your data").click()
    assert json.loads(Path(download.value.path()).read_text())["tables"]["identity_user"][0]["email"] == ada.email
    page.fill("#email", "somebody@else.example")
    page.get_by_role("button", name="Erase everything").click()
    assert page.locator("#email-error").inner_text() == "That is not the address of this account."
    assert axe(page) == []
    page.screenshot(path=tmp_path / "refused.png", full_page=True)
    page.fill("#email", ada.email)
    page.get_by_role("button", name="Erase everything").click()
    page.get_by_text("You are signed out").wait_for()
