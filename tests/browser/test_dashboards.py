"""The dashboards as those see them who must sign in: through the provider's own pages, no more than their roles allow."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from api.dashboards import first_start
from api.identity import directory
from api.organisations import first_start as organisation
from api.organisations.models import Member
from nexus.db import LOCAL_ORGANISATION
from nexus.ids import new_id
from nexus.ports import free_port
from nexus.settings import Settings
from tests.api.identity.people import PASSWORD, PeopleOf, in_thread, within
from tests.api.kernel import Kernel
from tests.api.organisations.company import Company
from tests.browser.conftest import Visitor, streamlit

# the first one waits for the demo company to be built
pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(1200)]
ALLOWED = ["Overview", "Payments", "E-mail", "Files", "Models", "Data health"]


class LocalCompany(Company):
    """The organisation of this machine, whose application the dashboards are."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel, self.id, self.one, self.two = kernel, LOCAL_ORGANISATION, "demo", "demo"

    def joined(self, user_id: str, *roles: tuple[str, str]) -> None:
        member = Member(id=new_id("mem"), organisation_id=self.id, user_id=user_id)
        self.add(member)
        self.give(*roles, member_id=member.id)


@pytest.fixture(scope="module")
def site(kernel: Kernel, published: Settings) -> Iterator[str]:
    settings = kernel.settings.model_copy(update={"streamlit_port": free_port()})
    in_thread(lambda: organisation.run(settings))
    in_thread(lambda: first_start.run(settings))
    with streamlit(settings) as address:
        yield address


def sign_in(visit: Visitor, email: str) -> None:
    visit.page.get_by_role("button", name="Sign in").click()
    visit.page.wait_for_url("**/signin?**")
    visit.page.fill("#email", email)
    visit.page.fill("#password", PASSWORD)
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_url(f"{visit.site}/**")
    visit.settle()


def menu(visit: Visitor) -> list[str]:
    return [link.inner_text().splitlines()[-1] for link in visit.page.get_by_test_id("stSidebarNavLink").all()]


def test_a_viewer_sees_what_viewers_may_and_nothing_once_they_may_not(
    kernel: Kernel, site: str, visit: Visitor
) -> None:
    ada = PeopleOf(kernel).make(name="Ada Example")
    LocalCompany(kernel).joined(ada.id, ("viewer", "demo"))
    visit.open("payments?period=90d", heading="Nexus")
    assert "$" not in visit.text()
    assert visit.axe() == []
    sign_in(visit, ada.email)
    # where they wanted to go, not the first page
    visit.page.wait_for_url("**/payments?**period=90d**")
    visit.settle()
    assert menu(visit) == ALLOWED
    assert "Ada Example" in visit.page.locator("[data-testid=stSidebar]").inner_text()
    assert visit.axe() == []
    # a page that is not theirs is none
    visit.open("access")
    assert visit.page.locator("h1").first.inner_text() == "Overview"
    within(kernel.settings, lambda session: directory.deactivate(session, ada.id))
    visit.page.wait_for_timeout(6000)
    visit.open("payments", heading="Nexus")
    assert "Your sign-in has ended" in visit.text()
    assert menu(visit) == []
    assert visit.foreign == []


def test_whoever_has_no_role_sees_nothing_and_can_leave(kernel: Kernel, site: str, visit: Visitor) -> None:
    ada = PeopleOf(kernel).make()
    LocalCompany(kernel).joined(ada.id)
    visit.open(heading="Nexus")
    sign_in(visit, ada.email)
    visit.page.get_by_text("There is nothing here that you may see").wait_for()
    visit.page.get_by_role("button", name="Sign out").click()
    visit.page.get_by_role("button", name="Sign in").wait_for()
    # at the provider, too
    visit.page.goto(f"{kernel.address}/account")
    assert "/signin" in visit.page.url
