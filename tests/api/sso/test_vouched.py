"""Whom a provider may vouch for: strangers, members, people of others, and who is not to come in any more."""

from __future__ import annotations

import pytest

from tests.api.kernel import Kernel
from tests.api.sso.house import House
from tests.api.sso.provider import CLIENT, Provider
from tests.api.sso.way import Way, says


def test_strangers_become_members_only_where_that_is_said(house: House, provider: Provider) -> None:
    closed, email = Way(house, provider), house.address()
    says(provider, email)
    assert closed.refused() == "no_member"
    groups = [{"group": "lab", "role": {"role": "analyst", "scope": house.company.one}}]
    opened = Way(
        house, provider, is_provisioning=True, default_roles=[{"role": "viewer", "scope": "*"}], group_roles=groups
    )
    says(provider, email, groups=["lab", "else"])
    browser, answer = opened.through()
    assert answer.status_code == 303
    user_id = house.session(browser)["user_id"]
    assert house.roles(user_id) == {"viewer", "analyst"}
    # what others give stays, what the group gave goes with it
    member = house.kernel.sql("select id from app.organisations_member where user_id = %s", user_id)[0][0]
    house.company.give(("admin", "*"), member_id=member)
    says(provider, email, groups=[])
    assert opened.through()[1].status_code == 303
    assert house.roles(user_id) == {"viewer", "admin"}


@pytest.mark.parametrize("lost", ["of the connection", "proved"])
def test_whom_a_connection_speaks_for_no_more_stays_out(here: Kernel, provider: Provider, lost: str) -> None:
    """Also who has come in by it before: it knows them by another name, and says the same of them."""
    house = House(here)
    way, ada = Way(house, provider), house.member()
    says(provider, ada.email)
    assert way.through()[1].status_code == 303
    gone = "delete from app.organisations_domain where organisation_id = %s and name = %s"
    if lost == "proved":
        house.kernel.sql(gone, house.id, house.domain)
    else:
        way.row = house.change(way.row, domains=[])
    assert way.refused() == "foreign_address"
    if lost == "proved":
        house.prove(house.domain)
    else:
        house.change(way.row, domains=[house.domain])
    assert way.through()[1].status_code == 303


def test_an_address_that_was_given_to_somebody_else(house: House, provider: Provider, way: Way) -> None:
    ada = house.member()
    says(provider, ada.email)
    assert way.through()[1].status_code == 303
    provider.person["sub"] = "the-next-one"
    assert way.refused() == "other_subject"
    answer = house.owner.post(f"/v1/sso/connections/{way.row['id']}:unlink", json={"user_id": ada.id})
    assert answer.status_code == 204, answer.text
    assert way.through()[1].status_code == 303


def test_who_is_suspended_or_deactivated_stays_out(house: House, provider: Provider, way: Way) -> None:
    ada = house.member()
    says(provider, ada.email)
    house.kernel.sql("update app.organisations_member set status = 'suspended' where user_id = %s", ada.id)
    assert way.refused() == "suspended"
    house.kernel.sql("update app.organisations_member set status = 'active' where user_id = %s", ada.id)
    assert way.through()[1].status_code == 303
    house.kernel.sql("update app.identity_user set deactivated_at = now() where id = %s", ada.id)
    assert way.refused() == "inactive"


def test_one_organisations_provider_names_nobody_of_anothers(house: House, provider: Provider) -> None:
    """Not even by its own domain in their settings: the domain must be proved by the organisation of the connection."""
    evil = House(house.kernel)
    victim = house.member("owner")
    body = {"name": "Evil", "is_enabled": True, "oidc": {"issuer": provider.address, "client_id": CLIENT}}
    answer = evil.owner.post("/v1/sso/connections", json={**body, "domains": [house.domain]})
    assert answer.status_code == 422
    assert "has not proved" in answer.text
    trap = Way(evil, provider, is_provisioning=True)
    says(provider, victim.email)
    assert trap.refused() == "foreign_address"
    # a domain that was lost speaks for nobody any more
    evil.kernel.sql("update app.organisations_domain set verified_at = null where organisation_id = %s", evil.id)
    says(provider, evil.address())
    assert trap.refused() == "foreign_address"


def test_an_account_of_several_is_not_changed_by_one_of_them(house: House, provider: Provider, way: Way) -> None:
    """Whoever runs a provider could add a passkey to somebody's account, and keep it."""
    ada, bare = house.member(), house.member(password=False)
    says(provider, ada.email)
    browser, _ = way.through()
    answer = browser.get("/account/factors")
    assert answer.headers["location"] == "/signin?again=1&by=password&next=%2Faccount%2Ffactors"
    says(provider, bare.email)
    browser, _ = way.through()
    assert browser.get("/account/factors").status_code == 200
