"""Browser sessions: recognised by their cookie, ended by time, by number and by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from api.identity import sessions
from api.identity.models import SessionRow
from api.identity.sessions import Lifetimes, MaybeSignedIn, RecentlySignedIn, SignedIn
from api.kernel.routing import Router
from nexus.db import Database, Session
from tests.api.identity.people import HERE, make, sign_in, told, within
from tests.api.kernel import Kernel

router = Router(prefix="/probe", include_in_schema=False)


@router.get("/who")
async def who(here: SignedIn) -> dict[str, object]:
    return {"id": here.id, "user": here.user_id, "methods": sorted(here.methods)}


@router.get("/recent")
async def recent(here: RecentlySignedIn) -> str:
    return here.user_id


@router.post("/who")
async def change(here: SignedIn) -> str:
    return here.user_id


@router.get("/maybe")
async def maybe(here: MaybeSignedIn) -> str | None:
    return here.user_id if here else None


@pytest.fixture(scope="module")
def probed(kernel: Kernel) -> Iterator[Kernel]:
    with kernel.offering(router):
        yield kernel


@pytest.fixture
def client(probed: Kernel) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=probed.address) as made:
        yield made


def cookie(secret: str) -> dict[str, str]:
    return {"Cookie": f"nexus_session={secret}"}


def test_a_cookie_says_who_is_signed_in(probed: Kernel, client: httpx.Client) -> None:
    person = make(probed)
    id, secret = sign_in(probed, person)
    assert client.get("/probe/who", headers=cookie(secret)).json() == {"id": id, "user": person.id, "methods": ["pwd"]}
    assert client.get("/probe/maybe", headers=cookie(secret)).json() == person.id
    assert client.get("/probe/recent", headers=cookie(secret)).json() == person.id
    assert told(probed, person) == ["user.created", "session.started"]
    kept = probed.sql("select token_hash from app.identity_session where id = %s", id)[0][0]
    assert bytes(kept) == sessions.hashed(secret)


@pytest.mark.parametrize("secret", ["", "x", "é", "a" * 4000])
def test_who_is_not_signed_in_is_sent_to_sign_in_and_back(client: httpx.Client, secret: str) -> None:
    headers = {"Cookie": f"nexus_session={secret}".encode()}
    refused = client.get("/probe/who?a=1&b=%2F", headers=headers)  # type: ignore[arg-type]
    assert (refused.status_code, refused.headers["location"]) == (
        303,
        "/signin?next=%2Fprobe%2Fwho%3Fa%3D1%26b%3D%252F",
    )
    assert client.post("/probe/who", headers=headers).headers["location"] == "/signin?next=%2Faccount"  # type: ignore[arg-type]
    assert client.get("/probe/maybe", headers=headers).json() is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "ending",
    [
        "expires_at = now()",
        "last_seen_at = now() - interval '12 hours 1 second'",
        "ended_at = now()",
        "awaits_factor = true",
    ],
)
def test_what_ends_a_session(probed: Kernel, client: httpx.Client, ending: str) -> None:
    id, secret = sign_in(probed, make(probed))
    probed.sql(f"update app.identity_session set {ending} where id = %s", id)
    assert client.get("/probe/who", headers=cookie(secret)).status_code == 303


def test_use_keeps_a_session_from_idling_out(probed: Kernel, client: httpx.Client) -> None:
    id, secret = sign_in(probed, make(probed))
    probed.sql("update app.identity_session set last_seen_at = now() - interval '11 hours' where id = %s", id)
    assert client.get("/probe/who", headers=cookie(secret)).status_code == 200
    recent = "select last_seen_at > now() - interval '1 minute' from app.identity_session where id = %s"
    assert probed.sql(recent, id) == [(True,)]


def test_an_old_proof_is_asked_for_again(probed: Kernel, client: httpx.Client) -> None:
    id, secret = sign_in(probed, make(probed))
    probed.sql("update app.identity_session set authenticated_at = now() - interval '11 minutes' where id = %s", id)
    assert client.get("/probe/who", headers=cookie(secret)).status_code == 200
    assert client.get("/probe/recent", headers=cookie(secret)).headers["location"] == (
        "/signin?again=1&next=%2Fprobe%2Frecent"
    )


def test_a_password_that_must_be_changed_comes_first(probed: Kernel, client: httpx.Client) -> None:
    _, secret = sign_in(probed, make(probed, must_change_password=True))
    assert client.get("/probe/who", headers=cookie(secret)).headers["location"] == (
        "/account/password?next=%2Fprobe%2Fwho"
    )


def test_one_more_than_may_be_ends_the_oldest_or_is_refused(probed: Kernel) -> None:
    person = make(probed)
    two = Lifetimes(timedelta(hours=1), timedelta(hours=1), most=2, ends_oldest=True)

    def start(limits: Lifetimes) -> str:
        return within(probed.settings, lambda s: sessions.start(s, person.id, HERE, limits, frozenset({"pwd"})))[0]

    first, second, third = (start(two) for _ in range(3))
    rows = probed.sql("select id, ended_because from app.identity_session where user_id = %s order by id", person.id)
    assert rows == [(first, "replaced"), (second, None), (third, None)]
    with pytest.raises(sessions.TooManySessionsError, match="2 sessions"):
        start(Lifetimes(timedelta(hours=1), timedelta(hours=1), most=2, ends_oldest=False))


def test_many_at_once_are_not_more_than_may_be(probed: Kernel) -> None:
    person = make(probed)
    two = Lifetimes(timedelta(hours=1), timedelta(hours=1), most=2, ends_oldest=True)

    async def crowd(session: Session) -> None:
        async def one() -> None:
            async with database.system() as its_own:
                await its_own.scalar(select(1))
                await together.wait()
                await sessions.start(its_own, person.id, HERE, two, frozenset({"pwd"}))

        database, together = Database(probed.settings), asyncio.Barrier(4)
        await asyncio.gather(*(one() for _ in range(4)))
        await database.close()

    within(probed.settings, crowd)
    live = "select count(*) from app.identity_session where user_id = %s and ended_at is null"
    assert probed.sql(live, person.id) == [(2,)]


def test_who_knows_the_password_alone_ends_no_session(probed: Kernel) -> None:
    """Sessions that await a second factor have a limit of their own: ten sign-ins of a thief leave their owner signed in."""
    person = make(probed)
    two = Lifetimes(timedelta(hours=1), timedelta(hours=1), most=2, ends_oldest=True)

    def start(awaits_factor: bool) -> str:
        pwd = frozenset({"pwd"})
        return within(
            probed.settings, lambda s: sessions.start(s, person.id, HERE, two, pwd, awaits_factor=awaits_factor)
        )[0]

    whole = [start(False) for _ in range(2)]
    halves = [start(True) for _ in range(3)]
    open_ones = "select id from app.identity_session where user_id = %s and ended_at is null order by id"
    assert [id for (id,) in probed.sql(open_ones, person.id)] == [*whole, *halves[1:]]


def test_ending_one_and_all_the_others(probed: Kernel) -> None:
    person, stranger = make(probed), make(probed)
    first, second, third = (sign_in(probed, person)[0] for _ in range(3))
    theirs = sign_in(probed, stranger)[0]
    assert not within(probed.settings, lambda s: sessions.revoke(s, person.id, theirs))
    assert within(probed.settings, lambda s: sessions.revoke(s, person.id, first))
    assert not within(probed.settings, lambda s: sessions.revoke(s, person.id, first))
    assert within(probed.settings, lambda s: sessions.revoke_all(s, person.id, "revoked", but=third)) == [second]
    live = "select id from app.identity_session where user_id in (%s, %s) and ended_at is null order by id"
    assert probed.sql(live, person.id, stranger.id) == sorted([(third,), (theirs,)])
    assert told(probed, person).count("session.revoked") == 2


moments = st.integers(0, 200)


@given(
    began=moments,
    uses=st.lists(moments, max_size=8),
    idle=st.integers(1, 50),
    absolute=st.integers(1, 100),
    now=moments,
)
def test_a_session_lives_while_it_is_used_and_never_past_its_end(
    began: int, uses: list[int], idle: int, absolute: int, now: int
) -> None:
    """Against a walk through time: each use renews it only if it is still alive then."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    limits = Lifetimes(timedelta(minutes=idle), timedelta(minutes=absolute), 1, True)

    def at(minute: int) -> datetime:
        return start + timedelta(minutes=minute)

    row = SessionRow(expires_at=at(began + absolute), last_seen_at=at(began), ended_at=None)
    last, dead = began, False
    for use in sorted(u for u in uses if began <= u <= now):
        dead = dead or use - last >= idle or use - began >= absolute
        assert limits.alive(row, at(use)) is not dead
        if not dead:
            last, row.last_seen_at = use, at(use)
    expected = not dead and now - last < idle and now - began < absolute
    if now >= began:
        assert limits.alive(row, at(now)) is expected
