"""Long work: accepted, followed, cancelled, ended, and seen by its own workspace alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from fastapi import Response

from api.kernel.accepted import accepted
from api.kernel.idempotency import IdempotencyKey
from api.kernel.routing import Router
from api.kernel.transactions import Transaction
from api.operations.policies import OperationCanceller
from api.operations.schemas import OperationOut
from nexus import operations
from nexus.db import Database, Session
from nexus.errors import ConflictError, ProviderError
from tests.api.kernel import Caller, Kernel

router = Router()


@router.post("/v1/long", status_code=202)
async def long(
    caller: OperationCanceller, key: IdempotencyKey, session: Transaction, response: Response
) -> OperationOut:
    return accepted(response, await operations.begin(session, "test.long", caller.id))


@pytest.fixture(scope="module")
def lasting(kernel: Kernel) -> Iterator[Kernel]:
    with kernel.offering(router):
        yield kernel


@pytest.fixture
def here(lasting: Kernel) -> Caller:
    return lasting.caller()


def work(here: Caller, call: Callable[[Session], Awaitable[Any]]) -> Any:
    """What a worker does, for the tenant of `here`."""

    async def inside() -> Any:
        from nexus.tenancy import Tenant

        database = Database(here.kernel.settings)
        try:
            async with database.transaction(Tenant(here.principal.organisation, here.workspace)) as session:
                return await call(session)
        finally:
            await database.close()

    return asyncio.run(inside())


def test_from_asking_to_the_result(here: Caller) -> None:
    headers = {"Idempotency-Key": "k"}
    asked = here.post("/v1/long", headers=headers)
    assert asked.status_code == 202
    place = asked.headers["location"]
    again = here.post("/v1/long", headers=headers)
    assert (again.status_code, again.headers["idempotent-replay"]) == (202, "true")
    assert (again.headers["location"], again.headers["retry-after"]) == (place, asked.headers["retry-after"])
    id = asked.json()["id"]
    assert here.get(place).json()["status"] == "pending"
    assert work(here, lambda session: operations.note(session, id, 0.5, "1 of 2"))
    half = here.get(place)
    assert (half.json()["status"], half.json()["progress"], half.json()["note"]) == ("running", 0.5, "1 of 2")
    assert half.headers["retry-after"] == "1"
    work(here, lambda session: operations.end(session, id, {"rows": 2}))
    ended = here.get(place)
    assert (ended.json()["status"], ended.json()["result"], ended.json()["progress"]) == ("succeeded", {"rows": 2}, 1.0)
    assert ended.json()["finished_at"]
    assert ended.headers["etag"] != half.headers["etag"]
    assert here.post(f"{place}:cancel").status_code == 409
    with pytest.raises(ConflictError, match="has succeeded already"):
        work(here, lambda session: operations.end(session, id, {}))


def test_what_has_begun_is_cancelled_at_its_next_step(here: Caller) -> None:
    asked = here.post("/v1/long").json()
    assert work(here, lambda session: operations.note(session, asked["id"], 0.1))
    assert here.post(f"/v1/operations/{asked['id']}:cancel").json()["status"] == "running"
    assert not work(here, lambda session: operations.note(session, asked["id"], 0.2))
    work(here, lambda session: operations.end(session, asked["id"]))
    assert here.get(f"/v1/operations/{asked['id']}").json()["status"] == "cancelled"


def test_what_has_not_begun_is_cancelled_at_once(here: Caller) -> None:
    asked = here.post("/v1/long").json()
    assert here.post(f"/v1/operations/{asked['id']}:cancel").json()["status"] == "cancelled"


def test_a_failure_says_why(here: Caller) -> None:
    asked = here.post("/v1/long").json()
    error = ProviderError("the provider is away", remedy="wait")
    work(here, lambda session: operations.end(session, asked["id"], error=error))
    assert here.get(f"/v1/operations/{asked['id']}").json()["error"] == {
        "code": "provider_failed", "detail": "the provider is away", "remedy": "wait",
    }  # fmt: skip


def test_another_workspace_sees_nothing_of_it(lasting: Kernel, here: Caller) -> None:
    asked = here.post("/v1/long").json()
    for other in (lasting.caller(), lasting.caller(organisation=here.principal.organisation)):
        assert other.get(f"/v1/operations/{asked['id']}").status_code == 404
        assert other.post(f"/v1/operations/{asked['id']}:cancel").status_code == 404
        assert other.get("/v1/operations").json()["data"] == []
    assert [o["id"] for o in here.get("/v1/operations").json()["data"]] == [asked["id"]]
