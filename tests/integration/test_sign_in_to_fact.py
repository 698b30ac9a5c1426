"""From a sign-in on our page to a row of the warehouse: served, recorded, drained, landed, built, published, asked.

Each part has tests of its own; this one holds the seams between them, and part 5 of docs/tutorial-people.md.
"""

from __future__ import annotations

import re
import shlex

import pytest
from typer.testing import CliRunner

from api.organisations.models import Member
from nexus.cli import build as commands
from nexus.ids import new_id
from nexus.settings import PROJECT, Settings, get_settings
from orchestration.live import own
from orchestration.sources import choose
from tests.api.identity.people import PASSWORD, PeopleOf
from tests.api.kernel import serve
from tests.api.organisations.company import Company
from tests.transforms.shared import build, load
from warehouse import marts
from warehouse.land import land
from warehouse.publish import build_lock, publish

pytestmark = [pytest.mark.integration, pytest.mark.long]

TUTORIAL = PROJECT / "docs" / "tutorial-people.md"
OKTA = PROJECT / "orchestration" / "sources" / "okta" / "fixtures"


def test_a_sign_in_to_nexus_stands_beside_one_of_okta(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(settings) as kernel:
        company, people = Company(kernel), PeopleOf(kernel)
        person = people.make(email_verified=True)
        member = Member(id=new_id("mem"), organisation_id=company.id, user_id=person.id)
        company.add(member)
        company.give(("analyst", company.one), member_id=member.id)
        with people.browser() as browser:
            assert browser.sign_in(person.email, "not the lantern").status_code != 303
            assert browser.sign_in(person.email, PASSWORD).status_code == 303
            assert browser.signed_in()
        assert own.drain(settings) > 0
        assert own.drain(settings) == 0
    source, mapping = choose("okta", [OKTA])
    land(source, [OKTA], company.one, settings, mapping=mapping)
    load(settings, "duckdb")
    build(settings, "duckdb", select=("+fct_login", "+dim_workspace"))
    with build_lock(settings, wait=True):
        publish(settings)
    try:
        found = marts.query(
            "select provider, user_id, outcome from marts.fct_login "
            f"where workspace_id = '{company.one}' order by provider",
            settings=settings,
        ).rows()
        assert found == [("nexus", person.id, "success"), ("okta", "00uttidj01jqL21aM1d6", "success")]
    finally:
        marts.reader(settings).close()

    # part 5 of the tutorial, as its reader types it
    asked = re.findall(r"^nexus (sql .*)$", TUTORIAL.read_text(), re.MULTILINE)
    assert len(asked) == 1
    assert settings.database_url is not None
    monkeypatch.setenv("NEXUS_HOME", str(settings.home))
    monkeypatch.setenv("NEXUS_DATABASE_URL", settings.database_url.get_secret_value())
    monkeypatch.setenv("COLUMNS", "200")
    get_settings.cache_clear()
    try:
        told = CliRunner().invoke(commands(), [*shlex.split(asked[0]), "--json"], catch_exceptions=False).output
    finally:
        marts.reader(get_settings()).close()
        get_settings.cache_clear()
    assert person.id in told
    assert '"outcome":"success"' in told.replace(" ", "")
