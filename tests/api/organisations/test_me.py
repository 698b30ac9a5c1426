"""`/v1/me`: what a credential lets its bearer do, and nothing of what others may."""

from __future__ import annotations

from tests.api.kernel import Kernel
from tests.api.organisations.company import Company


def test_a_viewer_of_one_workspace(kernel: Kernel) -> None:
    company = Company(kernel)
    member = company.member(("viewer", company.one))
    said = company.caller(member).get("/v1/me").json()
    assert (said["id"], said["kind"], said["organisation_id"]) == (member.user_id, "user", company.id)
    (there,) = said["workspaces"]
    assert there["id"] == company.one
    assert {"dashboards.read", "models.read"} <= set(there["permissions"])
    assert not {"dashboards.people", "dashboards.security", "models.predict"} & set(there["permissions"])
    assert "organisations.members" not in said["permissions"]


def test_an_owner_everywhere_and_a_key_of_theirs(kernel: Kernel) -> None:
    company = Company(kernel)
    owner = company.caller(company.member(("owner", "*")))
    said = owner.get("/v1/me").json()
    assert [w["id"] for w in said["workspaces"]] == sorted([company.one, company.two])
    assert all("dashboards.security" in w["permissions"] for w in said["workspaces"])
    scopes = {"*": ["organisations.check"], company.two: ["dashboards.read"]}
    key = owner.post("/v1/api-keys", json={"name": "k", "scopes": scopes, "expires_in_days": 30}).json()["key"]
    said = kernel.caller().get("/v1/me", headers={"Authorization": f"Bearer {key}"}).json()
    assert said["kind"] == "api_key"
    assert said["permissions"] == ["organisations.check"]
    assert {w["id"]: w["permissions"] for w in said["workspaces"]}[company.two] == ["dashboards.read"]
