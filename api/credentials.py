"""Tokens: who may read which workspace, until people and programs sign in.

Belongs here: the file of tokens, checking one. Does not belong here: any other credential (a slice brings its own), what
the caller then reads. A token carries its workspaces and nothing else. The file `<home>/secrets/api-tokens.json` is its owner's alone (mode 0600).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from fastapi import Request

from api.kernel.principal import EVERYTHING, REMEDY, Principal, UnauthenticatedError
from nexus import private_files
from nexus.errors import InputError
from nexus.ids import workspace_slug
from nexus.settings import Settings
from nexus.tenancy import LOCAL_ORGANISATION


def path(settings: Settings) -> Path:
    return settings.home / "secrets" / "api-tokens.json"


def issue(settings: Settings, workspaces: Iterable[str]) -> str:
    """The token that carries exactly these workspaces; made if there is none yet."""
    wanted = sorted({workspace_slug(w) for w in workspaces})
    if not wanted:
        raise InputError("a token carries at least one workspace", remedy="nexus token --workspace demo")
    file = path(settings)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.parent.chmod(0o700)
    handle = os.open(file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        known = _read(file)
        for entry in known:
            if entry["workspaces"] == wanted:
                return str(entry["token"])
        token = "nxs_" + secrets.token_urlsafe(32)
        known.append({"token": token, "workspaces": wanted})
        private_files.write(file, json.dumps(known, indent=1))
        return token
    finally:
        os.close(handle)


def ensure(settings: Settings) -> None:
    """A token for the default workspace, so that the first start has one."""
    issue(settings, [settings.workspace])


def _read(file: Path) -> list[dict[str, object]]:
    try:
        found = json.loads(file.read_text())
    except FileNotFoundError:
        return []
    assert isinstance(found, list)
    return found


class Tokens:
    """The tokens of a home; notices when the file has changed. Keeps hashes, not tokens."""

    def __init__(self, settings: Settings) -> None:
        self._file = path(settings)
        self._stamp: int | None = None
        self._known: dict[bytes, frozenset[str]] = {}

    def workspaces(self, token: str) -> frozenset[str] | None:
        """Workspaces that `token` carries; None if there is no such token."""
        try:
            stamp = self._file.stat().st_mtime_ns
        except FileNotFoundError:
            return None
        if stamp != self._stamp:
            self._known = {
                _hash(str(e["token"])): frozenset(e["workspaces"])  # type: ignore[call-overload]
                for e in _read(self._file)
            }
            self._stamp = stamp
        # looked up by hash: how long it takes says nothing about the token
        return self._known.get(_hash(token))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


class LocalTokens:
    """Recognises the tokens of this machine: whoever holds one may do everything in its workspaces."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    async def authenticate(self, request: Request) -> Principal | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return None
        carried = self._tokens.workspaces(token)
        if carried is None:
            raise UnauthenticatedError("the token is not known", remedy=REMEDY)
        return Principal(
            kind="local",
            id="local_" + _hash(token).hex()[:32],
            organisation=LOCAL_ORGANISATION,
            workspaces=carried,
            grants=dict.fromkeys(carried, frozenset({EVERYTHING})),
        )
