"""Every change of something that is kept applies to the version that its sender has seen: found in the route table."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.bodies import Bodies
from tests.api.test_every_route import DOCUMENT, OPERATIONS, Victim, victim
from tests.api.test_naughty_fields import fresh

__all__ = ["victim"]

CHANGES = [one for one in OPERATIONS if one[0] in {"PUT", "PATCH", "DELETE"} and one[1].startswith("/v1/")]
#: What can only be ended, whatever has become of it: there is nothing that a second sender would overwrite.
ENDED = {"/v1/invitations/{invitation_id}", "/v1/api-keys/{key_id}", "/v1/me/applications/{client_id}"}
CONDITIONAL = [one for one in CHANGES if one[1] not in ENDED]


def test_every_change_takes_the_version_that_was_seen() -> None:
    without = {
        f"{method} {path}"
        for method, path, operation in CHANGES
        if "If-Match" not in {p["name"] for p in operation.get("parameters", ()) if p["in"] == "header"}
    }
    assert without == {f"DELETE {path}" for path in ENDED}, "take an IfMatch (api.kernel.preconditions)"


@pytest.mark.parametrize(("method", "path", "operation"), CONDITIONAL, ids=[f"{m} {p}" for m, p, _ in CONDITIONAL])
def test_a_change_of_another_version_is_refused(
    victim: Victim, method: str, path: str, operation: dict[str, Any]
) -> None:
    """It is declared, and looked at before anything is written."""
    bodies = Bodies(DOCUMENT, victim.ids, victim.company.one, "x")
    told = victim.events()
    answer = victim.owner.request(
        method, bodies.path(path, operation), headers={"If-Match": '"0"'}, **bodies.request(operation)
    )
    assert (answer.status_code, answer.json()["code"]) == (412, "stale"), answer.text
    assert victim.events() == told


@pytest.mark.parametrize("path", sorted({path for _, path, _ in CONDITIONAL}))
def test_who_reads_it_learns_its_version(victim: Victim, path: str) -> None:
    """By the ETag of the thing itself; where it is only listed, by its `version` there."""
    thing = path.rpartition("/")[0] if path.endswith(("/roles", "/members")) and "{" in path else path
    reading = DOCUMENT["paths"].get(thing, {}).get("get")
    if reading is not None:
        answer = victim.owner.get(Bodies(DOCUMENT, victim.ids, victim.company.one, "x").path(thing, reading))
        assert answer.headers["etag"].strip('"').isdigit(), answer.text
        return
    listed = victim.owner.get(thing.rpartition("/")[0]).json()
    rows = listed if isinstance(listed, list) else listed["data"]
    assert rows
    assert all(isinstance(row["version"], int) for row in rows)


WRITTEN = [one for one in CONDITIONAL if one[0] != "DELETE"]


@pytest.mark.parametrize(("method", "path", "operation"), WRITTEN, ids=[f"{m} {p}" for m, p, _ in WRITTEN])
def test_an_answer_says_the_version_that_a_change_has_made(
    victim: Victim, method: str, path: str, operation: dict[str, Any]
) -> None:
    """With it the next change is taken."""
    bodies, seen = Bodies(DOCUMENT, victim.ids, victim.company.one, "x"), "*"
    for _ in range(3):
        body = fresh(bodies.request(operation)["json"])
        answer = victim.owner.request(method, bodies.path(path, operation), json=body, headers={"If-Match": seen})
        assert answer.status_code == 200, answer.text
        seen = answer.headers["etag"]
