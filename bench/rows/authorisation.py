"""A check of authorisation in process, with the reasons for its answer, beside the same policy evaluated whole by Cedar."""

from __future__ import annotations

import json
from typing import Any

from bench.row import Clock, Goal, Measures, Place, Row

_WORKSPACES = 20
_LIMIT_US = 50.0


def _access(condition: str | None = None) -> Any:
    """A member with a role in each of twenty workspaces, and another by a group; all of them under `condition`."""
    from api.organisations import roles
    from api.organisations.access import Access
    from api.organisations.repository.access import Given, Subject

    names = [f"w{n}" for n in range(_WORKSPACES)]
    given = []
    for role in ("viewer", "analyst"):
        has = roles.permissions(role)
        for n in range(_WORKSPACES):
            group = f"grp_{n}" if role == "analyst" else None
            given.append(Given(f"asg_{n}", role, role, has, f"w{n}", condition, group))
    return Access(Subject("member", "mem_1", True, "usr_1"), "org_1", frozenset(names), tuple(given))


def _questions(place: Place) -> list[tuple[str, str]]:
    from api.kernel.permissions import catalogue

    permissions = sorted(catalogue())
    return [(permissions[n % len(permissions)], f"w{n % (_WORKSPACES + 1)}") for n in range(place.rows)]


def nexus(place: Place, clock: Clock) -> int:
    """Decides with reasons, as `POST /v1/authz:check` does once it has read whose access it is."""
    from api.organisations.conditions import Circumstances
    from api.organisations.decisions import decide

    access, questions, now = _access(), _questions(place), Circumstances()
    decide(access, *questions[0], now)
    with clock:
        answers = [decide(access, permission, workspace, now).allowed for permission, workspace in questions]
    _keep(place, "nexus", answers)
    return len(answers)


def conditional(place: Place, clock: Clock) -> int:
    """The same where each role counts under a condition (a second factor, a network), for callers from ever other addresses:
    no two questions are alike, so none is answered from memory."""
    from api.organisations.conditions import EXAMPLE, Circumstances
    from api.organisations.decisions import decide

    access, questions = _access(EXAMPLE), _questions(place)
    asked = [
        Circumstances(methods=frozenset({"pwd", "otp"}), address=f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}")
        for n in range(len(questions) + 1)
    ]
    decide(access, *questions[0], asked.pop())
    with clock:
        answers = [decide(access, p, w, now).allowed for (p, w), now in zip(questions, asked, strict=True)]
    _keep(place, "conditional", answers)
    return len(answers)


def grants(place: Place, clock: Clock) -> int:
    """`Principal.allows`: what a route asks."""
    from api.kernel.principal import Principal

    access, questions = _access(), _questions(place)
    principal = Principal("user", "usr_1", "org_1", access.workspaces(), access.grants())
    known = access.known_workspaces
    with clock:
        answers = [w in known and principal.allows(p, w) for p, w in questions]
    _keep(place, "grants", answers)
    return len(answers)


def cedar(place: Place, clock: Clock) -> int:
    """The same roles as policies of Cedar, parsed once."""
    from cedarpy import Entities, PolicySet, is_authorized

    from api.organisations import roles

    access, questions = _access(), _questions(place)
    policies = [
        f"permit(principal, action, resource == Workspace::{json.dumps(scope)}) when {{ action in ["
        + ", ".join(f"Action::{json.dumps(p)}" for p in sorted(permissions))
        + "] };"
        for scope, permissions in access.grants().items()
        if scope != "*"
    ]
    baseline = ", ".join(f"Action::{json.dumps(p)}" for p in sorted(roles.permissions("member")))
    known = " || ".join(f'resource == Workspace::"w{n}"' for n in range(_WORKSPACES))
    policies.append(f"permit(principal, action in [{baseline}], resource) when {{ {known} }};")
    parsed, entities = PolicySet.from_str("\n".join(policies)), Entities.from_json_str("[]")
    with clock:
        answers = [
            is_authorized(
                {"principal": 'User::"1"', "action": f'Action::"{p}"', "resource": f'Workspace::"{w}"', "context": {}},
                parsed,
                entities,
            ).allowed
            for p, w in questions
        ]
    _keep(place, "cedar", answers)
    return len(answers)


def _keep(place: Place, side: str, answers: list[bool]) -> None:
    (place.folder / f"{side}.json").write_text(json.dumps(answers))


def differences(place: Place) -> list[str]:
    first, *others = [json.loads((place.folder / f"{side}.json").read_text()) for side in ROW.sides]
    assert any(first)
    assert not all(first)
    return [] if all(other == first for other in others) else ["the sides do not answer alike"]


def _judge(measures: Measures) -> tuple[str, bool]:
    each = [sides[s].seconds / sides[s].rows * 1e6 for sides in measures.values() for s in ("nexus", "conditional")]
    return " and ".join(f"{one:.1f} µs" for one in each), max(each) <= _LIMIT_US


ROW = Row(
    title="authorisation check in process, with reasons",
    sizes=(20_000,),
    sides={"nexus": nexus, "conditional": conditional, "grants": grants, "cedar": cedar},
    goals=(Goal(f"at most {_LIMIT_US:.0f} µs each, also under a condition", _judge),),
    differences=differences,
    unit="checks",
)
