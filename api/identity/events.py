"""What happens to people and their sessions, as readers of the event log learn of it. People by id; of a secret, nothing.

All belong to the organisation of this machine, since a person is not one of any single customer; but a sign-in that succeeded to
the one place that it opens, if it opens one (docs/adr/0041).
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from api.identity.places import browser_name, network
from nexus.events import Event
from nexus.personal import Personal

#: Sealed under the key of whom `user_id` names.
Sealed = Annotated[str, Personal("user_id")]


class UserCreated(Event, type="identity.user.created"):
    user_id: str


class UserRenamed(Event, type="identity.user.renamed"):
    """They have another name or another address."""

    user_id: str


class UserDeactivated(Event, type="identity.user.deactivated"):
    """Every session of theirs has ended with it; whatever else was given out in their name is void from now on."""

    user_id: str


class UserReactivated(Event, type="identity.user.reactivated"):
    user_id: str


class PasswordChanged(Event, type="identity.user.password_changed"):
    """`because`: `changed` by its owner, `reset` by a link, `given` by whoever runs this machine."""

    user_id: str
    because: str


class SessionStarted(Event, type="identity.session.started"):
    session_id: str
    user_id: str
    methods: list[str]


class SessionRevoked(Event, type="identity.session.revoked"):
    """It was ended, rather than running out. `because`: `signed_out`, `revoked`, `replaced`, `password_changed`, …"""

    session_id: str
    user_id: str
    because: str


def _coarser(data: dict[str, Any]) -> dict[str, Any]:
    """Before version 2 there was no coarse form, and nothing was sealed."""
    return {**data, "network": network(data["address"]), "browser": browser_name(data["user_agent"])}


def _coarse(data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in _coarser(data).items() if name not in {"address", "user_agent"}}


class SigninSucceeded(Event, type="identity.signin.succeeded", version=2):
    """Every factor that was needed has been shown. `network` and `browser` are what remains of where it was."""

    upcasters: ClassVar = {1: _coarser}

    signin_id: str
    user_id: str
    session_id: str
    address: Sealed
    user_agent: Sealed
    network: str
    browser: str
    methods: list[str]
    is_known_device: bool


class SigninFailed(Event, type="identity.signin.failed", version=2):
    """`user_id` is empty for an address that nobody here has. `reason`: `unknown_user`, `no_password`, `wrong_password`,
    `inactive`, `throttled`, `too_many_sessions`, or one of a second factor. Where it was is told coarsely alone: sealing it under
    a person's key would be work that an unknown address does not make, and whoever measures would learn who is known."""

    upcasters: ClassVar = {1: _coarse}

    signin_id: str
    user_id: str | None
    network: str
    browser: str
    method: str
    reason: str


class ResetRequested(Event, type="identity.reset.requested"):
    """A link that sets a password was asked for. `user_id` is empty if the address is nobody's: nothing is to be sent."""

    reset_id: str
    user_id: str | None


class ResetUsed(Event, type="identity.reset.used"):
    reset_id: str
    user_id: str
