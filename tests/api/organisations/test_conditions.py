"""Conditions read what they name and nothing else: leaving out the rest changes no answer."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from api.organisations.conditions import EXAMPLE, Circumstances, _parsed, holds

CASES = [
    (EXAMPLE, {"methods", "address"}, True),
    ('context.address.isInRange(ip("192.168.0.0/16"))', {"address"}, False),
    ('context has now && context.now > datetime("2026-01-01")', {"now"}, True),
    ('context["hour"] == 12 && context.weekday == 6', {"hour", "weekday"}, True),
    ("context has ticket.number && context.ticket.number == 7", {"ticket"}, True),
    ("context.missing", {"missing"}, False),
    ('principal.kind == "user" && resource.amount < 10', set(), True),
    ('if context has "two words" then false else {a: context.kind}.a == "user"', {"two words", "kind"}, True),
    ("[context].contains(context)", None, True),
    ("context == {}", None, False),
]


@pytest.mark.parametrize(("condition", "reads", "answer"), CASES, ids=[c[0] for c in CASES])
def test_what_a_condition_reads(condition: str, reads: set[str] | None, answer: bool) -> None:
    now = Circumstances(
        methods=frozenset({"pwd", "otp"}), address="10.1.2.3", at=datetime(2026, 11, 28, 12, tzinfo=UTC),
        resource={"amount": 9}, more={"ticket": {"number": 7}, "hour": 3},
    )  # fmt: skip
    assert _parsed(condition)[1] == reads
    assert holds(condition, "mem_1", "models.read", now) is answer


def test_nothing_is_remembered_of_other_circumstances() -> None:
    condition = 'context.hour == 12 && resource.owner == "a" && principal.kind == "user"'

    def asked(hour: int, owner: str, kind: str) -> bool:
        at = datetime(2026, 11, 28, hour, tzinfo=UTC)
        return holds(condition, "mem_1", "models.read", Circumstances(at=at, kind=kind, resource={"owner": owner}))

    asked_twice = [(12, "a", "user"), (13, "a", "user"), (12, "b", "user"), (12, "a", "service")] * 2
    assert [asked(*one) for one in asked_twice] == [True, False, False, False] * 2
