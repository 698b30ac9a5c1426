"""Who looks, and what they may see: asked of the API with the visitor's own token.

Belongs here: `Visitor`, recognising one, the page for whoever is nobody yet. Does not belong here: signing in itself
(Streamlit's `st.login` and the provider, api/oidc), which permission a page needs (its `PAGE`).

Nothing is shown to whoever cannot be recognised: not while the API does not answer, not a moment longer than ASKED_EVERY
after a session, a user or a role has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import urlsplit

import httpx
import streamlit as st

from apps.streamlit.components import data, formats, returning, states
from nexus.settings import Settings

#: Seconds for which an answer of the API is believed.
ASKED_EVERY = 5
PATIENCE = httpx.Timeout(5.0)


@dataclass(frozen=True, slots=True)
class Visitor:
    """What somebody may do in which workspace. `None` in place of `permissions`: nobody is asked who they are here."""

    name: str = ""
    permissions: Mapping[str, frozenset[str]] | None = field(default_factory=dict)

    def may(self, permission: str, workspace: str | None = None) -> bool:
        """Whether they have it in `workspace`, or (None) in any."""
        if self.permissions is None:
            return True
        places = self.permissions.values() if workspace is None else [self.permissions.get(workspace, frozenset())]
        return any(permission in held for held in places)


#: Whoever comes where `dashboards_sign_in` is off.
ANYBODY = Visitor(permissions=None)


class SignedOutError(Exception):
    """The token is good for nothing any more: it expired, or its session, user or role ended."""


def recognise() -> Visitor | None:
    """Who looks at this page. None if nobody may yet; then it has been said on the page what they can do."""
    settings = data.settings()
    if not settings.dashboards_sign_in:
        return ANYBODY
    if not _registered() or not st.user.is_logged_in:
        _sign_in(settings)
        return None
    try:
        permissions = _permissions(str(st.user.tokens["access"]), settings.address)
    except SignedOutError:
        _sign_in(settings, "Your sign-in has ended.")
        return None
    except httpx.HTTPError:
        states.empty(
            "Nobody can be recognised at the moment",
            f"What you may see is asked of the API, which does not answer at `{settings.address}`.",
            command="nexus status",
            icon=":material/cloud_off:",
        )
        return None
    return Visitor(str(st.user.get("name") or st.user.get("email") or ""), permissions)


def account(visitor: Visitor) -> None:
    """At the foot of the menu: who is signed in, and the way out."""
    if visitor.permissions is None:
        return
    with st.sidebar:
        st.caption(formats.md(visitor.name))
        if st.button("Sign out", icon=":material/logout:", type="tertiary", key="sign-out"):
            st.logout()


def nothing_allowed(visitor: Visitor) -> None:
    st.title("Nexus", anchor=False)
    states.empty(
        "There is nothing here that you may see",
        f"You are signed in as {formats.md(visitor.name)}, and have no role in any workspace. "
        "Whoever administers your organisation can give you one: *viewer* is enough to look.",
        icon=":material/lock:",
    )


@st.cache_data(ttl=ASKED_EVERY, max_entries=1000, show_spinner=False)
def _permissions(token: str, address: str) -> dict[str, frozenset[str]]:
    """By workspace. Raises SignedOutError; HTTPError if there is no answer that can be believed."""
    answer = _client().get(f"{address}/v1/me", headers={"Authorization": f"Bearer {token}"})
    if answer.status_code in {401, 403}:
        raise SignedOutError
    answer.raise_for_status()
    return {w["id"]: frozenset(w["permissions"]) for w in answer.json()["workspaces"]}


@lru_cache(maxsize=1)
def _client() -> httpx.Client:
    """One for the process: making one costs more than asking."""
    return httpx.Client(timeout=PATIENCE, trust_env=False)


def _registered() -> bool:
    """Whether these pages are an application that the provider knows."""
    return bool(st.secrets.load_if_toml_exists()) and "auth" in st.secrets


def _sign_in(settings: Settings, why: str = "") -> None:
    st.title("Nexus", anchor=False)
    if not _registered():
        states.empty(
            "These pages cannot sign anybody in yet",
            f"They are registered when Nexus starts, and `{settings.dashboards_secrets}` is not there.",
            command="nexus up",
            icon=":material/key_off:",
        )
        return
    here, known = urlsplit(st.context.url or "").netloc, urlsplit(settings.dashboards_address).netloc
    if here and here != known:
        # the browser would come back to the registered address without the cookie of this one
        states.empty(
            "These pages have another address",
            f"People sign in at [{settings.dashboards_address}]({settings.dashboards_address}); you came by `{here}`.",
            icon=":material/link_off:",
        )
        return
    with st.container(border=True, width=520):
        st.markdown(f"**{why or 'Figures are shown to those who may see them.'}**")
        st.caption("You sign in with your account of this Nexus, and come back here.")
        if st.button("Sign in", type="primary", icon=":material/login:", key="sign-in"):
            returning.keep()
            st.login()
