"""Conditions of an assignment, where a role alone says too much: expressions of Cedar over who, where, when and what.

Belongs here: reading and evaluating one. Does not belong here: which role it belongs to.

A condition is the body of a Cedar `when { … }`. It may read `principal`, `action`, `resource` and `context`. What it reads
and is not there makes it not hold: nothing is allowed by mistake. Cedar has no loops, no side effects and no I/O, and
a condition is parsed alone, so that it cannot close its braces and bring a policy of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from nexus.errors import InputError

if TYPE_CHECKING:
    from cedarpy import Entities, PolicySet

LONGEST = 1000
EXAMPLE = 'context.methods.contains("otp") && context.address.isInRange(ip("10.0.0.0/8"))'
_TIMES = frozenset({"hour", "weekday", "now"})
_CONTEXT = {"Var": "context"}
_POLICY = "permit(principal, action, resource) when {{ {} }};"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known of a request: for a condition, `context` and `resource`.

    `methods` are those of the sign-in (`pwd`, `otp`, …), `address` the caller's IP, `at` the time (default: now).
    `resource` and `more` are attributes that whoever asks tells of: text, numbers, booleans, lists and objects of them.
    """

    methods: frozenset[str] = frozenset()
    address: str | None = None
    at: datetime | None = None
    kind: str = "user"
    resource: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)

    def context(self, reads: frozenset[str] | None = None) -> dict[str, Any]:
        """What a condition may read of it; only `reads`, if they are known."""
        said: dict[str, Any] = {"methods": sorted(self.methods), "kind": self.kind}
        if reads is None or not reads.isdisjoint(_TIMES):
            at = (self.at or datetime.now(UTC)).astimezone(UTC)
            now = {"__extn": {"fn": "datetime", "arg": at.strftime("%Y-%m-%dT%H:%M:%SZ")}}
            said |= {"hour": at.hour, "weekday": at.isoweekday(), "now": now}
        if self.address:
            said["address"] = {"__extn": {"fn": "ip", "arg": self.address}}
        # what the caller tells never hides what Nexus knows
        said = {**self.more, **said} if self.more else said
        # Cedar reads each attribute as text of its own language: those that nobody asks for cost as much as the rest together
        return said if reads is None else {name: said[name] for name in said if name in reads}


def check(condition: str) -> str:
    """`condition` if it is one. Raises InputError with Cedar's own words otherwise."""
    if len(condition) > LONGEST:
        raise InputError(f"a condition has at most {LONGEST} characters")
    try:
        _parsed(condition)
    except ValueError as error:
        raise InputError(
            f"the condition cannot be read: {error}", remedy=f"write an expression of Cedar, like {EXAMPLE}"
        ) from None
    return condition


def holds(condition: str, principal: str, action: str, circumstances: Circumstances) -> bool:
    """Whether it is fulfilled; one that reads what is not there is not."""
    _, reads = _parsed(condition)
    context = json.dumps(circumstances.context(reads))
    resource = json.dumps(circumstances.resource) if circumstances.resource else "{}"
    return _fulfilled(condition, principal, circumstances.kind, action, resource, context)


@lru_cache(maxsize=5000)
def _fulfilled(condition: str, principal: str, kind: str, action: str, resource: str, context: str) -> bool:
    """Of the same texts the same is true: the time, where a condition reads it, is one of them."""
    from cedarpy import is_authorized

    request = {
        "principal": {"type": "Subject", "id": principal},
        "action": {"type": "Action", "id": action},
        "resource": {"type": "Resource", "id": "asked"},
        "context": context,
    }
    policies, _ = _parsed(condition)
    return bool(is_authorized(request, policies, _entities(principal, kind, resource)).allowed)


@lru_cache(maxsize=1000)
def _entities(principal: str, kind: str, resource: str) -> Entities:
    from cedarpy import Entities

    entities = [
        {"uid": {"type": "Resource", "id": "asked"}, "attrs": json.loads(resource), "parents": []},
        {"uid": {"type": "Subject", "id": principal}, "attrs": {"kind": kind}, "parents": []},
    ]
    return Entities.from_json_str(json.dumps(entities))


@lru_cache(maxsize=1000)
def _parsed(condition: str) -> tuple[PolicySet, frozenset[str] | None]:
    """The condition, and which attributes of the context it reads (None: perhaps all)."""
    from cedarpy import PolicySet, policies_to_json_str

    text = _POLICY.format(condition)
    found = json.loads(policies_to_json_str(text))
    policies = list(found["staticPolicies"].values())
    alone = len(policies) == 1 and not found["templates"] and len(policies[0]["conditions"]) == 1
    if not alone or policies[0]["conditions"][0]["kind"] != "when":
        raise ValueError("it is more than one expression")
    reads = set(_reads(policies[0]["conditions"][0]["body"]))
    return PolicySet.from_str(text), None if None in reads else frozenset(filter(None, reads))


def _reads(node: Any) -> Iterator[str | None]:
    """Names of what an expression reads of the context; None where it takes the context as a whole."""
    if isinstance(node, list):
        for below in node:
            yield from _reads(below)
    elif isinstance(node, dict):
        for what, below in node.items():
            if what in {".", "has"} and below["left"] == _CONTEXT and isinstance(below["attr"], str):
                yield below["attr"]
            elif (what, below) == ("Var", "context"):
                yield None
            else:
                yield from _reads(below)
