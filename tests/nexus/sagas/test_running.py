"""Sagas over their tables: whole, undone in reverse, tried again, stuck and mended; each call's effect once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from nexus import jobs, sagas
from nexus.db import Tenant
from nexus.errors import ConflictError, ContractError, InputError, NotFoundError, ProviderError
from nexus.jobs.attempt import attempt
from nexus.sagas import Doing, Saga, Step, mending, rows
from tests.nexus.jobs.house import House

NOW = timedelta(0)
Outcomes = dict[str, list[Exception]]


def acts(outcomes: Outcomes) -> Callable[[str], Callable[[Doing], Awaitable[Any]]]:
    """Makes acts that write what they are called, and fail as told: afterwards, so that their effect must be undone."""

    def act(name: str) -> Callable[[Doing], Awaitable[Any]]:
        async def do(doing: Doing) -> Any:
            sql = text("insert into app.probe values (:who, :said)")
            await doing.session.execute(sql, {"who": doing.tenant.organisation, "said": name})
            if outcomes.get(name):
                raise outcomes[name].pop(0)
            return {"did": name, "saw": sorted(doing.done), "key": doing.key}

        return do

    return act


def three(outcomes: Outcomes, **last: Any) -> Saga:
    act = acts(outcomes)
    return Saga(
        "probe.three",
        Step("one", act("one"), act("un-one"), pauses=(NOW,)),
        Step("two", act("two"), act("un-two"), pauses=(NOW,), **last),
        Step("three", act("three"), act("un-three"), pauses=(NOW,)),
    )


async def begun(house: House, name: str = "probe.three") -> str:
    async with house.database.transaction(house.tenant) as session:
        return await sagas.begin(session, name, {"n": 1}, by="usr_1")


async def driven(house: House, id: str) -> str:
    """Does what a worker would until it has ended or is stuck; its state."""
    for _ in range(50):
        async with house.database.system() as session:
            row = await rows.row(session, id)
        if row.state not in {"running", "compensating"}:
            return row.state
        await attempt(house.database, row.job_id)
    raise AssertionError("it never ended")


def told(house: House) -> list[str]:
    sql = "select type from app.events where organisation_id = %s order by position"
    return [type_.removeprefix("sagas.saga.") for (type_,) in house.sql(sql, house.tenant.organisation)]


def steps(house: House, id: str) -> list[str]:
    return [s for (s,) in house.sql("select state from app.saga_step where saga_id = %s order by position", id)]


def test_every_step_in_order(house: House) -> None:
    three({})

    async def go() -> None:
        id = await begun(house)
        assert await driven(house, id) == "succeeded"
        assert house.said() == ["one", "two", "three"]
        assert (steps(house, id), told(house)) == (["done"] * 3, ["begun", "succeeded"])
        [[last]] = house.sql("select result from app.saga_step where saga_id = %s and position = 2", id)
        assert last == {"did": "three", "saw": ["one", "two"], "key": f"{id}:three"}

    house.run(go())


def test_what_was_done_is_undone_in_reverse(house: House) -> None:
    three({"three": [InputError("never: Bearer abcdef012345")]})

    async def go() -> None:
        id = await begun(house)
        assert await driven(house, id) == "compensated"
        assert house.said() == ["one", "two", "un-two", "un-one"], "what the failed step wrote is rolled back"
        assert steps(house, id) == ["undone", "undone", "failed"]
        assert told(house) == ["begun", "turned", "compensated"]
        [[data]] = house.sql("select data from app.events where type = 'sagas.saga.turned' and subject = %s", id)
        assert data == {
            "saga_id": id, "name": "probe.three", "step": "three", "error": "InputError: never: Bearer …"
        }  # fmt: skip

    house.run(go())


def test_only_what_may_pass_is_tried_again_and_not_for_ever(house: House) -> None:
    three({"two": [ProviderError("away"), ProviderError("away")], "un-one": [TimeoutError()]})

    async def go() -> None:
        id = await begun(house)
        assert await driven(house, id) == "compensated"
        made = house.sql(
            "select position, is_compensation, number, error from app.saga_attempt where saga_id = %s order by started_at",
            id,
        )
        assert made == [
            (0, False, 1, None),
            (1, False, 1, "ProviderError: away"),
            (1, False, 2, "ProviderError: away"),
            (0, True, 1, "TimeoutError: "),
            (0, True, 2, None),
        ]

    house.run(go())


def test_a_call_that_takes_too_long_is_ended(house: House) -> None:
    async def slow(doing: Doing) -> None:
        await doing.session.execute(text("select pg_sleep(5)"))

    Saga("probe.slow", Step("slow", slow, timeout=timedelta(milliseconds=50), pauses=()))

    async def go() -> None:
        id = await begun(house, "probe.slow")
        assert await driven(house, id) == "compensated"
        [[error]] = house.sql("select error from app.saga_attempt where saga_id = %s", id)
        assert error.startswith("TimeoutError")

    house.run(go())


@pytest.mark.parametrize("how", ["retry", "skip", "abandon"])
def test_stuck_until_an_operator_mends_it(house: House, how: str) -> None:
    three({"three": [InputError("never")], "un-two": [InputError("cannot")]})

    async def go() -> None:
        id = await begun(house)
        assert await driven(house, id) == "stuck"
        assert house.said() == ["one", "two"]
        async with house.database.transaction(Tenant(house.tenant.organisation)) as session:
            mended = await getattr(mending, how)(session, id, by="usr_2", reason="I looked")
            assert session.tenant == Tenant(house.tenant.organisation), "the caller's own rows come after"
            assert mended.state == ("abandoned" if how == "abandon" else "compensating")
        end = await driven(house, id)
        assert end == ("abandoned" if how == "abandon" else "compensated")
        undone = {"retry": ["un-two", "un-one"], "skip": ["un-one"], "abandon": []}[how]
        assert house.said() == ["one", "two", *undone]
        past = {"retry": "retried", "skip": "skipped", "abandon": "abandoned"}[how]
        [[data, workspace]] = house.sql(
            "select data, workspace_id from app.events where type = %s and subject = %s", f"sagas.saga.{past}", id
        )
        assert data == {"saga_id": id, "name": "probe.three", "step": "two", "by": "usr_2", "reason": "I looked"}
        assert workspace == house.tenant.workspace
        async with house.database.transaction(house.tenant) as session:
            with pytest.raises(ConflictError, match="not stuck"):
                await getattr(mending, how)(session, id, by="usr_2", reason="again")

    house.run(go())


def test_cancelled_while_it_waits_and_while_a_call_is_made(house: House) -> None:
    act = acts({})

    async def wait(doing: Doing) -> None:
        assert doing.begun_at is not None
        raise jobs.Again(timedelta(hours=1))

    async def cancelled_meanwhile(doing: Doing) -> None:
        await cancel(doing.saga_id)

    async def undo(doing: Doing) -> None:
        house.sql("insert into app.probe values (%s, 'un-call')", house.tenant.organisation)

    Saga("probe.waiting", Step("one", act("one"), act("un-one")), Step("wait", wait))
    Saga(
        "probe.calling", Step("one", act("one"), act("un-one")),
        Step("call", cancelled_meanwhile, undo, is_outside=True), Step("never", act("never")),
    )  # fmt: skip
    Saga("probe.over", Step("last", act("last"), is_final=True), Step("wait", wait))

    async def cancel(id: str) -> None:
        async with house.database.transaction(Tenant(house.tenant.organisation)) as session:
            await mending.cancel(session, id, by="usr_2", reason="not wanted")

    async def go() -> None:
        waiting = await begun(house, "probe.waiting")
        [[job]] = house.sql("select job_id from app.saga where id = %s", waiting)
        await attempt(house.database, job)
        late = "select state, next_at > now() + interval '59 minutes' from app.job where id = %s"
        assert house.sql(late, job) == [("waiting", True)]
        await cancel(waiting)
        assert house.sql(late, job) == [("waiting", False)], "nobody waits an hour for it"
        await cancel(waiting)
        assert await driven(house, waiting) == "compensated"
        assert house.said() == ["one", "un-one"]
        assert told(house) == ["begun", "cancelled", "compensated"]

        calling = await begun(house, "probe.calling")
        assert await driven(house, calling) == "compensated"
        assert house.said()[2:] == ["one", "un-call", "un-one"], "the call that was being made is noted, then undone"

        over = await begun(house, "probe.over")
        [[job]] = house.sql("select job_id from app.saga where id = %s", over)
        await attempt(house.database, job)
        with pytest.raises(ConflictError, match="no way back"):
            await cancel(over)

    house.run(go())


def test_after_a_final_step_there_is_no_way_back(house: House) -> None:
    three({"three": [InputError("not yet")]}, is_final=True)

    async def go() -> None:
        id = await begun(house)
        assert await driven(house, id) == "stuck"
        assert steps(house, id) == ["done", "done", "pending"]
        async with house.database.transaction(house.tenant) as session:
            await mending.retry(session, id, by="usr_2", reason="it is there now")
        assert await driven(house, id) == "succeeded"
        assert told(house) == ["begun", "stuck", "retried", "succeeded"]

    house.run(go())


def test_outside_what_failed_is_undone_too_by_the_same_key(house: House) -> None:
    keys: list[str] = []

    async def charge(doing: Doing) -> None:
        with pytest.raises(RuntimeError, match="no transaction"):
            assert doing.session
        keys.append(doing.key)
        raise ProviderError("no answer")

    async def refund(doing: Doing) -> None:
        keys.append(doing.key)
        assert doing.done == {"charge": None}

    Saga("probe.outside", Step("charge", charge, refund, pauses=(NOW,), is_outside=True))

    async def go() -> None:
        id = await begun(house, "probe.outside")
        assert await driven(house, id) == "compensated"
        assert keys == [f"{id}:charge", f"{id}:charge", f"{id}:charge:undo"]
        assert steps(house, id) == ["undone"]

    house.run(go())


def test_whoever_was_thought_dead_has_no_effect(house: House) -> None:
    late: list[str] = []

    async def slow(doing: Doing) -> None:
        if not late:
            late.append("first")
            [[job]] = house.sql("select job_id from app.saga where id = %s", doing.saga_id)
            await attempt(house.database, job)
        await say(doing)

    async def say(doing: Doing) -> None:
        async with house.database.transaction(doing.tenant) as session:
            sql = text("insert into app.probe values (:who, 'said')")
            await session.execute(sql, {"who": doing.tenant.organisation})

    Saga("probe.late", Step("slow", slow, is_outside=True))

    async def go() -> None:
        id = await begun(house, "probe.late")
        assert await driven(house, id) == "succeeded"
        states = house.sql(
            "select finished_at is null from app.saga_attempt where saga_id = %s order by started_at", id
        )
        assert states == [(True,), (False,)], "only the second attempt was noted"

    house.run(go())


def test_a_step_that_kills_its_worker_again_and_again(house: House) -> None:
    async def deadly(doing: Doing) -> None:
        raise asyncio.CancelledError

    act = acts({})
    Saga("probe.deadly", Step("one", act("one"), act("un-one")), Step("deadly", deadly))

    async def go() -> None:
        id = await begun(house, "probe.deadly")
        [[job]] = house.sql("select job_id from app.saga where id = %s", id)
        for _ in range(5):
            with pytest.raises(asyncio.CancelledError):
                await attempt(house.database, job)
        assert await driven(house, id) == "compensated"
        assert house.said() == ["one", "un-one"]

    house.run(go())


def test_begun_with_the_transaction_and_for_a_tenant(house: House) -> None:
    three({})

    async def go() -> None:
        async with house.database.session(house.tenant) as session:
            await sagas.begin(session, "probe.three", by="usr_1")
            await session.rollback()
        assert house.sql("select 1 from app.saga where organisation_id = %s", house.tenant.organisation) == []
        with pytest.raises(NotFoundError, match="no saga 'probe"):
            await begun(house, "probe.four")
        async with house.database.system() as session:
            with pytest.raises(RuntimeError, match="acts for none"):
                await sagas.begin(session, "probe.three", by="usr_1")

    house.run(go())


def test_a_release_with_other_steps_leaves_it_alone(house: House) -> None:
    three({})

    async def go() -> None:
        id = await begun(house)
        Saga("probe.three", Step("one", acts({})("one")))
        async with house.database.transaction(house.tenant) as session:
            with pytest.raises(ContractError, match="began with the steps one, two, three"):
                await rows.locked(session, id)

    house.run(go())


@pytest.mark.parametrize(
    ("name", "names"), [("nodot", ["a"]), ("a.b", []), ("a.b", ["x", "x"]), ("a.b", ["X"])], ids=["name", "none", "twice", "word"]
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(name: str, names: list[str]) -> None:
    with pytest.raises(ValueError, match=name):
        Saga(name, *(Step(n, acts({})(n)) for n in names))
