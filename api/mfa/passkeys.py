"""Passkeys (WebAuthn): a key on its owner's device, which no page of elsewhere can use and nobody can be talked out of.

Belongs here: challenges, registering, checking. Does not belong here: what a browser does (identity's passkey.js), pages.

A passkey is asked to verify its user (finger, face, PIN), so it is two factors in one, and may stand for the password. What
it signs is a challenge of ours, once, for the name under which the page was opened: an address of digits has none.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import webauthn
from fastapi import Request
from webauthn.helpers import structs
from webauthn.helpers.exceptions import WebAuthnException

from api.identity import forms
from api.identity.directory import Person, tell
from api.identity.repository import sessions as session_rows
from api.mfa import events, repository
from api.mfa.models import Passkey
from nexus.db import Session
from nexus.errors import ConflictError, NexusError, NotFoundError, Permanent
from nexus.ids import new_id

LASTS = timedelta(minutes=5)
MOST = 20
_VERIFIED = structs.UserVerificationRequirement.REQUIRED


class WrongPasskeyError(NexusError, Permanent):
    exit_code, status, code = 2, 403, "wrong_passkey"

    def __init__(self) -> None:
        super().__init__("That passkey was not accepted. Try again, or sign in another way.")


@dataclass(frozen=True, slots=True)
class Site:
    """Under which name the page was opened, and from where a passkey's answer may come."""

    name: str
    origins: list[str]

    @classmethod
    def of(cls, request: Request) -> Site | None:
        """None under an address of digits, for which no browser makes a passkey."""
        name = request.url.hostname or ""
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return cls(name, sorted(forms.origins(request)))
        return None


async def options_to_add(session: Session, site: Site, person: Person) -> str:
    """What the browser needs to make one, as JSON."""
    challenge = await _challenge(session, person.id)
    known = await repository.passkeys(session, person.id)
    made = webauthn.generate_registration_options(
        rp_id=site.name,
        rp_name="Nexus",
        user_id=hashlib.sha256(person.id.encode()).digest(),
        user_name=person.email,
        user_display_name=person.name,
        challenge=challenge,
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.REQUIRED, user_verification=_VERIFIED
        ),
        exclude_credentials=[structs.PublicKeyCredentialDescriptor(id=p.credential_id) for p in known],
    )
    return webauthn.options_to_json(made)


async def options_to_show(session: Session, site: Site, user_id: str | None) -> str:
    """What the browser needs to show one: one of the user's, or any that it has for this site."""
    challenge = await _challenge(session, user_id)
    known = await repository.passkeys(session, user_id) if user_id else []
    made = webauthn.generate_authentication_options(
        rp_id=site.name,
        challenge=challenge,
        user_verification=_VERIFIED,
        allow_credentials=[structs.PublicKeyCredentialDescriptor(id=p.credential_id) for p in known] or None,
    )
    return webauthn.options_to_json(made)


async def add(session: Session, site: Site, user_id: str, answer: str, name: str) -> None:
    """Keeps a new passkey of the user. Raises WrongPasskeyError, ConflictError at the limit or for one that is known."""
    credential = _read(answer)
    challenge = await _taken(session, credential, user_id)
    try:
        made = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.name,
            expected_origin=site.origins,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        raise WrongPasskeyError from None
    if len(await repository.passkeys(session, user_id)) >= MOST:
        raise ConflictError(f"there are {MOST} passkeys", remedy="remove one first")
    if await repository.passkey(session, made.credential_id):
        raise ConflictError("that passkey is known already", remedy="sign in with it")
    row = Passkey(
        id=new_id("pky"),
        user_id=user_id,
        credential_id=made.credential_id,
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        name=name.strip()[:60] or "Passkey",
    )
    session.add(row)
    tell(session, events.FactorAdded(factor_id=row.id, user_id=user_id, kind="passkey"))
    await session_rows.distrust(session, user_id)
    await session.flush()


async def shown(session: Session, site: Site, answer: str, user_id: str | None) -> str:
    """Whose passkey has answered: the user's who was asked, or anybody's. Raises WrongPasskeyError."""
    credential = _read(answer)
    challenge = await _taken(session, credential, user_id)
    try:
        row = await repository.passkey(session, webauthn.base64url_to_bytes(credential["rawId"]))
        if row is None or (user_id is not None and row.user_id != user_id):
            raise WrongPasskeyError
        found = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.name,
            expected_origin=site.origins,
            credential_public_key=row.public_key,
            # a counter that does not grow tells of a copy: the library refuses it
            credential_current_sign_count=row.sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        raise WrongPasskeyError from None
    row.sign_count = found.new_sign_count
    row.last_used_at = await session_rows.now(session)
    return row.user_id


async def remove(session: Session, user_id: str, passkey_id: str) -> None:
    """Raises NotFoundError, also for one of somebody else's."""
    for row in await repository.passkeys(session, user_id):
        if row.id == passkey_id:
            await repository.remove(session, row)
            tell(session, events.FactorRemoved(factor_id=row.id, user_id=user_id, kind="passkey"))
            # a browser may be trusted because of whoever had it
            await session_rows.distrust(session, user_id)
            return
    raise NotFoundError("there is no such passkey")


async def _challenge(session: Session, user_id: str | None) -> bytes:
    challenge = secrets.token_bytes(32)
    await repository.add_challenge(session, hashlib.sha256(challenge).digest(), user_id, LASTS)
    return challenge


async def _taken(session: Session, credential: dict[str, Any], user_id: str | None) -> bytes:
    """The challenge that the answer is to: one of ours, made for this user, that nothing has answered yet."""
    try:
        said = json.loads(webauthn.base64url_to_bytes(credential["response"]["clientDataJSON"]))
        challenge = webauthn.base64url_to_bytes(said["challenge"])
    except (ValueError, KeyError, TypeError):
        raise WrongPasskeyError from None
    is_fresh, asked_by = await repository.take_challenge(session, hashlib.sha256(challenge).digest())
    if not is_fresh or asked_by != user_id:
        raise WrongPasskeyError
    return challenge


def _read(answer: str) -> dict[str, Any]:
    try:
        credential = json.loads(answer)
    except ValueError:
        credential = None
    if not isinstance(credential, dict):
        raise WrongPasskeyError
    return credential
