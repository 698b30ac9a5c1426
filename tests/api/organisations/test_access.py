"""From assignments to grants: directly, through groups, in one workspace or everywhere, under a condition, by nobody else."""

from __future__ import annotations

import pytest

from api.kernel.permissions import catalogue
from api.organisations import access, roles
from api.organisations.access import Circumstances
from api.organisations.grants import Grants
from api.organisations.models import Domain, Member, Policy
from nexus.ids import new_id
from tests.api.kernel import Kernel
from tests.api.organisations.company import Company


@pytest.fixture(scope="module")
def company(kernel: Kernel) -> Company:
    return Company(kernel)


def grants(company: Company, member: Member, circumstances: Circumstances | None = None) -> Grants:
    return company.within(lambda s: access.grants(s, member.user_id, company.id, circumstances))


BASE = roles.permissions("member")


def test_roles_count_where_they_are_given(company: Company) -> None:
    analyst = company.member(("analyst", company.one), ("viewer", company.two))
    assert grants(company, analyst) == {
        "*": BASE,
        company.one: roles.permissions("analyst") & roles.of_workspaces(),
        company.two: roles.permissions("viewer") & roles.of_workspaces(),
    }
    assert grants(company, company.member(("owner", "*"))) == {"*": {"*"}}


def test_an_administrator_of_a_workspace_administers_no_organisation(company: Company) -> None:
    found = grants(company, company.member(("admin", company.one)))
    assert found["*"] == BASE
    assert not {p for p in found[company.one] if catalogue()[p].scope == "organisation"}
    assert "models.predict" in found[company.one]


def test_groups_give_what_they_have(company: Company) -> None:
    member = company.member()
    assert grants(company, member) == {"*": BASE}
    company.group(member, roles=(("viewer", company.one),))
    assert grants(company, member)[company.one] == roles.permissions("viewer") & roles.of_workspaces()


def test_custom_roles(company: Company) -> None:
    role = company.role("models.predict", "organisations.read", "gone.permission")
    member = company.member((role.id, company.one), (role.id, "*"))
    assert grants(company, member)["*"] >= {"models.predict", "organisations.read"}
    assert grants(company, member)[company.one] == {"models.predict"}
    assert grants(company, company.member((new_id("role"), "*"))) == {"*": BASE}


def test_conditions_hold_or_give_nothing(company: Company) -> None:
    member = company.member()
    company.give(("analyst", company.one), condition='context.methods.contains("otp")', member_id=member.id)
    assert company.one not in grants(company, member)
    assert company.one not in grants(company, member, Circumstances(methods=frozenset({"pwd"})))
    assert company.one in grants(company, member, Circumstances(methods=frozenset({"pwd", "otp"})))


def test_who_does_not_belong_may_nothing(company: Company, kernel: Kernel) -> None:
    suspended = company.member(("owner", "*"), status="suspended")
    assert grants(company, suspended) == {}
    elsewhere = Company(kernel)
    stranger = elsewhere.member(("owner", "*"))
    assert grants(company, stranger) == {}
    # a session that sees every tenant is asked for one organisation all the same
    found = company.within(lambda s: access.grants(s, stranger.user_id, company.id), everything=True)
    assert found == {}


def test_one_person_in_two_organisations(company: Company, kernel: Kernel) -> None:
    other = Company(kernel)
    here = company.member(("viewer", "*"))
    other.add(Policy(organisation_id=other.id, is_sso_required=True))
    there = Member(id=new_id("mem"), organisation_id=other.id, user_id=here.user_id)
    other.add(there)
    other.give(("analyst", other.two), member_id=there.id)
    found = company.within(lambda s: access.organisations_of(s, here.user_id), everything=True)
    assert [(b.organisation_id, b.is_sso_required) for b in sorted(found, key=lambda b: b.is_sso_required)] == [
        (company.id, False), (other.id, True),
    ]  # fmt: skip
    strict = next(b for b in found if b.is_sso_required)
    assert access.admits(strict, frozenset({"pwd", "otp"})) == "sso"
    assert access.admits(strict, frozenset({"sso"}), other.id) == "yes"
    assert access.admits(strict, frozenset({"sso"}), new_id("org")) == "other"
    assert company.one in company.within(lambda s: access.of(s, company.id, user_id=here.user_id)).workspaces()  # type: ignore[union-attr]
    assert other.within(lambda s: access.of(s, other.id, user_id=here.user_id)).workspaces() == {other.two}  # type: ignore[union-attr]


def test_a_domain_leads_home_once_proved(company: Company) -> None:
    name = f"{new_id('d').replace('_', '-')}.example"
    company.add(Domain(id=new_id("dom"), organisation_id=company.id, name=name, proof="p"))

    def realm(email: str) -> access.Realm | None:
        return company.within(lambda s: access.realm_of(s, email), everything=True)

    assert realm(f"a@{name}") is None
    company.kernel.sql("update app.organisations_domain set verified_at = now() where name = %s", name)
    found = realm(f" Ada@{name.upper()} ")
    assert found is not None
    assert found.organisation_id == company.id
    assert realm(f"a@sub.{name}") is None
