"""Conditions of an assignment, where a role alone says too much: expressions of Cedar over who, where, when and what.

Belongs here: reading and evaluating one. Does not belong here: which role it belongs to.

A condition is the body of a Cedar `when { … }`. It may read `principal`, `action`, `resource` and `context`. What it reads
and is not there makes it not hold: nothing is allowed by mistake. Cedar has no loops, no side effects and no I/O, and
a condition is parsed alone, so that it cannot close its braces and bring a policy of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from nexus.errors import InputError

if TYPE_CHECKING:
    from cedarpy import PolicySet

LONGEST = 1000
EXAMPLE = 'context.methods.contains("otp") && context.address.isInRange(ip("10.0.0.0/8"))'
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

    def context(self) -> dict[str, Any]:
        at = (self.at or datetime.now(UTC)).astimezone(UTC)
        said = {
            "methods": sorted(self.methods),
            "kind": self.kind,
            "hour": at.hour,
            "weekday": at.isoweekday(),
            "now": {"__extn": {"fn": "datetime", "arg": at.strftime("%Y-%m-%dT%H:%M:%SZ")}},
        }
        if self.address:
            said["address"] = {"__extn": {"fn": "ip", "arg": self.address}}
        # what the caller tells never hides what Nexus knows
        return {**self.more, **said}


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
    from cedarpy import is_authorized

    resource = 'Resource::"asked"'
    request = {
        "principal": f"Subject::{json.dumps(principal)}",
        "action": f"Action::{json.dumps(action)}",
        "resource": resource,
        "context": circumstances.context(),
    }
    entities = [
        {"uid": {"type": "Resource", "id": "asked"}, "attrs": dict(circumstances.resource), "parents": []},
        {"uid": {"type": "Subject", "id": principal}, "attrs": {"kind": circumstances.kind}, "parents": []},
    ]
    return bool(is_authorized(request, _parsed(condition), entities).allowed)


@lru_cache(maxsize=1000)
def _parsed(condition: str) -> PolicySet:
    from cedarpy import PolicySet, policies_to_json_str

    text = _POLICY.format(condition)
    found = json.loads(policies_to_json_str(text))
    policies = list(found["staticPolicies"].values())
    alone = len(policies) == 1 and not found["templates"] and len(policies[0]["conditions"]) == 1
    if not alone or policies[0]["conditions"][0]["kind"] != "when":
        raise ValueError("it is more than one expression")
    return PolicySet.from_str(text)
