"""`authz:check`: what is allowed, by which role and group, under which condition, and what is missing."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.api.kernel import Caller, Kernel
from tests.api.organisations.company import Company

RICH = 'resource.amount_minor < 1000 && context.methods.contains("otp")'


@pytest.fixture(scope="module")
def company(kernel: Kernel) -> Company:
    return Company(kernel)


@pytest.fixture
def viewer(company: Company) -> Caller:
    return company.caller(company.member(("viewer", "*")))


def ask(caller: httpx.Client, *checks: dict[str, Any]) -> list[dict[str, Any]]:
    answer = caller.post("/v1/authz:check", json={"checks": list(checks)})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


def test_what_leads_to_it_is_told(company: Company, viewer: Caller) -> None:
    member = company.member(("viewer", company.one))
    group = company.group(member, roles=(("analyst", company.one),))
    mine = company.caller(member)
    read, predict, elsewhere, keys, members = ask(
        mine,
        {"permission": "models.read", "workspace": company.one},
        {"permission": "models.predict", "workspace": company.one},
        {"permission": "models.read", "workspace": company.two},
        {"permission": "organisations.keys"},
        {"permission": "organisations.members"},
    )
    assert read["allowed"]
    assert [r["role"] for r in read["because"]] == ["viewer", "analyst"]
    (why,) = predict["because"]
    assert (why["role"], why["scope"], why["group_id"]) == ("analyst", company.one, group.id)
    assert (elsewhere["allowed"], elsewhere["missing"]) == (False, f"has it in {company.one} only")
    assert (keys["allowed"], keys["by_membership"], keys["because"]) == (True, True, [])
    assert (members["allowed"], members["missing"]) == (False, "no role has it")
    # others may be asked about by who may see them
    about = {"user_id": member.user_id, "permission": "models.predict", "workspace": company.one}
    assert ask(viewer, about)[0]["allowed"]
    assert mine.post("/v1/authz:check", json={"checks": [{**about, "user_id": viewer.principal.id}]}).status_code == 403


def test_conditions_decide_where_a_role_is_not_enough(company: Company, viewer: Caller) -> None:
    member = company.member()
    company.give(("analyst", company.one), condition=RICH, member_id=member.id)
    about = {"user_id": member.user_id, "permission": "models.predict", "workspace": company.one}
    small, otp = {"resource": {"amount_minor": 999}}, {"context": {"methods": ["pwd", "otp"]}}
    answers = ask(viewer, about, {**about, **small}, {**about, **otp}, {**about, **small, **otp},
                  {**about, "resource": {"amount_minor": "999"}, **otp})  # fmt: skip
    assert [a["allowed"] for a in answers] == [False, False, False, True, False]
    assert answers[0]["missing"] == "a condition is not fulfilled"
    assert answers[0]["because"][0]["condition"] == RICH
    # of oneself, one cannot claim how one has signed in
    mine = company.caller(member)
    assert not ask(mine, {**about, **small, **otp})[0]["allowed"]


def test_others_are_not_there(company: Company, viewer: Caller) -> None:
    stranger = Company(company.kernel).member(("owner", "*"))
    suspended = company.member(("owner", "*"), status="suspended")
    about = {"permission": "models.read", "workspace": company.one}
    unknown, off, nowhere = ask(
        viewer,
        {**about, "user_id": stranger.user_id},
        {**about, "user_id": suspended.user_id},
        {"permission": "models.read", "workspace": "nowhere"},
    )
    assert (unknown["allowed"], unknown["missing"]) == (False, "does not belong to the organisation")
    assert (off["allowed"], off["missing"]) == (False, "is suspended or disabled")
    assert (nowhere["allowed"], nowhere["missing"]) == (False, "the organisation has no such workspace")


def test_a_key_is_asked_within_its_scopes(company: Company) -> None:
    owner = company.caller(company.member(("owner", "*")))
    body = {"name": "k", "scopes": {company.one: ["models.read"], "*": ["organisations.check"]}, "expires_in_days": 1}
    key = owner.post("/v1/api-keys", json=body).json()["key"]
    with httpx.Client(base_url=company.kernel.address, headers={"Authorization": f"Bearer {key}"}) as client:
        here, there = ask(
            client,
            {"permission": "models.read", "workspace": company.one},
            {"permission": "models.predict", "workspace": company.one},
        )
    assert here["allowed"]
    assert (there["allowed"], there["missing"]) == (False, "the credential's scopes do not have it")


@pytest.mark.parametrize(
    "check",
    [
        {},
        {"permission": "no.such"},
        {"permission": "models.read", "resource": {"x": 1.5}},
        {"permission": "models.read", "resource": {"x": 2**63}},
        {"permission": "models.read", "user_id": "usr_" + "0" * 32, "service_account_id": "sva_" + "0" * 32},
    ],
)
def test_checks_that_cannot_be_answered(viewer: Caller, check: dict[str, Any]) -> None:
    assert viewer.post("/v1/authz:check", json={"checks": [check]}).status_code == 422
