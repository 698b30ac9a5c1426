"""What the kernel promises every slice, asked of a small slice that a test makes: transactions, keys, tenants, events."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Response
from pydantic import BaseModel
from sqlalchemy import text

from api.kernel.idempotency import DirectKey, IdempotencyKey, unkeyed
from api.kernel.permissions import Permission, requires
from api.kernel.principal import Principal
from api.kernel.routing import Router
from api.kernel.transactions import DirectTransaction, Transaction
from nexus.db import Database, Tenant
from nexus.errors import ConflictError
from nexus.events import Event
from tests.api.kernel import Caller, Kernel, serve

COUNT = Permission("probe.count", "Count")
#: What an administrator alone may do is witnessed, and no DirectTransaction is.
COUNT_DIRECTLY = Permission("probe.count", "Count", least="analyst")
Counter = Annotated[Principal, requires(COUNT)]
DirectCounter = Annotated[Principal, requires(COUNT_DIRECTLY)]
router = Router(prefix="/v1/probe")
entered = threading.Event()
leave = threading.Event()


class Counted(Event, type="probe.count.counted"):
    count_id: str


class Said(BaseModel):
    """What a test wants to happen."""

    name: str = "c"
    then: str = ""
    expected: int | None = None


@router.post("", status_code=201)
async def count(
    said: Said, caller: Counter, key: IdempotencyKey, session: Transaction, response: Response
) -> dict[str, Any]:
    await session.execute(
        text("insert into app.probe (workspace_id, name) values (:w, :n)"), {"w": caller.workspace, "n": said.name}
    )
    session.record(Counted(count_id=said.name), expected_version=said.expected)
    if said.then == "refuse":
        raise ConflictError("no")
    if said.then == "break":
        raise RuntimeError("broken")
    if said.then == "unshowable":
        return {"value": object()}
    if said.then == "wait":
        entered.set()
        await _until(leave)
    response.headers["Location"] = f"/v1/probe/{said.name}"
    return {"name": said.name}


@router.get("")
async def counted(caller: Counter, session: Transaction) -> list[str]:
    return list(await session.scalars(text("select name from app.probe order by name")))


@router.post("/direct", status_code=201)
async def count_directly(
    said: Said, caller: DirectCounter, key: DirectKey, session: DirectTransaction, response: Response
) -> dict[str, Any]:
    await session.row(
        "insert into app.probe (workspace_id, name) values ($1, $2) returning name", caller.workspace, said.name
    )
    session.record(Counted(count_id=said.name), expected_version=said.expected)
    if said.then == "refuse":
        raise ConflictError("no")
    if said.then == "break":
        raise RuntimeError("broken")
    if said.then == "other tenant":
        await session.row("insert into app.probe (workspace_id, name) values ('other', 'x') returning name")
    response.headers["Location"] = f"/v1/probe/{said.name}"
    return {"name": said.name}


@router.post("/unwitnessed", status_code=201, dependencies=[unkeyed("a test")])
async def count_unwitnessed(said: Said, caller: Counter, session: DirectTransaction) -> None:
    session.insert("app.probe", workspace_id=caller.workspace, name=said.name)


@router.get("/direct")
async def counted_directly(caller: Counter, session: DirectTransaction) -> list[str]:
    return [name for (name,) in await session.rows("select name from app.probe order by name")]


async def _until(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, 20)


@pytest.fixture(scope="module")
def probed(kernel: Kernel) -> Iterator[Kernel]:
    """The kernel with the slice above, whose table a migration of a slice would make."""
    kernel.tenant_table("probe", "name text not null")
    with kernel.offering(router):
        yield kernel
    kernel.sql("drop table app.probe")


@pytest.fixture
def here(probed: Kernel) -> Caller:
    return probed.caller()


def test_a_change_and_its_event_are_there_together(here: Caller) -> None:
    assert here.post("/v1/probe", json={"name": "a"}).status_code == 201
    assert here.get("/v1/probe").json() == ["a"]
    assert here.events() == ["probe.count.counted"]


@pytest.mark.parametrize(("then", "status"), [("refuse", 409), ("break", 500), ("unshowable", 500)])
def test_whatever_fails_leaves_neither_row_nor_event_nor_key(here: Caller, then: str, status: int) -> None:
    headers = {"Idempotency-Key": "k"}
    failed = here.post("/v1/probe", json={"then": then}, headers=headers)
    assert failed.status_code == status
    assert failed.json()["code"] in {"conflict", "internal"}
    assert here.get("/v1/probe").json() == []
    assert here.events() == []
    # the same key may succeed: nothing was done under it
    assert here.post("/v1/probe", json={"name": "b"}, headers=headers).status_code == 201


def test_an_answer_follows_the_commit(here: Caller) -> None:
    """A commit that fails is told: here the stream is not where the caller thinks, which only the commit finds out."""
    assert here.post("/v1/probe", json={"expected": 0}).status_code == 201
    stale = here.post("/v1/probe", json={"expected": 0})
    assert stale.status_code == 409
    assert "count/c has version 1, not 0" in stale.json()["detail"]
    assert here.get("/v1/probe").json() == ["c"]
    assert here.post("/v1/probe", json={"expected": 1}).status_code == 201


def test_a_tenant_that_is_set_does_not_stay_on_the_connection(probed: Kernel) -> None:
    first, second = probed.caller(), probed.caller()
    for number in range(30):
        one = first if number % 2 else second
        one.post("/v1/probe", json={"name": f"{number:02}"})
        assert len(one.get("/v1/probe").json()) == number // 2 + 1


def test_a_key_replays_answer_status_and_headers(here: Caller) -> None:
    headers = {"Idempotency-Key": "once"}
    first = here.post("/v1/probe", json={"name": "x"}, headers=headers)
    again = here.post("/v1/probe", json={"name": "x"}, headers=headers)
    assert "idempotent-replay" not in first.headers
    assert again.headers["idempotent-replay"] == "true"
    assert (again.status_code, again.json(), again.headers["location"]) == (201, {"name": "x"}, "/v1/probe/x")
    assert here.events() == ["probe.count.counted"]


def test_a_key_is_of_one_request_one_tenant(probed: Kernel, here: Caller) -> None:
    headers = {"Idempotency-Key": "mine"}
    assert here.post("/v1/probe", json={"name": "x"}, headers=headers).status_code == 201
    other_body = here.post("/v1/probe", json={"name": "y"}, headers=headers)
    assert other_body.status_code == 422
    assert other_body.json()["code"] == "idempotency_key_reused"
    elsewhere = probed.caller().post("/v1/probe", json={"name": "y"}, headers=headers)
    assert (elsewhere.status_code, elsewhere.json()) == (201, {"name": "y"})


@pytest.mark.parametrize("path", ["/v1/probe", "/v1/probe/direct"])
def test_a_key_is_of_who_sent_it(probed: Kernel, here: Caller, path: str) -> None:
    """Another of the same tenant who comes upon the same key is given no answer that was for the first."""
    headers = {"Idempotency-Key": "ours"}
    other = probed.caller(organisation=here.principal.organisation, workspaces=[here.workspace])
    for caller, name in ((here, "x"), (other, "x"), (other, "x"), (here, "x")):
        assert caller.post(path, json={"name": name}, headers=headers).status_code == 201
    assert other.post(path, json={"name": "y"}, headers=headers).json()["code"] == "idempotency_key_reused"
    assert here.get("/v1/probe").json() == ["x", "x"]
    assert here.events() == ["probe.count.counted"] * 2


@pytest.mark.parametrize("path", ["/v1/probe", "/v1/probe/direct"])
def test_a_key_is_kept_for_a_day(here: Caller, path: str) -> None:
    headers = {"Idempotency-Key": "daily"}
    older = "update app.idempotency_key set created_at = now() - %s::interval where workspace_id = %s"

    def sent(age: str) -> bool:
        """Whether a request under the key is answered with an answer of that age."""
        here.kernel.sql(older, age, here.workspace)
        answer = here.post(path, json={"name": "x"}, headers=headers)
        assert answer.status_code == 201
        return "idempotent-replay" in answer.headers

    assert [sent(age) for age in ("0", "23 hours 59 minutes", "24 hours 1 minute", "0")] == [False, True, False, True]
    assert here.get("/v1/probe").json() == ["x", "x"]


def test_each_route_has_its_keys(here: Caller) -> None:
    """The same key on two routes is two requests, each with its own answer to give again."""
    headers, paths = {"Idempotency-Key": "both"}, ("/v1/probe", "/v1/probe/direct")
    first = [here.post(path, json={"name": f"of {path}"}, headers=headers) for path in paths]
    again = [here.post(path, json={"name": f"of {path}"}, headers=headers) for path in paths]
    assert [a.status_code for a in first + again] == [201] * 4
    assert ["idempotent-replay" in a.headers for a in first + again] == [False, False, True, True]
    assert [a.json()["name"] for a in again] == here.get("/v1/probe").json() == [f"of {path}" for path in paths]


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_keys_that_cannot_be_used(here: Caller, key: str) -> None:
    refused = here.post("/v1/probe", json={}, headers={"Idempotency-Key": key})
    assert refused.status_code == 400
    assert here.events() == []
    assert here.post("/v1/probe", json={}, headers={"Idempotency-Key": "k" * 255}).status_code == 201


def test_a_key_in_flight_is_refused_for_now(here: Caller) -> None:
    entered.clear()
    leave.clear()
    headers = {"Idempotency-Key": "slow"}
    answers: list[httpx.Response] = []
    slow = threading.Thread(
        target=lambda: answers.append(here.post("/v1/probe", json={"then": "wait"}, headers=headers))
    )
    slow.start()
    assert entered.wait(20)
    busy = here.post("/v1/probe", json={"then": "wait"}, headers=headers)
    leave.set()
    slow.join()
    assert (busy.status_code, busy.headers["retry-after"]) == (409, "1")
    assert answers[0].status_code == 201
    assert here.post("/v1/probe", json={"then": "wait"}, headers=headers).headers["idempotent-replay"] == "true"
    assert here.events() == ["probe.count.counted"]


@pytest.mark.parametrize("path", ["/v1/probe", "/v1/probe/direct"])
def test_fifty_clients_with_one_key(here: Caller, path: str) -> None:
    """Exactly one does it; the others are told to wait, or given its answer."""
    headers = {"Idempotency-Key": "fifty"}
    answers: list[httpx.Response] = []
    threads = [
        threading.Thread(target=lambda: answers.append(here.post(path, json={"name": "f"}, headers=headers)))
        for _ in range(50)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = [a for a in answers if a.status_code == 201]
    assert {a.status_code for a in answers} <= {201, 409}
    assert len([a for a in done if "idempotent-replay" not in a.headers]) == 1
    assert all(a.headers["retry-after"] for a in answers if a.status_code == 409)
    assert here.get("/v1/probe").json() == ["f"]
    assert here.events() == ["probe.count.counted"]


def test_what_the_audit_log_is_to_have_is_not_written_past_it(here: Caller) -> None:
    """An administrative permission, and a transaction that no witness sees."""
    assert here.post("/v1/probe/unwitnessed", json={"name": "a"}).status_code == 500
    assert here.get("/v1/probe").json() == []


def test_a_transaction_straight_through_the_driver_promises_the_same(probed: Kernel, here: Caller) -> None:
    path, headers = "/v1/probe/direct", {"Idempotency-Key": "k"}
    for then, status in (("refuse", 409), ("break", 500), ("other tenant", 500)):
        assert here.post(path, json={"then": then}, headers=headers).status_code == status
        assert here.get(path).json() == []
        assert here.events() == []
    first = here.post(path, json={"name": "x", "expected": 0}, headers=headers)
    again = here.post(path, json={"name": "x", "expected": 0}, headers=headers)
    assert (first.status_code, again.status_code, again.json()) == (201, 201, {"name": "x"})
    assert again.headers["idempotent-replay"] == "true"
    assert here.post(path, json={"name": "y"}, headers=headers).json()["code"] == "idempotency_key_reused"
    stale = here.post(path, json={"name": "x", "expected": 0})
    assert (stale.status_code, stale.json()["detail"]) == (409, "count/x has version 1, not 0")
    assert here.post(path, json={"name": "z"}).status_code == 201
    assert here.get(path).json() == here.get("/v1/probe").json() == ["x", "z"]
    assert here.events() == ["probe.count.counted"] * 2
    assert probed.caller().get(path).json() == []


def test_connections_that_are_cut_under_load(here: Caller) -> None:
    """As when PostgreSQL is started anew: what is asked meanwhile is refused as a problem of the machine, then all is well."""
    answers: list[httpx.Response] = []
    cut = threading.Event()

    def ask(client: int) -> None:
        for number in range(12):
            answers.append(here.post("/v1/probe", json={"name": f"{client}-{number}"}))
            if number == 4:
                cut.set()

    threads = [threading.Thread(target=ask, args=(client,)) for client in range(6)]
    for thread in threads:
        thread.start()
    assert cut.wait(30)
    here.kernel.sql(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where usename = 'nexus_api' and datname = current_database()"
    )
    for thread in threads:
        thread.join()
    assert {a.status_code for a in answers} <= {201, 503}
    assert all(a.json()["code"] == "machine" for a in answers if a.status_code == 503)
    made = {a.json()["name"] for a in answers if a.status_code == 201}
    assert made <= set(here.get("/v1/probe").json())
    assert len(here.get("/v1/probe").json()) == len(here.events())
    assert here.post("/v1/probe", json={"name": "after"}).status_code == 201


def test_a_database_with_one_url_has_the_role_taken_on(settings: Any) -> None:
    """On a server of one's own with one URL, policies hold as well."""
    with serve(settings) as kernel:
        assert kernel.caller().get("/v1/models").status_code == 200

        async def seen() -> tuple[str, str]:
            database = Database(settings)
            async with database.transaction(Tenant("org_a", "ws")) as session:
                found = (await session.execute(text("select current_user, session_user"))).one()
            await database.close()
            return found[0], found[1]

        assert asyncio.run(seen()) == ("nexus_api", "postgres")
