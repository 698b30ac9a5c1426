"""A commit that PostgreSQL refuses, because of what it checks only then: told as a problem, with nothing left and nobody woken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import psycopg
import pytest
from sqlalchemy import text

from api.kernel.idempotency import DirectKey, IdempotencyKey
from api.kernel.permissions import Permission, requires
from api.kernel.principal import Principal
from api.kernel.routing import Router
from api.kernel.transactions import DirectTransaction, Transaction
from nexus import postgres
from nexus.events import Event
from nexus.events.log import CHANNEL
from tests.api.kernel import Caller, Kernel

Noter = Annotated[Principal, requires(Permission("probe.note", "Note", least="analyst"))]
router = Router(prefix="/v1/late")
WAYS = ("session", "opened", "at-once")


class Noted(Event, type="late.note.noted"):
    note_id: str


@router.post("/session/{name}", status_code=201)
async def note(name: str, caller: Noter, key: IdempotencyKey, session: Transaction) -> None:
    values = {"w": caller.workspace, "n": name}
    await session.execute(text("insert into app.late (workspace_id, name) values (:w, :n)"), values)
    session.record(Noted(note_id=name))


@router.post("/opened/{name}", status_code=201)
async def note_in_an_open_one(name: str, caller: Noter, key: DirectKey, session: DirectTransaction) -> None:
    await session.row(
        "insert into app.late (workspace_id, name) values ($1, $2) returning name", caller.workspace, name
    )
    session.record(Noted(note_id=name))


@router.post("/at-once/{name}", status_code=201)
async def note_at_once(name: str, caller: Noter, key: DirectKey, session: DirectTransaction) -> None:
    session.insert("app.late", workspace_id=caller.workspace, name=name)
    session.record(Noted(note_id=name))


#: Fails with what no slice foresees, where the unique name is a lost race.
CHECK = (
    """
create function app.late_check() returns trigger language plpgsql as
$$ begin if new.name = 'wrong' then raise exception 'not at all'; end if; return null; end $$
""",
    """
create constraint trigger late after insert on app.late deferrable initially deferred
for each row execute function app.late_check()
""",
)


@pytest.fixture(scope="module")
def late(kernel: Kernel) -> Iterator[Kernel]:
    kernel.tenant_table("late", "name text not null, unique (workspace_id, name) deferrable initially deferred")
    for statement in CHECK:
        kernel.sql(statement)
    with kernel.offering(router):
        yield kernel
    kernel.sql("drop table app.late")
    kernel.sql("drop function app.late_check()")


@pytest.fixture
def here(late: Kernel) -> Caller:
    return late.caller()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "status", "code"), [("taken", 409, "conflict"), ("wrong", 500, "internal")])
def test_nothing_of_it_is_left_and_nobody_is_woken(here: Caller, way: str, name: str, status: int, code: str) -> None:
    key = {"Idempotency-Key": "k"}
    with psycopg.connect(postgres.dsn(here.kernel.settings), autocommit=True) as listening:
        listening.execute(f"listen {CHANNEL}".encode())
        assert here.post(f"/v1/late/{way}/taken").status_code == 201
        assert list(listening.notifies(timeout=10, stop_after=1)), "a commit wakes whoever reads the log"
        list(listening.notifies(timeout=0.2))
        failed = here.post(f"/v1/late/{way}/{name}", headers=key)
        assert (failed.status_code, failed.json()["code"]) == (status, code), failed.text
        assert list(listening.notifies(timeout=0.5)) == []
    assert here.kernel.sql("select name from app.late where workspace_id = %s", here.workspace) == [("taken",)]
    assert here.events() == ["late.note.noted"]
    # the key was not taken either: what succeeds under it is done
    here.kernel.sql("delete from app.late where workspace_id = %s", here.workspace)
    again = here.post(f"/v1/late/{way}/taken" if name == "taken" else f"/v1/late/{way}/right", headers=key)
    assert (again.status_code, "idempotent-replay" in again.headers) == (201, False)
    assert here.events() == ["late.note.noted"] * 2
