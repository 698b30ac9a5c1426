"""An organisation whose directory provisions by a key, as an administrator would have set it up."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from api.organisations.models import Domain
from nexus.ids import new_id
from tests.api.kernel import TLS, Caller, Kernel
from tests.api.organisations.company import Company

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


class Directory(httpx.Client):
    """`domain` is proved. `roles` are those of the service account; its key may provision and nothing else."""

    def __init__(self, kernel: Kernel, *roles: tuple[str, str]) -> None:
        self.kernel, self.company = kernel, Company(kernel)
        self.domain = f"{secrets.token_hex(6)}.example"
        self.company.add(
            Domain(
                id=new_id("dom"), organisation_id=self.company.id, name=self.domain, proof="x", verified_at=datetime.now(UTC)
            )
        )  # fmt: skip
        self.owner: Caller = self.company.caller(self.company.member(("owner", "*"), is_break_glass=True))
        account = self.company.service_account((self.company.role("scim.provision").id, "*"), *roles)
        key = self.owner.post(
            "/v1/api-keys",
            json={
                "name": "directory",
                "scopes": {"*": ["scim.provision"]},
                "service_account_id": account.id,
                "expires_in_days": 30,
            },
        )
        assert key.status_code == 201, key.text
        token = key.json()["key"]
        super().__init__(
            base_url=f"{kernel.address}/scim/v2", headers={"Authorization": f"Bearer {token}"}, timeout=20, verify=TLS
        )
        kernel._callers.append(self)  # type: ignore[arg-type]

    def address(self) -> str:
        return f"{secrets.token_hex(5)}@{self.domain}"

    def user(self, **said: Any) -> dict[str, Any]:
        answer = self.post("/Users", json={"schemas": [USER], "userName": self.address(), **said})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def group(self, *members: str, name: str | None = None) -> dict[str, Any]:
        body = {
            "schemas": [GROUP], "displayName": name or secrets.token_hex(4), "members": [{"value": m} for m in members]
        }  # fmt: skip
        answer = self.post("/Groups", json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def change(self, where: str, *operations: dict[str, Any], **headers: str) -> httpx.Response:
        return self.patch(where, json={"schemas": [PATCH], "Operations": list(operations)}, headers=headers)

    def person(self, member_id: str) -> str:
        """User id of a member."""
        rows = self.kernel.sql("select user_id from app.organisations_member where id = %s", member_id)
        return str(rows[0][0])

    def account(self, member_id: str) -> tuple[str, str, bool]:
        """Name, address and whether the person behind a member may sign in."""
        query = "select name, email, deactivated_at is null from app.identity_user where id = %s"
        return self.kernel.sql(query, self.person(member_id))[0]  # type: ignore[return-value]


@pytest.fixture(scope="session")
def directory(kernel: Kernel) -> Iterator[Directory]:
    return Directory(kernel)
