"""Sagas over HTTP: their history, who sees it, and what an operator does about one that is stuck."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any
from unicodedata import normalize

import pytest

from nexus.db import Tenant
from nexus.errors import InputError
from nexus.sagas import Doing, Saga, Step, declare
from tests.api.kernel import Caller, Kernel
from tests.api.sagas.driving import begun, driven
from tests.api.test_bad_requests import NAUGHTY


@pytest.fixture(autouse=True)
def declared() -> Iterator[None]:
    before = declare.sagas()

    async def fine(doing: Doing) -> None: ...

    async def refused(doing: Doing) -> None:
        raise InputError("no, says ann@example.test with Bearer abcdef012345")

    Saga("probe.stuck", Step("first", fine, compensate=refused), Step("second", refused))
    yield
    declare._register.clear()
    declare._register.update(before)


@pytest.fixture
def operator(kernel: Kernel) -> Caller:
    return kernel.caller(permissions={"sagas.read", "sagas.mend"})


def stuck(kernel: Kernel, operator: Caller, workspace: str | None = None) -> str:
    id = begun(kernel, Tenant(operator.principal.organisation, workspace), "probe.stuck", {"secret": "not shown"})
    assert driven(kernel, id) == "stuck"
    return id


def mend(operator: Caller, id: str, how: str, key: str | None = None) -> Any:
    headers = {"Idempotency-Key": key or secrets.token_hex(8)}
    return operator.post(f"/v1/sagas/{id}:{how}", json={"reason": "I looked at it"}, headers=headers)


def test_its_history_tells_every_attempt_and_nothing_secret(kernel: Kernel, operator: Caller) -> None:
    id = stuck(kernel, operator, operator.workspace)
    answer = operator.get(f"/v1/sagas/{id}")
    found = answer.json()
    assert (answer.status_code, found["state"], found["name"]) == (200, "stuck", "probe.stuck")
    assert [(s["name"], s["state"]) for s in found["steps"]] == [("first", "done"), ("second", "failed")]
    first, undo = found["steps"][0]["attempts"]
    assert (first["error"], first["is_compensation"], undo["is_compensation"]) == (None, False, True)
    assert undo["error"] == "InputError: no, says …@… with Bearer …"
    assert undo["started_at"] <= undo["finished_at"]
    assert len(undo["trace_id"]) == 32
    assert "not shown" not in answer.text
    assert answer.headers["etag"] == f'"{found["version"]}"'


def test_a_list_by_state_and_cursor(kernel: Kernel, operator: Caller) -> None:
    ids = [stuck(kernel, operator, workspace) for workspace in (None, operator.workspace, None)]
    assert mend(operator, ids[0], "abandon").status_code == 200
    first = operator.get("/v1/sagas", params={"limit": 2}).json()
    assert ([s["id"] for s in first["data"]], first["has_more"]) == ([ids[2], ids[1]], True)
    rest = operator.get("/v1/sagas", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [s["id"] for s in rest["data"]] == [ids[0]]
    abandoned = operator.get("/v1/sagas", params={"state": "abandoned"}).json()
    assert [s["id"] for s in abandoned["data"]] == [ids[0]]
    assert operator.get("/v1/sagas", params={"state": "gone"}).status_code == 422


@pytest.mark.parametrize(("how", "state"), [("retry", "stuck"), ("skip", "compensated"), ("abandon", "abandoned")])
def test_an_operator_mends_it_once(kernel: Kernel, operator: Caller, how: str, state: str) -> None:
    id = stuck(kernel, operator, operator.workspace)
    answer = mend(operator, id, how, key=f"one-{id}")
    assert answer.status_code == 200, answer.text
    again = mend(operator, id, how, key=f"one-{id}")
    assert (again.json(), again.headers["idempotent-replay"]) == (answer.json(), "true")
    if answer.json()["state"] == "compensating":
        driven(kernel, id)
    assert operator.get(f"/v1/sagas/{id}").json()["state"] == state
    told = {"retry": "retried", "skip": "skipped", "abandon": "abandoned"}[how]
    [[data]] = kernel.sql("select data from app.events where subject = %s and type = %s", id, f"sagas.saga.{told}")
    assert (data["by"], data["reason"], data["step"]) == (operator.principal.id, "I looked at it", "first")
    if state != "stuck":
        assert mend(operator, id, how).status_code == 409
        assert mend(operator, id, "cancel").status_code == 409


def test_a_reason_is_kept_as_it_came_or_refused(kernel: Kernel, operator: Caller) -> None:
    """Strings that break programs; tests/api/test_naughty_fields.py makes no saga to mend."""
    id, kept = stuck(kernel, operator, operator.workspace), 0
    for name, text in NAUGHTY.items():
        content = f'{{"reason": {text}}}'.encode()
        answer = operator.post(f"/v1/sagas/{id}:abandon", content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code in {200, 400, 422}, f"{name}: {answer.text}"
        if answer.status_code == 200:
            [[reason]] = kernel.sql(
                "select data ->> 'reason' from app.events where subject = %s and type like %s", id, "%.abandoned"
            )
            assert reason == normalize("NFC", json.loads(text)), name
            id, kept = stuck(kernel, operator, operator.workspace), kept + 1
    assert kept > 3


def test_others_see_none_and_mend_none(kernel: Kernel, operator: Caller) -> None:
    id = stuck(kernel, operator, operator.workspace)
    other = kernel.caller(permissions={"sagas.read", "sagas.mend"})
    reader = kernel.caller(permissions={"sagas.read"}, organisation=operator.principal.organisation)
    assert other.get(f"/v1/sagas/{id}").status_code == 404
    assert other.get("/v1/sagas").json()["data"] == []
    for how in ("retry", "skip", "abandon", "cancel"):
        assert mend(other, id, how).status_code == 404
        assert mend(reader, id, how).status_code == 403
    assert reader.get(f"/v1/sagas/{id}").json()["state"] == "stuck"
    assert operator.post(f"/v1/sagas/{id}:skip", json={"reason": " "}).status_code == 422
