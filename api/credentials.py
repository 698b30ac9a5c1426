"""Tokens: who may read which workspace, until people and programs sign in.

Belongs here: the file of tokens, checking one, the `Annotated` alias that a signature reads as a sentence.
Does not belong here: what the caller then reads. Without a token nothing is answered; a token carries the workspaces
it may read and nothing else. The file `<home>/secrets/api-tokens.json` is its owner's alone (mode 0600).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from nexus.errors import InputError, NexusError, Permanent
from nexus.ids import workspace_slug
from nexus.settings import Settings


class UnauthenticatedError(NexusError, Permanent):
    exit_code, status, code = 2, 401, "unauthenticated"


class ForbiddenError(NexusError, Permanent):
    exit_code, status, code = 2, 403, "forbidden"


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
        scratch = file.with_name(f".{file.name}.{os.getpid()}")
        with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            json.dump(known, out, indent=1)
        scratch.replace(file)
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


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever asks, and the one workspace that this request is about."""

    workspace: str


_bearer = HTTPBearer(auto_error=False, description="`nexus token` prints one")


async def _reader(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    x_nexus_workspace: Annotated[
        str | None, Header(description="needed when the token carries several workspaces", max_length=63)
    ] = None,
) -> Caller:
    carried = request.app.state.tokens.workspaces(credentials.credentials) if credentials else None
    if carried is None:
        said = "the token is not known" if credentials else "no token was sent"
        raise UnauthenticatedError(said, remedy="send `Authorization: Bearer <token>`; `nexus token` prints one")
    if x_nexus_workspace is None:
        if len(carried) != 1:
            raise InputError(
                "the token carries several workspaces",
                remedy=f"say which in X-Nexus-Workspace: {', '.join(sorted(carried))}",
            )
        return Caller(next(iter(carried)))
    if x_nexus_workspace not in carried:
        # whether such a workspace exists is not said
        raise ForbiddenError(
            "the token does not carry that workspace", remedy=f"it carries: {', '.join(sorted(carried))}"
        )
    return Caller(x_nexus_workspace)


#: A caller whose token carries the workspace of this request.
WorkspaceReader = Annotated[Caller, Depends(_reader)]
