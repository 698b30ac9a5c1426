"""The short way of a request: the caller is believed and proved by the one statement that does the work. A proof that fails
does nothing; what is asked then goes the long way."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from typing import Any

import httpx
import psycopg
import pytest

from api.identity import directory
from api.organisations.models import Member
from api.organisations.repository import keys as repository
from nexus import postgres
from nexus.db.direct import Direct
from tests.api import short as house
from tests.api.short import KEY, PATH, Here, here, short

__all__ = ["here", "short"]


def test_a_post_and_a_get_are_one_statement_each(here: Here) -> None:
    made = here.client.post(PATH, json={"name": "a", "expected": 0}, headers=KEY)
    assert (made.status_code, made.json(), made.headers["location"]) == (201, {"name": "a"}, f"{PATH}/a")
    assert (here.asked.statements, here.asked.lookups) == (1, 0)
    assert here.left() == (1, 1)
    assert here.client.get(f"{PATH}/a").json() == {"name": "a", "workspace_id": here.company.one}
    assert here.client.get(f"{PATH}/b").status_code == 404
    assert (here.asked.statements, here.asked.lookups) == (3, 0)


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_keys_that_cannot_be_used(here: Here, key: str) -> None:
    assert here.client.post(PATH, json={}, headers={"Idempotency-Key": key}).status_code == 400
    assert here.left() == (0, 0)


def test_a_key_that_is_sent_again(here: Here) -> None:
    first = here.client.post(PATH, json={"name": "a"}, headers=KEY)
    again = here.client.post(PATH, json={"name": "a"}, headers=KEY)
    assert (again.status_code, again.json(), again.headers["idempotent-replay"]) == (201, first.json(), "true")
    assert again.headers["location"] == first.headers["location"]
    reused = here.client.post(PATH, json={"name": "b"}, headers=KEY)
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    assert here.left() == (1, 1)
    # the way that a request takes is not another request
    remaining = [int(r.headers["ratelimit"].split("r=")[1].split(";")[0]) for r in (first, again, reused)]
    assert remaining == [999, 998, 997]
    nxt = here.client.post(PATH, json={"name": "c"})
    assert nxt.headers["ratelimit"].startswith('"short";r=996;')


def test_a_key_is_kept_for_a_day(here: Here) -> None:
    """The one statement finds an answer there, however old it is; the long way sees that it counts no more."""
    assert here.client.post(PATH, json={"name": "a"}, headers=KEY).status_code == 201
    here.kernel.sql("delete from app.short where workspace_id = %s", here.company.one)
    older = "update app.idempotency_key set created_at = now() - interval '25 hours' where workspace_id = %s"
    here.kernel.sql(older, here.company.one)
    again = here.client.post(PATH, json={"name": "a"}, headers=KEY)
    assert (again.status_code, "idempotent-replay" in again.headers) == (201, False)
    assert here.left() == (1, 2)
    assert here.client.post(PATH, json={"name": "a"}, headers=KEY).headers["idempotent-replay"] == "true"


def test_a_key_is_of_who_sent_it_whatever_they_send_it_with(here: Here) -> None:
    assert here.client.post(PATH, json={"name": "a"}, headers=KEY).status_code == 201
    body = {"name": "k2", "scopes": {here.company.one: ["models.predict"]}, "expires_in_days": 1}

    def post(member: Member, name: str) -> httpx.Response:
        made = here.company.caller(member).post("/v1/api-keys", json=body).json()
        headers = {**KEY, "Authorization": f"Bearer {made['key']}"}
        return httpx.post(here.kernel.address + PATH, json={"name": name}, headers=headers)

    assert post(here.member, "a").headers["idempotent-replay"] == "true", "another key of the same person"
    other = post(here.company.member(("analyst", here.company.one)), "b")
    assert (other.status_code, other.json()) == (201, {"name": "b"})
    assert here.left() == (2, 2)


@pytest.mark.parametrize(
    ("said", "status"),
    [({"then": "refuse"}, 409), ({"expected": 3}, 409), ({"name": "taken"}, 409), ({"workspace": "other"}, 500)],
)
def test_whatever_fails_leaves_nothing(here: Here, said: dict[str, Any], status: int) -> None:
    assert here.client.post(PATH, json={"name": "taken"}).status_code == 201
    assert here.client.post(PATH, json={"name": "x", **said}, headers=KEY).status_code == status
    assert here.left() == (1, 1)
    assert here.client.post(PATH, json={"name": "y"}, headers=KEY).status_code == 201
    assert here.asked.lookups == (said == {"then": "refuse"})


def test_rows_as_objects_of_their_models(here: Here) -> None:
    made = here.client.post(f"{PATH}/things", json={"name": "a"}, headers=KEY).json()
    assert (made["words"], made["note"], made["count"], made["place"], made["version"]) == (
        {"say": ["a"]}, None, 7, 2, 1,
    )  # fmt: skip
    assert here.client.get(f"{PATH}/things/a").json() == made
    assert (here.asked.statements, here.asked.lookups) == (2, 0)
    changed = here.client.post(f"{PATH}/things/a:change", json={"name": "b"}).json()
    assert changed == {
        **made,
        "words": {"say": "b"},
        "note": "changed",
        "version": 2,
        "updated_at": changed["updated_at"],
    }
    assert changed["updated_at"] > made["updated_at"]
    assert here.client.get(f"{PATH}/things/a").json() == changed
    # what goes in the middle, goes on as it was
    assert here.client.post(f"{PATH}/things/a:change", json={"then": "remove"}).status_code == 409
    assert here.client.get(f"{PATH}/things/a").json() == changed
    assert here.client.post(f"{PATH}/things/a:remove").status_code == 200
    assert here.client.get(f"{PATH}/things/a").status_code == 404
    assert here.client.post(f"{PATH}/things", json={"name": "c", "then": "leave out"}).status_code == 500
    assert here.client.post(f"{PATH}/things", json={"name": "c", "workspace": "other"}).status_code == 500
    assert here.client.get(f"{PATH}/things/c").status_code == 404


REVOKED = "update app.organisations_api_key set revoked_at = now() where id = %s"
EXPIRED = "update app.organisations_api_key set expires_at = now() where id = %s"


@pytest.mark.parametrize("sql", [REVOKED, EXPIRED])
def test_a_key_that_ends_opens_nothing_from_then_on(here: Here, sql: str) -> None:
    assert here.client.post(PATH, json={"name": "a"}).status_code == 201
    here.kernel.sql(sql, here.key_id)
    for answer in (
        here.client.get(f"{PATH}/a"),
        here.client.get(f"{PATH}/none"),
        here.client.post(PATH, json={"name": "b"}, headers=KEY),
        here.client.post(PATH, json={"name": "b"}),
        here.client.post(f"{PATH}/after-a-look", json={"name": "b"}),
        here.client.post(f"{PATH}/nothing"),
        # nor is it told what else is wrong
        here.client.post(PATH, json={"name": 1}),
        here.client.post(PATH, json={"then": "refuse"}),
    ):
        assert answer.status_code == 401, answer.text
    assert here.left() == (1, 1)


def test_what_its_holder_loses_the_key_loses(here: Here) -> None:
    assert here.client.post(PATH, json={"name": "a"}).status_code == 201
    here.kernel.sql("delete from app.organisations_assignment where member_id = %s", here.member.id)
    # no role is left in any workspace, so there is none to be in
    assert here.client.get(f"{PATH}/a").status_code in {400, 403, 422}
    here.company.give(("viewer", here.company.one), member_id=here.member.id)
    assert here.client.post(PATH, json={"name": "b"}, headers=KEY).status_code == 403
    here.company.give(("analyst", here.company.one), member_id=here.member.id)
    assert here.client.post(PATH, json={"name": "b"}, headers=KEY).status_code == 201
    assert here.left() == (2, 2)


def test_a_person_who_may_not_sign_in_any_more(here: Here) -> None:
    assert here.client.post(PATH, json={"name": "a"}).status_code == 201
    here.company.within(lambda s: directory.deactivate(s, here.member.user_id), everything=True)
    assert here.client.post(PATH, json={"name": "b"}).status_code == 401
    assert here.left() == (1, 1)


def test_use_is_noted_by_the_long_way(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    query = "select last_used_at > now() - interval '30 seconds' from app.organisations_api_key where id = %s"
    here.kernel.sql(
        "update app.organisations_api_key set last_used_at = now() - interval '2 minutes' where id = %s", here.key_id
    )
    # it has looked within a minute, and asks nobody
    assert here.client.post(PATH, json={"name": "a"}).status_code == 201
    assert (here.kernel.sql(query, here.key_id), here.asked.lookups) == ([(False,)], 0)
    monkeypatch.setattr(repository, "monotonic", lambda: time.monotonic() + 61)
    assert here.client.post(PATH, json={"name": "b"}).status_code == 201
    assert here.kernel.sql(query, here.key_id) == [(True,)]
    assert here.left() == (2, 2)


def test_a_use_counts_once_and_once_the_caller_is_proved(here: Here) -> None:
    owner = here.company.caller(here.company.member(("owner", "*")))

    def uses() -> int:
        found = owner.get("/v1/access-review").json()["data"]
        mine = next(one for one in found if one["id"] == here.member.id)
        return sum(g["uses"] for g in mine["granted"] if g["permission"] == "models.predict")

    before = uses()
    assert here.client.post(PATH, json={"name": "a"}, headers=KEY).status_code == 201
    assert uses() == before + 1
    # both turn round: the key is not new, the stamp is another
    assert here.client.post(PATH, json={"name": "a"}, headers=KEY).headers["idempotent-replay"] == "true"
    here.company.member()
    assert here.client.get(f"{PATH}/a").status_code == 200
    assert here.client.post(PATH, json={"then": "refuse"}).status_code == 409
    assert uses() == before + 4
    here.kernel.sql(REVOKED, here.key_id)
    assert here.client.get(f"{PATH}/a").status_code == 401
    assert here.client.post(PATH, json={"name": "b"}).status_code == 401
    assert uses() == before + 4


def test_a_transaction_that_looks_first_proves_first(here: Here) -> None:
    path = f"{PATH}/after-a-look"
    assert here.client.post(path, json={"name": "a"}, headers=KEY).json() == {"before": 0}
    assert here.client.post(path, json={"name": "a"}, headers=KEY).headers["idempotent-replay"] == "true"
    assert here.client.post(path, json={"name": "b"}).json() == {"before": 1}
    assert here.left() == (2, 0)


@pytest.mark.parametrize("then", ["", "open"], ids=["at once", "in an open transaction"])
def test_what_was_proved_by_a_look_is_proved_again_by_the_writing(
    here: Here, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    path = f"{PATH}/read-then-add"
    assert here.client.post(path, json={"name": "a", "then": then}).json() == {"before": 0}
    assert here.asked.lookups == 0
    monkeypatch.setattr(house, "meanwhile", [lambda: here.kernel.sql(REVOKED, here.key_id)])
    assert here.client.post(path, json={"name": "b", "then": then}).status_code == 401
    assert here.left() == (1, 0)


def test_fifty_clients_with_one_key(here: Here) -> None:
    answers: list[httpx.Response] = []
    headers = {**KEY, **here.client.headers}
    threads = [
        threading.Thread(
            target=lambda: answers.append(httpx.post(here.kernel.address + PATH, json={"name": "f"}, headers=headers))
        )
        for _ in range(50)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {a.status_code for a in answers} <= {201, 409}
    assert {a.json()["code"] for a in answers if a.status_code == 409} <= {"idempotency_key_in_flight"}
    assert len([a for a in answers if a.status_code == 201 and "idempotent-replay" not in a.headers]) == 1
    assert here.left() == (1, 1)


def test_events_that_begin_a_stream(here: Here) -> None:
    """`expected_version=0` is one plain insert, and promises what counting would."""
    assert here.client.post(PATH, json={"name": "a", "expected": 0}, headers=KEY).status_code == 201
    stream = (
        "select stream, sequence, data ->> 'thing_id', traceparent is not null from app.events where workspace_id = %s"
    )
    assert here.kernel.sql(stream, here.company.one) == [("thing/a", 1, "a", True)]
    here.kernel.sql("delete from app.short where workspace_id = %s", here.company.one)
    again = here.client.post(PATH, json={"name": "a", "expected": 0})
    assert (again.status_code, again.json()["detail"]) == (409, "its history has begun already")
    assert here.left() == (0, 1)
    here.kernel.sql(
        "insert into app.pruned_stream (organisation_id, stream, sequence) values (%s, 'thing/old', 3)", here.company.id
    )
    assert here.asked.lookups == 0
    pruned = here.client.post(PATH, json={"name": "old", "expected": 0}, headers={"Idempotency-Key": "old"})
    assert (pruned.status_code, pruned.json()["detail"]) == (409, "thing/old has version 3, not 0")
    assert here.asked.lookups == 1
    assert here.left() == (0, 1)
    assert here.client.post(PATH, json={"name": "old", "expected": 3}).status_code == 201
    assert here.left() == (1, 2)


def test_whoever_begins_a_stream_waits_for_who_writes_to_it(here: Here) -> None:
    answers: list[httpx.Response] = []
    lock = "select pg_advisory_xact_lock(hashtextextended(%s, 7303))"
    asking = threading.Thread(
        target=lambda: answers.append(here.client.post(PATH, json={"name": "a", "expected": 0}, headers=KEY))
    )
    with psycopg.connect(postgres.dsn(here.kernel.settings)) as held:
        held.execute(lock, [f"{here.company.id}/thing/a"])
        asking.start()
        asking.join(0.5)
        assert (asking.is_alive(), answers) == (True, [])
        busy = httpx.post(
            here.kernel.address + PATH, json={"name": "a"}, headers={**KEY, **here.client.headers}, timeout=20
        )
        assert (busy.status_code, busy.json()["code"]) == (409, "idempotency_key_in_flight")
    asking.join(20)
    assert [a.status_code for a in answers] == [201]
    assert here.left() == (1, 1)


def test_many_at_once_begin_one_stream(here: Here) -> None:
    answers: list[int] = []

    def ask(n: int) -> None:
        said = {"name": f"r{n}", "thing": "one", "expected": 0}
        headers = {"Idempotency-Key": f"k{n}", **here.client.headers}
        answers.append(httpx.post(here.kernel.address + PATH, json=said, headers=headers, timeout=20).status_code)

    threads = [threading.Thread(target=ask, args=[n]) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [201, *[409] * 19]
    assert here.left() == (1, 1)
    kept = "select count(*) from app.idempotency_key where workspace_id = %s"
    assert here.kernel.sql(kept, here.company.one) == [(1,)]


def test_an_answered_request_waits_for_no_collector(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a circle it would be held until the collector has looked, with a body that a stranger sent."""
    closed: list[weakref.ref[Direct]] = []
    close = Direct.close

    async def noted(session: Direct) -> None:
        closed.append(weakref.ref(session))
        await close(session)

    monkeypatch.setattr(Direct, "close", noted)
    gc.disable()
    try:
        assert here.client.post(PATH, json={"name": "a"}, headers=KEY).status_code == 201
        assert here.client.get(f"{PATH}/a").status_code == 200
        until = time.monotonic() + 10
        while any(ref() is not None for ref in closed) and time.monotonic() < until:
            time.sleep(0.01)
        assert [ref() for ref in closed] == [None, None]
    finally:
        gc.enable()
