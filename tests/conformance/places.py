"""A running Nexus to be asked, and a credential there that may everything.

Belongs here: finding one or starting one, an organisation of its own with a key. Does not belong here: what is asked.

What is asked changes things: it happens in an organisation that is there for nothing else, so a Nexus with real work in it
keeps that work apart. Its keys are revoked afterwards.
"""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
from sqlalchemy import func, select, update

from api import credentials
from api.identity import directory
from api.organisations import keys
from api.organisations.models import ApiKey, Assignment, Member
from api.organisations.roles import OWNER
from nexus.db import Database, Organisation, Session, Tenant, Workspace
from nexus.errors import InputError, MachineError
from nexus.ids import new_id
from nexus.ports import free_port
from nexus.settings import PROJECT, Settings
from tests import homes

#: The organisation and its workspace, the same at every run.
ORGANISATION, WORKSPACE, ADDRESS = "org_" + "c0f0" * 8, "conformance", "conformance@conformance.invalid"
_STARTS_WITHIN = 120
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass(slots=True)
class Place:
    """Where, and what is sent along. `renew` gives another credential when what was asked has revoked this one."""

    address: str
    token: str
    workspace: str
    renew: Callable[[], str] | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "X-Nexus-Workspace": self.workspace}

    def opened(self) -> str:
        """The credential, or the next one. Raises InputError if neither opens the place."""
        if not self._is_open() and self.renew is not None:
            self.token = self.renew()
        if not self._is_open():
            raise InputError("the credential does not open it", remedy="one that may everything in the workspace")
        return self.token

    def client(self) -> str:
        """What an application of the place authenticates with (RFC 6749, 2.3.1)."""
        said = {
            "name": "Conformance", "redirect_uris": ["http://127.0.0.1/callback"], "scopes": ["openid", "nexus"],
            "grant_types": ["authorization_code", "refresh_token", "client_credentials", DEVICE], "permissions": {"*": ["models.read"]},
        }  # fmt: skip
        self.opened()
        answer = httpx.post(
            f"{self.address}/v1/oidc/clients", headers=self.headers, json=said, timeout=20
        ).raise_for_status()
        made = answer.json()
        return base64.b64encode(f"{made['client_id']}:{made['client_secret']}".encode()).decode()

    def _is_open(self) -> bool:
        return httpx.get(f"{self.address}/v1/permissions", headers=self.headers, timeout=20).status_code == 200


@contextmanager
def running(settings: Settings) -> Iterator[Place]:
    """The Nexus of this folder if it runs, else one that is started for this alone, in a home of its own."""
    if _is_of(settings):
        with _keys(settings) as another:
            yield Place(settings.address, another(), WORKSPACE, another)
        return
    with _served() as (own, address), _keys(own) as another:
        yield Place(address, another(), WORKSPACE, another)


@contextmanager
def _served() -> Iterator[tuple[Settings, str]]:
    settings, port = homes.make("conformance"), free_port()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NEXUS_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "nexus", "serve", "--port", str(port)],
        cwd=PROJECT, env={**environment, "NEXUS_HOME": str(settings.home)}, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + _STARTS_WITHIN
        while not _answers(address):
            if process.poll() is not None or time.monotonic() > until:
                raise MachineError("the API did not start; see above", remedy="nexus serve")
            time.sleep(0.1)
        yield settings, address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        homes.discard(settings)


def _is_of(settings: Settings) -> bool:
    """Whether what answers at the address knows the token of this home: it may be another checkout's."""
    if not credentials.path(settings).exists() or not _answers(settings.address):
        return False
    headers = {"Authorization": f"Bearer {credentials.issue(settings, [settings.workspace])}"}
    return httpx.get(f"{settings.address}/v1/models", headers=headers, timeout=20).status_code != 401


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/healthz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


@contextmanager
def _keys(settings: Settings) -> Iterator[Callable[[], str]]:
    """Makes keys of the organisation's owner, which open nothing afterwards."""

    def another() -> str:
        key = keys.new()
        asyncio.run(_make(settings, key))
        return key.text

    try:
        yield another
    finally:
        asyncio.run(_revoke(settings))


async def _make(settings: Settings, key: keys.Secret) -> None:
    database = Database(settings, pool_size=2)
    try:
        async with database.system(Tenant(ORGANISATION)) as session:
            owner = await _owner(session)
            session.add(
                ApiKey(
                    id=new_id("key"), organisation_id=ORGANISATION, name="Conformance", prefix=key.prefix, hash=key.hash,
                    member_id=owner, scopes={"*": ["*"]}, created_by="local",
                    expires_at=datetime.now(UTC) + timedelta(hours=2),
                )
            )  # fmt: skip
    finally:
        await database.close()


async def _owner(session: Session) -> str:
    """The member who owns the organisation, made if this is the first run."""
    found = await session.scalar(select(Member.id).where(Member.organisation_id == ORGANISATION))
    if found is not None:
        return found
    session.add(Organisation(id=ORGANISATION, name="Conformance"))
    await session.flush()
    session.add(Workspace(id=WORKSPACE, organisation_id=ORGANISATION, name="Conformance"))
    person = await directory.create(session, email=ADDRESS, name="Conformance")
    owner = Member(id=new_id("mem"), organisation_id=ORGANISATION, user_id=person.id, is_break_glass=True)
    session.add(owner)
    await session.flush()
    session.add(
        Assignment(
            id=new_id("asg"), organisation_id=ORGANISATION, member_id=owner.id, role=OWNER, scope="*", created_by="local"
        )
    )  # fmt: skip
    return owner.id


async def _revoke(settings: Settings) -> None:
    database = Database(settings, pool_size=2)
    try:
        async with database.system() as session:
            await session.execute(
                update(ApiKey).where(ApiKey.organisation_id == ORGANISATION).values(revoked_at=func.now())
            )
    finally:
        await database.close()
