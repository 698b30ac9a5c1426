"""How people come: invitations for one address and one use, domains that DNS proves, single sign-on that shuts nobody out."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api.identity import cookies, directory
from api.identity.sessions import Browser, Lifetimes, start
from api.organisations.dns import Txt
from api.organisations.models import Domain
from nexus.db import Session
from nexus.ids import new_id
from tests.api.kernel import TLS, Caller, Kernel
from tests.api.organisations.company import Company
from tests.api.organisations.dns_server import serving


@pytest.fixture(scope="module")
def company(kernel: Kernel) -> Company:
    return Company(kernel)


def email() -> str:
    return f"p{secrets.token_hex(6)}@example.com"


def browser(company: Company, address: str) -> httpx.Client:
    """A browser in which a new person of that address is signed in."""

    async def signed_in(session: Session) -> str:
        person = await directory.create(session, email=address, name="Example Person")
        lifetimes = Lifetimes.of(company.kernel.settings)
        return (await start(session, person.id, Browser("127.0.0.1", "test"), lifetimes, frozenset({"pwd"})))[1]

    secret = company.within(signed_in, everything=True)
    return httpx.Client(
        base_url=company.kernel.address, headers={"Cookie": f"{COOKIE}={secret}"}, timeout=20, verify=TLS
    )


COOKIE = cookies.SESSION


def invite(owner: Caller, address: str, role: str = "viewer", **more: Any) -> httpx.Response:
    return owner.post("/v1/invitations", json={"email": address, "roles": [{"role": role, "scope": "*"}], **more})


def test_an_invitation_makes_a_member_once(company: Company, owner: Caller) -> None:
    address = email()
    made = invite(owner, address.upper())
    assert made.status_code == 201, made.text
    token = {"token": made.json()["token"]}
    with browser(company, address) as invited, browser(company, email()) as other:
        assert httpx.post(f"{company.kernel.address}/v1/invitations:accept", json=token).status_code == 401
        wrong = other.post("/v1/invitations:accept", json=token)
        assert (wrong.status_code, address in wrong.text.lower()) == (403, False)
        accepted = invited.post("/v1/invitations:accept", json=token)
        assert accepted.status_code == 200, accepted.text
        assert invited.post("/v1/invitations:accept", json=token).status_code == 404
        again = {"token": invite(owner, address).json()["token"]}
        assert invited.post("/v1/invitations:accept", json=again).status_code == 409
    member = owner.get(f"/v1/members/{accepted.json()['member_id']}").json()
    assert [r["role"] for r in member["roles"]] == ["viewer"]
    data = company.kernel.sql(
        "select data from app.events where stream = %s order by position", f"invitation/{made.json()['id']}"
    )
    assert [row[0]["after"]["status"] for row in data] == ["open", "accepted"]
    assert not any(token["token"] in str(row) or address in str(row).lower() for row in data)
    assert owner.delete(f"/v1/invitations/{made.json()['id']}").status_code == 409


def test_an_invitation_is_not_taken_from_another_page(company: Company, owner: Caller) -> None:
    """A page of elsewhere has neither the type of body nor the cookie; who was given a password sets their own first."""
    address = email()
    token = invite(owner, address).json()["token"]
    with browser(company, address) as invited:
        for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
            headers = {"Content-Type": kind, "Origin": "http://127.0.0.1:9"}
            sent = invited.post("/v1/invitations:accept", content=f'{{"token": "{token}"}}', headers=headers)
            assert sent.status_code == 422, sent.text
        preflight = invited.options("/v1/invitations:accept", headers={"Origin": "http://127.0.0.1:9", "Access-Control-Request-Method": "POST"})  # fmt: skip
        assert "access-control-allow-origin" not in preflight.headers
        must = "update app.identity_user set must_change_password = %s where email = %s"
        company.kernel.sql(must, True, address)
        assert invited.post("/v1/invitations:accept", json={"token": token}).status_code == 401
        company.kernel.sql(must, False, address)
        assert invited.post("/v1/invitations:accept", json={"token": token}).status_code == 200


def test_who_is_a_member_elsewhere_joins_too(kernel: Kernel, company: Company, owner: Caller) -> None:
    elsewhere = Company(kernel)
    address = email()
    first = invite(elsewhere.caller(elsewhere.member(("owner", "*"))), address, role="owner").json()["token"]
    second = invite(owner, address).json()["token"]
    with browser(company, address) as invited:
        assert invited.post("/v1/invitations:accept", json={"token": first}).status_code == 200
        accepted = invited.post("/v1/invitations:accept", json={"token": second})
        assert accepted.status_code == 200, accepted.text
    assert owner.get(f"/v1/members/{accepted.json()['member_id']}").json()["roles"][0]["role"] == "viewer"


def test_two_browsers_accept_at_once(company: Company, owner: Caller) -> None:
    address = email()
    token = {"token": invite(owner, address).json()["token"]}
    answers: list[int] = []
    with browser(company, address) as invited:
        threads = [
            threading.Thread(
                target=lambda: answers.append(
                    httpx.post(
                        f"{company.kernel.address}/v1/invitations:accept",
                        json=token,
                        headers=invited.headers,
                        verify=TLS,
                    ).status_code
                )
            )
            for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(answers) == [200, 404, 404, 404, 404, 404]


def test_invitations_that_open_nothing(company: Company, owner: Caller) -> None:
    address = email()
    revoked, expired = (invite(owner, address).json() for _ in range(2))
    assert owner.delete(f"/v1/invitations/{revoked['id']}").status_code == 204
    company.kernel.sql("update app.organisations_invitation set expires_at = now() where id = %s", expired["id"])
    with browser(company, address) as invited:
        for token in (revoked["token"], expired["token"], "x"):
            assert invited.post("/v1/invitations:accept", json={"token": token}).status_code == 404
    listed = {i["id"]: i["status"] for i in owner.get("/v1/invitations").json()["data"]}
    assert (listed[revoked["id"]], listed[expired["id"]]) == ("revoked", "expired")
    admin = company.caller(company.member(("admin", "*")))
    assert invite(admin, email(), "owner").json()["code"] == "beyond_own_permissions"
    assert invite(owner, "nobody").status_code == 422


def test_who_was_thrown_out_does_not_come_back_by_an_invitation_of_their_own(company: Company, owner: Caller) -> None:
    leaving = company.member(("admin", "*"))
    caller = company.caller(leaving)
    scopes = {"*": ["organisations.members", "models.read"]}
    key = caller.post("/v1/api-keys", json={"name": "k", "scopes": scopes, "expires_in_days": 1}).json()["key"]
    role = company.role("models.read")
    address, other = email(), email()
    mine = invite(caller, address, "admin").json()["token"]
    body = {"email": other, "roles": [{"role": role.id, "scope": "*"}]}
    by_key = httpx.post(
        f"{company.kernel.address}/v1/invitations", json=body, headers={"Authorization": f"Bearer {key}"}, verify=TLS
    ).json()["token"]
    place = f"/v1/members/{leaving.id}"
    tried = [(browser(company, address), mine), (browser(company, other), by_key)]
    # closed with the kernel
    company.kernel._callers += [who for who, _ in tried]

    def answers() -> list[int]:
        return [who.post("/v1/invitations:accept", json={"token": token}).status_code for who, token in tried]

    assert owner.put(place, json={"status": "suspended", "is_break_glass": False}).status_code == 200
    assert answers() == [404, 404]
    assert owner.put(place, json={"status": "active", "is_break_glass": False}).status_code == 200
    company.within(lambda session: directory.deactivate(session, leaving.user_id), everything=True)
    assert answers() == [404, 404]
    company.within(lambda session: directory.reactivate(session, leaving.user_id), everything=True)
    # nothing is wrong with the one of who is there
    assert answers() == [200, 200]
    late = email()
    with browser(company, late) as who:
        tried[:] = [(who, invite(caller, late).json()["token"])]
        assert owner.delete(place).status_code == 204
        assert answers() == [404]


@pytest.fixture
def zone(company: Company) -> Iterator[dict[str, list[str]]]:
    """What DNS says; the API asks it over UDP."""
    records: dict[str, list[str]] = {}
    before = company.kernel.app.state.txt
    with serving(records) as port:
        company.kernel.app.state.txt = Txt(["127.0.0.1"], port)
        yield records
    company.kernel.app.state.txt = before


def test_a_domain_is_proved_by_dns_and_by_one_organisation(
    company: Company, owner: Caller, zone: dict[str, list[str]]
) -> None:
    name = f"d{secrets.token_hex(6)}.example"
    made = owner.post("/v1/domains", json={"name": f"{name.upper()}."}).json()
    assert made["name"] == name
    assert owner.post("/v1/domains", json={"name": name}).status_code == 409
    verify = f"/v1/domains/{made['id']}:verify"
    assert owner.post(verify).status_code == 422
    zone[made["record_name"]] = ["v=spf1 -all", made["record_value"] + "x"]
    assert "2 other" in owner.post(verify).json()["detail"]
    zone[made["record_name"]] = ["v=spf1 -all", made["record_value"]]
    assert owner.post(verify).json()["verified_at"] is not None
    seen = owner.post(verify)
    assert seen.headers["etag"] == f'"{seen.json()["version"]}"'
    other = Company(company.kernel)
    rival = other.caller(other.member(("owner", "*")))
    theirs = rival.post("/v1/domains", json={"name": name}).json()
    assert theirs["record_value"] != made["record_value"]
    zone[made["record_name"]] = [theirs["record_value"]]
    assert rival.post(f"/v1/domains/{theirs['id']}:verify").status_code == 409
    mine = f"/v1/domains/{made['id']}"
    assert owner.delete(mine, headers={"If-Match": '"1"'}).status_code == 412
    assert owner.delete(mine, headers={"If-Match": seen.headers["etag"]}).status_code == 204
    assert rival.post(f"/v1/domains/{theirs['id']}:verify").status_code == 200


@pytest.mark.parametrize(
    "name", ["com", "1.2.3.4", "a..b", "ex ample.com", "-a.example", "https://example.com", "a" * 70 + ".com"]
)
def test_what_is_no_domain(owner: Caller, name: str) -> None:
    assert owner.post("/v1/domains", json={"name": name}).status_code == 422


def test_single_sign_on_is_required_only_where_it_shuts_nobody_out(company: Company, owner: Caller) -> None:
    mine = Company(company.kernel)
    boss = mine.member(("owner", "*"))
    caller = mine.caller(boss)
    body = {"name": "Example Works", "is_sso_required": True}
    assert "break glass" in caller.put("/v1/organisation", json=body).json()["detail"]
    glass = {"status": "active", "is_break_glass": True}
    assert caller.put(f"/v1/members/{boss.id}", json=glass).status_code == 200
    assert "domain" in caller.put("/v1/organisation", json=body).json()["detail"]
    name = f"d{secrets.token_hex(6)}.example"
    mine.add(Domain(id=new_id("dom"), organisation_id=mine.id, name=name, proof="p"))
    mine.kernel.sql("update app.organisations_domain set verified_at = now() where name = %s", name)
    seen = caller.get("/v1/organisation").headers["etag"]
    changed = caller.put("/v1/organisation", json=body, headers={"If-Match": seen})
    assert changed.json()["is_sso_required"] is True
    assert changed.headers["etag"] != seen
    assert caller.put("/v1/organisation", json=body, headers={"If-Match": seen}).status_code == 412
    off = {"status": "suspended", "is_break_glass": True}
    assert caller.put(f"/v1/members/{boss.id}", json=off).json()["code"] == "last_owner"


def test_workspaces(company: Company, owner: Caller) -> None:
    slug = f"w{secrets.token_hex(6)}"
    made = owner.post("/v1/workspaces", json={"id": slug, "name": "New"})
    assert made.status_code == 201, made.text
    rival = Company(company.kernel)
    theirs = rival.caller(rival.member(("owner", "*")))
    assert theirs.post("/v1/workspaces", json={"id": slug, "name": "Mine"}).status_code == 409
    assert theirs.put(f"/v1/workspaces/{slug}", json={"name": "Mine"}).status_code == 404
    assert owner.put(f"/v1/workspaces/{slug}", json={"name": "Old"}).json()["name"] == "Old"
    assert {"id": slug, "name": "Old"}.items() <= next(
        w for w in owner.get("/v1/workspaces").json() if w["id"] == slug
    ).items()
    assert (
        company.caller(company.member(("viewer", "*")))
        .post("/v1/workspaces", json={"id": "x", "name": "x"})
        .status_code
        == 403
    )
