"""Scopes: what an application asks for, what it may be given, and what that lets it do here. Pure.

Belongs here: the words and their meaning. Does not belong here: what a person may do (api/organisations).

`openid`, `profile`, `email`, `offline_access` are OpenID Connect's. `nexus` lets the application do whatever its user may;
the name of a permission (`models.read`) that alone, where the user has it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from api.kernel.permissions import catalogue
from api.kernel.principal import EVERYTHING

OPENID, PROFILE, EMAIL, OFFLINE, NEXUS = "openid", "profile", "email", "offline_access", "nexus"
#: What each shows or lets do, as the page of consent says it.
MEANING = {
    OPENID: "Know that it is you",
    PROFILE: "See your name",
    EMAIL: "See your e-mail address",
    OFFLINE: "Do this also while you are not there",
    NEXUS: "Do in Nexus whatever you may do",
}
_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,200}")


def parse(text: str | None) -> tuple[str, ...]:
    """The scopes of a request, each once, in their order (RFC 6749, 3.3). Malformed ones are left out, like unknown ones."""
    return tuple(dict.fromkeys(s for s in (text or "").split(" ") if _TOKEN.fullmatch(s)))


def known(scope: str) -> bool:
    return scope in MEANING or scope in catalogue()


def allowed(asked: Iterable[str], registered: Collection[str]) -> tuple[str, ...]:
    """Of what is asked, what the application is registered for."""
    return tuple(s for s in asked if s in registered)


def meanings(scopes: Iterable[str]) -> list[str]:
    """Sentences for the page of consent."""
    declared = catalogue()
    return [MEANING.get(s) or declared[s].description for s in scopes if s in MEANING or s in declared]


def of_api(scopes: Iterable[str]) -> bool:
    """Whether they let anything be done here."""
    return any(s == NEXUS or s not in MEANING for s in scopes)


def limited(grants: Mapping[str, frozenset[str]], scopes: Collection[str]) -> dict[str, frozenset[str]]:
    """What remains of a user's grants for an application with these scopes: never more than either."""
    if (named := most(scopes)) is None:
        return dict(grants)
    return {place: named if EVERYTHING in granted else granted & named for place, granted in grants.items()}


def most(scopes: Collection[str]) -> frozenset[str] | None:
    """The permissions that they name; None where they let an application do whatever its user may."""
    return None if NEXUS in scopes else frozenset(scopes) - MEANING.keys()
