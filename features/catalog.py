"""Which feature views and feature services there are: one block each, without naming a single column.

Belongs here: name, freshness and meaning of a view; which views a service bundles for a model.
Does not belong here: columns and types (they are those of the dbt relation), Feast objects (views.py).

This module imports nothing heavy, so that readers of the store need not load Feast.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from nexus.errors import NotFoundError

T = TypeVar("T")

#: Join keys. Both belong to every entity, so that equal customer ids of two workspaces never meet.
KEYS = ("workspace_id", "customer_id")
#: The moment that a row speaks of: only facts before it were used.
EVENT = "event_timestamp"
CREATED = "created_timestamp"


@dataclass(frozen=True, slots=True)
class View:
    """One feature view over the dbt relation `feat_customer__<name>`.

    `ttl` is how long a row may stand in for a later moment; snapshots are monthly, so one missed month is a gap.
    """

    name: str
    description: str
    ttl: timedelta = timedelta(days=40)

    @property
    def relation(self) -> str:
        return f"feat_customer__{self.name}"


@dataclass(frozen=True, slots=True)
class Service:
    """The views that one version of a model reads. A model names exactly one service; a change makes a new one."""

    name: str
    views: tuple[str, ...]
    description: str


VIEWS = (
    View("billing", "Revenue, failed payments, refunds and tenure"),
    View("engagement", "Active users and files moved"),
    View("access", "Logins, their trend and failures"),
    View("storage", "Bytes kept and their growth"),
    View("mail", "Mail delivered, opened by people, clicked, refused"),
)

SERVICES = (
    Service(
        "churn_v1",
        views=("billing", "engagement", "access", "storage", "mail"),
        description="What the churn model knows of a customer at the end of a day",
    ),
)


def view(name: str) -> View:
    """The view called `name`; raises NotFoundError with the names there are."""
    return _named("feature view", name, {v.name: v for v in VIEWS})


def service(name: str) -> Service:
    """The service called `name`; raises NotFoundError with the names there are."""
    return _named("feature service", name, {s.name: s for s in SERVICES})


def fingerprint() -> str:
    """Changes with any definition: stores of one warehouse version but other definitions are told apart by it."""
    return hashlib.sha256(repr((KEYS, VIEWS, SERVICES)).encode()).hexdigest()[:8]


def _named(kind: str, name: str, known: dict[str, T]) -> T:
    if name not in known:
        raise NotFoundError(f"no {kind} is called {name!r}", remedy=f"there are: {', '.join(known)}")
    return known[name]
