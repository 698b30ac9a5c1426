"""What a person does with the pages, and what they are given wrong."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from nexus.settings import Settings
from tests.apps import shared
from tests.browser.conftest import Visitor
from warehouse import marts

# the first one waits for the demo company to be built
pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(1200)]


def _customer(settings: Settings) -> dict[str, str]:
    rows = marts.query(
        "select customer_id, name from marts.customer_360 where mrr_minor > 0 order by files_30d desc limit 1",
        settings=settings,
    )
    return dict(rows.row(0, named=True))


def test_the_view_lives_in_the_address(visit: Visitor) -> None:
    visit.open("payments?period=90d&currency=eur", heading="Payments")
    assert "period=90d" in visit.page.url
    assert "currency=eur" in visit.page.url
    assert "workspace=demo" in visit.page.url
    assert "EUR only" not in visit.text()
    assert "in EUR" in visit.text()
    visit.page.get_by_role("link", name="E-mail").click()
    visit.page.wait_for_url("**/email**")
    visit.settle()
    visit.page.wait_for_url("**period=90d**")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("payments?period=yesterday", "yesterday"),
        ("payments?period=2031-01-01..2031-02-01", "no data from 1 Jan – 1 Feb 2031"),
        ("payments?workspace=nowhere", "nowhere"),
        ("payments?currency=xyz", "xyz"),
        ("customer_360?customer=cus_of_nobody", "cus_of_nobody"),
        ("customer_360?customer=%3Cimg%20src%3Dhttp%3A%2F%2Fevil.example%3E", "evil.example"),
    ],
)
def test_a_bad_address_is_answered_in_words(address: str, said: str, visit: Visitor) -> None:
    visit.open(address)
    alerts = " ".join(a.inner_text() for a in visit.page.locator("[data-testid=stAlert]").all())
    assert said in alerts
    assert not visit.exceptions()
    assert visit.foreign == []


def test_a_definition_is_one_click_away(visit: Visitor) -> None:
    visit.open("payments")
    visit.page.get_by_role("button", name="Definition").first.click()
    shown = visit.page.locator("[data-testid=stPopoverBody]")
    shown.get_by_text("Monthly recurring revenue").first.wait_for(timeout=30_000)
    assert "Owner: finance" in shown.inner_text()
    # compiling its SQL loads the metric engine the first time
    shown.get_by_text("fct_subscription_day").first.wait_for(timeout=90_000)


def test_the_passport_names_version_and_gates(visit: Visitor) -> None:
    visit.open("")
    visit.page.get_by_role("button", name="data as of").click()
    body = visit.page.locator("[data-testid=stPopoverBody]")
    body.get_by_text("of 2 quality gates passed").wait_for()


def test_a_customer_is_found_by_name(visit: Visitor, published: Settings) -> None:
    known = _customer(published)
    visit.open("customer_360")
    visit.page.get_by_role("textbox").first.fill(known["name"][:8])
    visit.page.get_by_role("textbox").first.press("Enter")
    visit.page.get_by_text("found").first.wait_for()
    visit.open(f"customer_360?customer={known['customer_id']}")
    visit.page.get_by_role("heading", name=known["name"]).wait_for()
    assert "Everything, in one time line" in visit.text()
    assert not visit.exceptions()


def test_downloads_can_be_opened(visit: Visitor, tmp_path: Path) -> None:
    visit.open("")
    with visit.page.expect_download() as waiting:
        visit.page.get_by_role("button", name="CSV").last.click()
    waiting.value.save_as(tmp_path / "a.csv")
    text = (tmp_path / "a.csv").read_text("utf-8-sig")
    assert text.startswith("Customer,Customer id,")
    with visit.page.expect_download() as waiting:
        visit.page.get_by_role("button", name="XLSX").last.click()
    waiting.value.save_as(tmp_path / "a.xlsx")
    assert "xl/workbook.xml" in zipfile.ZipFile(io.BytesIO((tmp_path / "a.xlsx").read_bytes())).namelist()


def test_the_incidents_are_seen(visit: Visitor) -> None:
    """The burst of refused sign-ins and the exfiltration that the demo company holds."""
    visit.open("access?period=90d")
    assert "203.0.113.66" in visit.text()
    visit.open("files?period=90d")
    assert "times a usual day" in visit.text()


def test_a_newer_version_is_shown_at_the_next_look(visit: Visitor, published: Settings) -> None:
    visit.open("")
    newer = shared.publish_again(published)
    visit.open("")
    visit.page.get_by_role("button", name=f"v{newer.version} ·").wait_for()


def test_a_refused_version_is_told_and_not_shown(visit: Visitor, published: Settings) -> None:
    from nexus.errors import GateError

    shown = marts.reader(published).version
    with pytest.raises(GateError):
        shared.publish_again(published, refuse=True)
    visit.page.wait_for_timeout(21_000)
    visit.open("")
    visit.page.get_by_role("button", name=f"v{shown} ·").wait_for()
    assert "was refused and is not shown" in visit.text()
    shared.publish_again(published)
