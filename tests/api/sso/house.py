"""An organisation that has proved a domain, and connections of it to providers."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from api.identity.directory import Person
from api.organisations.models import Domain, Member, Policy
from nexus.ids import new_id
from tests.api.identity import people
from tests.api.kernel import TLS, Kernel
from tests.api.organisations.company import Company

PASSWORD = people.PASSWORD


class House:
    """`domain` is proved; `owner` calls the API as an owner."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.company = Company(kernel)
        self.id = self.company.id
        self.domain = f"{secrets.token_hex(5)}.example"
        self.prove(self.domain)
        self.owner = kernel.caller(organisation=self.id, workspaces=[self.company.one, self.company.two])

    def prove(self, name: str) -> None:
        self.company.add(
            Domain(id=new_id("dom"), organisation_id=self.id, name=name, proof="x", verified_at=datetime.now(UTC))
        )

    def connect(self, **said: Any) -> dict[str, Any]:
        """A connection that is enabled for the domain."""
        body = {"name": "Example login", "is_enabled": True, "domains": [self.domain], **said}
        answer = self.owner.post("/v1/sso/connections", json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def change(self, made: dict[str, Any], **said: Any) -> dict[str, Any]:
        """The connection, with something else about it."""
        inner = (
            {"client_id": "nexus", **{k: made["oidc"][k] for k in ("issuer", "client_id")}} if made["oidc"] else None
        )
        saml = {k: made["saml"][k] for k in ("entity_id", "sso_url", "certificates")} if made["saml"] else None
        kept = {
            name: made[name]
            for name in (
                "name", "is_enabled", "domains", "mapping", "is_mfa_trusted", "is_provisioning", "default_roles",
                "group_roles",
            )
        }  # fmt: skip
        body = {**kept, **({"oidc": inner} if inner else {"saml": saml}), **said}
        version = self.owner.get(f"/v1/sso/connections/{made['id']}").headers["etag"]
        answer = self.owner.put(f"/v1/sso/connections/{made['id']}", json=body, headers={"If-Match": version})
        assert answer.status_code == 200, answer.text
        changed: dict[str, Any] = answer.json()
        return changed

    def address(self, name: str | None = None) -> str:
        return f"{name or secrets.token_hex(5)}@{self.domain}"

    def member(self, role: str = "viewer", password: bool = True, **said: Any) -> Person:
        """A person with an address of the domain, who is a member."""
        glass = said.pop("is_break_glass", False)
        kept = people.hash_of(PASSWORD) if password else None
        person = people.make(self.kernel, **{"email": self.address(), "password_hash": kept, **said})
        member = Member(id=new_id("mem"), organisation_id=self.id, user_id=person.id, is_break_glass=glass)
        self.company.add(member)
        self.company.give((role, "*"), member_id=member.id)
        return person

    def ask(self, *, sso: bool = False, mfa: bool = False) -> None:
        """Sets what the organisation asks of everybody."""
        self.kernel.sql("delete from app.organisations_policy where organisation_id = %s", self.id)
        self.company.add(Policy(organisation_id=self.id, is_sso_required=sso, is_mfa_required=mfa))

    def browser(self) -> people.Browser:
        made = people.Browser(base_url=self.kernel.address, timeout=20, verify=TLS)
        self.kernel._callers.append(made)  # type: ignore[arg-type]
        return made

    def refusals(self) -> list[str]:
        """Why sign-ins by its providers opened nothing, the oldest first."""
        rows = self.kernel.sql(
            "select data ->> 'reason' from app.events where type = 'sso.signin.refused' and organisation_id = %s"
            " order by position",
            self.id,
        )
        return [row[0] for row in rows]

    def roles(self, user_id: str) -> set[str]:
        rows = self.kernel.sql(
            "select a.role from app.organisations_assignment a join app.organisations_member m on m.id = a.member_id"
            " where m.user_id = %s and m.organisation_id = %s",
            user_id, self.id,
        )  # fmt: skip
        return {row[0] for row in rows}

    def session(self, browser: httpx.Client) -> dict[str, Any]:
        """The session of a browser: methods, realm, user."""
        from api.identity.sessions import hashed

        rows = self.kernel.sql(
            "select user_id, methods, realm, awaits_factor, authenticated_at from app.identity_session where token_hash = %s",
            hashed(browser.cookies["nexus_session"]),
        )
        return dict(zip(("user_id", "methods", "realm", "awaits_factor", "authenticated_at"), rows[0], strict=True))


def said(address: str) -> dict[str, str]:
    """Parameters of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
