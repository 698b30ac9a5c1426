"""Access reviews: what was granted beside what was used, and what other roles would have refused of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from api.kernel.principal import Principal
from api.privacy import service as privacy
from api.reviews import repository, tally
from api.reviews.tally import Tally
from nexus.db import Database
from tests.api.identity import people
from tests.api.kernel import TLS, Caller, Kernel
from tests.api.organisations.company import Company


def look(caller: Caller, workspace: str, times: int = 1) -> None:
    for _ in range(times):
        assert caller.get("/v1/models", headers={"X-Nexus-Workspace": workspace}).status_code == 200


def reviewed(owner: Caller, id: str, **asked: Any) -> dict[str, Any]:
    found = owner.get("/v1/access-review", params=asked).json()["data"]
    return next(one for one in found if one["id"] == id)


def used(review: dict[str, Any]) -> dict[tuple[str, str], tuple[int, list[str]]]:
    return {(g["permission"], g["scope"]): (g["uses"], g["used_in"]) for g in review["granted"] if g["uses"]}


def test_what_is_granted_stands_beside_what_is_used(company: Company, owner: Caller) -> None:
    member = company.member(("analyst", "*"))
    theirs = company.caller(member)
    look(theirs, company.one, 3)
    assert theirs.get("/v1/members").status_code == 200
    # what was refused was not used
    assert theirs.post("/v1/groups", json={"name": "x"}).status_code == 403
    said = reviewed(owner, member.id)
    assert (said["kind"], said["user_id"], said["is_active"]) == ("member", member.user_id, True)
    assert [(r["role"], r["scope"]) for r in said["roles"]] == [("analyst", "*")]
    # a role of everywhere, needed in one workspace alone
    assert used(said) == {("models.read", "*"): (3, [company.one]), ("organisations.read", "*"): (1, ["*"])}
    assert said["unused"] == len(said["granted"]) - 2 > 0
    assert next(g for g in said["granted"] if g["permission"] == "models.read")["last_used_at"]
    # also where the fast way to the database is taken
    assert owner.get("/v1/invitations").status_code == 200
    boss = next(one for one in owner.get("/v1/access-review").json()["data"] if one["user_id"] == owner.principal.id)
    assert used(boss)["organisations.members", "*"] == (1, ["*"])
    look(theirs, company.one, 2)
    assert used(reviewed(owner, member.id, days=1))["models.read", "*"] == (5, [company.one])


def test_programs_and_keys(company: Company, owner: Caller) -> None:
    """What a key does, whoever holds it has done."""
    account, member = company.service_account(("viewer", company.one)), company.member(("viewer", company.two))
    of_account = {"service_account_id": account.id, "scopes": {company.one: ["models.read"]}}
    of_member = {"scopes": {company.two: ["models.read"]}}
    for caller, said, workspace in ((owner, of_account, company.one), (company.caller(member), of_member, company.two)):
        made = caller.post("/v1/api-keys", json={"name": "k", "expires_in_days": 1, **said})
        headers = {"Authorization": f"Bearer {made.json()['key']}", "X-Nexus-Workspace": workspace}
        assert httpx.get(f"{company.kernel.address}/v1/models", headers=headers, verify=TLS).status_code == 200
    program = reviewed(owner, account.id, kind="service_account")
    assert used(program) == {("models.read", company.one): (1, [company.one])}
    assert used(reviewed(owner, member.id))["models.read", company.two] == (1, [company.two])


def test_a_tighter_policy_is_tried_over_what_was_done(company: Company, owner: Caller) -> None:
    role = company.role("models.read", "organisations.read")
    one, other = company.member((role.id, "*")), company.member((role.id, company.two))
    look(company.caller(one), company.one, 2)
    look(company.caller(one), company.two)
    look(company.caller(other), company.two, 4)
    assert company.caller(one).get("/v1/members").status_code == 200

    def replay(**said: Any) -> tuple[int, list[tuple[str, str, str, int]]]:
        answer = owner.post("/v1/access-review:replay", json=said)
        assert answer.status_code == 200, answer.text
        found = [(u["subject_id"], u["permission"], u["scope"], u["uses"]) for u in answer.json()["uses"]]
        assert answer.json()["requests"] >= 8
        return answer.json()["refused"], sorted(found, key=str)

    assert replay() == (0, [])
    # in one workspace instead of everywhere
    narrow = [{"role": role.id, "scope": company.two}]
    here = (one.user_id, "models.read", company.one, 2), (one.user_id, "organisations.read", "*", 1)
    assert replay(members=[{"member_id": one.id, "roles": narrow}]) == (3, sorted(here, key=str))
    assert replay(members=[{"member_id": one.id, "roles": [*narrow, {"role": "viewer", "scope": "*"}]}]) == (0, [])
    # a role with fewer permissions, wherever it was given
    assert replay(roles=[{"role_id": role.id, "permissions": ["models.read"]}]) == (1, [here[1]])
    refused, found = replay(roles=[{"role_id": role.id, "permissions": ["organisations.read"]}])
    assert (refused, {f[0] for f in found}) == (7, {one.user_id, other.user_id})
    # nothing was changed, and what is refused today already is no news
    look(company.caller(one), company.one)
    assert owner.put(f"/v1/members/{other.id}/roles", json={"roles": []}).status_code == 200
    assert replay(members=[{"member_id": other.id, "roles": []}]) == (0, [])


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"members": [{"member_id": "mem_" + "0" * 32, "roles": []}]}, 404),
        ({"roles": [{"role_id": "role_" + "0" * 32, "permissions": []}]}, 404),
        ({"roles": [{"role_id": "role_" + "0" * 32, "permissions": ["no.such"]}]}, 422),
        ({"days": 0}, 422),
    ],
    ids=["member", "role", "permission", "days"],
)
def test_policies_that_cannot_be_tried(owner: Caller, said: dict[str, Any], status: int) -> None:
    assert owner.post("/v1/access-review:replay", json=said).status_code == status


def test_roles_that_are_not_there_are_not_tried(company: Company, owner: Caller) -> None:
    member = company.member(("viewer", company.one))
    look(company.caller(member), company.one)
    for given, status in (
        ({"role": "role_" + "0" * 32, "scope": "*"}, 404),
        ({"role": "viewer", "scope": "nowhere"}, 422),
    ):
        body = {"members": [{"member_id": member.id, "roles": [given]}]}
        assert owner.post("/v1/access-review:replay", json=body).status_code == status


def test_who_may_look_and_at_whom(company: Company, owner: Caller, kernel: Kernel) -> None:
    stranger = Company(kernel)
    boss = stranger.caller(stranger.member(("owner", "*")))
    member = company.member(("viewer", company.one))
    look(company.caller(member), company.one)
    assert company.caller(member).get("/v1/access-review").status_code == 403
    assert company.caller(company.member(("admin", "*"))).get("/v1/access-review").status_code == 200
    assert member.id not in boss.get("/v1/access-review").text
    assert (
        boss.post("/v1/access-review:replay", json={"members": [{"member_id": member.id, "roles": []}]}).status_code
        == 404
    )
    # its own two questions, and nobody else's
    assert boss.post("/v1/access-review:replay", json={}).json()["requests"] == 2


def test_what_was_counted_is_added_up_by_the_day_and_not_for_ever(company: Company, owner: Caller) -> None:
    member = company.member(("viewer", company.one))
    look(company.caller(member), company.one)
    assert used(reviewed(owner, member.id))
    kernel = company.kernel
    for days, seen in ((89, True), (95, False)):
        kernel.sql(f"update app.reviews_use set day = current_date - {days} where subject_id = %s", member.user_id)
        assert bool(used(reviewed(owner, member.id))) is seen
    assert used(reviewed(owner, member.id, days=100))
    kernel.sql("update app.reviews_use set day = current_date - 101 where subject_id = %s", member.user_id)
    reviewed(owner, member.id)
    assert kernel.sql("select 1 from app.reviews_use where subject_id = %s", member.user_id) == []


def test_of_who_is_erased_nothing_is_counted(company: Company, owner: Caller) -> None:
    """Not what was kept, and not what was still on its way."""
    kernel, member = company.kernel, company.member(("viewer", company.one))
    theirs = company.caller(member)
    look(theirs, company.one)
    reviewed(owner, member.id)
    look(theirs, company.one)
    people.within(kernel.settings, lambda s: privacy.erase(s, member.user_id, "local", "they asked"))
    owner.get("/v1/access-review")
    assert kernel.sql("select 1 from app.reviews_use where subject_id = %s", member.user_id) == []


def test_two_processes_and_a_database_that_is_away(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    organisation, who = "org_tally", Principal("user", "usr_tally", "org_tally", frozenset(), {})
    here = Principal("local", "local_x", organisation, frozenset(), {})

    async def run() -> None:
        database = Database(kernel.settings)
        tallies = [Tally(database) for _ in range(2)]
        for one in tallies:
            for _ in range(3):
                one.note(who, "models.read")
            one.note(here, "models.read")
        kept = repository.add

        async def away(*_: Any) -> None:
            raise OSError("no database")

        monkeypatch.setattr(repository, "add", away)
        await tallies[0].keep()
        assert tallies[0]._counted == Counter({(organisation, "usr_tally", "models.read", "*"): 3})
        monkeypatch.setattr(repository, "add", kept)
        await asyncio.gather(*(one.keep() for one in tallies))
        # of itself after a while, though nobody uses anything any more
        monkeypatch.setattr(tally, "EVERY", 0.01)
        tallies[1]._keeping = None
        tallies[1].note(who, "models.read")
        assert tallies[1]._keeping is not None
        await tallies[1]._keeping
        assert not tallies[1]._counted
        # and what is left when the process ends
        tallies[0].note(who, "models.read")
        await tallies[0].rest()
        await database.close()

    asyncio.run(run())
    rows = kernel.sql("select subject_id, sum(uses)::int from app.reviews_use where organisation_id = %s group by 1", organisation)  # fmt: skip
    assert rows == [("usr_tally", 8)]
