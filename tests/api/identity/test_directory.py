"""People as other slices know them."""

from __future__ import annotations

import asyncio
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from api.identity import directory
from api.identity.migrations import identity_0001
from nexus.db import Database
from nexus.errors import ConflictError, InputError, NotFoundError
from tests.api.identity.people import address, make, sign_in, told, within
from tests.api.kernel import Kernel


def test_a_person_is_found_by_id_and_by_any_spelling_of_their_address(kernel: Kernel) -> None:
    email = f"Ada.{address()}"
    made = make(kernel, email=f"  {email} ", email_verified=True)
    assert (made.email, made.name, made.email_verified, made.active) == (email, "Ada Example", True, True)
    assert within(kernel.settings, lambda s: directory.user(s, made.id)) == made
    for spelling in (email.upper(), email.lower(), f" {email}"):
        assert within(kernel.settings, lambda s, e=spelling: directory.by_email(s, e)) == made  # type: ignore[misc]
        with pytest.raises(ConflictError):
            make(kernel, email=spelling)
    assert within(kernel.settings, lambda s: directory.user(s, "usr_nobody")) is None
    assert told(kernel, made) == ["user.created"]


@pytest.mark.parametrize(
    ("typed", "is_same"),
    [
        ("\uff41da@people.example", True),  # a full-width a
        ("\U0001d4eada@people.example", True),  # a bold one
        ("ada@\uff50eople.example", True),
        ("ada\uff20people.example", True),  # a full-width @
        ("a\u0064a@people.example", True),
        ("\u0430da@people.example", False),  # a Cyrillic a
        ("ada@people\u3002example", False),
        ("ad\u0131@people.example", False),
        ("ada\u200b@people.example", False),
    ],
)  # fmt: skip
def test_addresses_that_look_alike(typed: str, is_same: bool) -> None:
    """What is compared alike is one person; what only looks alike is another, whom nobody finds by it."""
    assert (directory.email_key(typed) == "ada@people.example") is is_same


@given(st.text(max_size=40))
def test_whichever_keyboard_an_address_comes_from(typed: str) -> None:
    key = directory.email_key(typed)
    for form in ("NFC", "NFD"):
        assert directory.email_key(f" {unicodedata.normalize(form, typed)}\t") == key  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "email", ["", "ada", "@example.com", "a b@example.com", "a@", "a\x00@b.example", "a@b@c", "a" * 65 + "@b"]
)
def test_what_is_no_address(kernel: Kernel, email: str) -> None:
    with pytest.raises(InputError, match="not an e-mail address"):
        make(kernel, email=email)


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "a\x07b"])
def test_what_is_no_name(kernel: Kernel, name: str) -> None:
    with pytest.raises(InputError, match="the name"):
        make(kernel, name=name)


def test_two_at_once_with_one_address_make_one_person(kernel: Kernel) -> None:
    email = address()

    async def both() -> list[object]:
        database = Database(kernel.settings)

        async def one() -> object:
            async with database.system() as session:
                return await directory.create(session, email=email, name="Ada")

        done = await asyncio.gather(one(), one(), return_exceptions=True)
        await database.close()
        return list(done)

    done = asyncio.run(both())
    assert sorted(isinstance(d, directory.Person) for d in done) == [False, True]
    assert kernel.sql("select count(*) from app.identity_user where email = %s", email) == [(1,)]


def test_deactivation_ends_every_session_and_is_told_once(kernel: Kernel) -> None:
    made = make(kernel)
    for _ in range(2):
        sign_in(kernel, made)
    for _ in range(2):
        within(kernel.settings, lambda s: directory.deactivate(s, made.id))
    found = within(kernel.settings, lambda s: directory.user(s, made.id))
    assert found is not None
    assert not found.active
    assert kernel.sql("select distinct ended_because from app.identity_session where user_id = %s", made.id) == [
        ("deactivated",)
    ]
    assert told(kernel, made) == [
        "user.created",
        *["session.started"] * 2,
        "user.deactivated",
        *["session.revoked"] * 2,
    ]
    within(kernel.settings, lambda s: directory.reactivate(s, made.id))
    assert told(kernel, made)[-1] == "user.reactivated"
    with pytest.raises(NotFoundError):
        within(kernel.settings, lambda s: directory.deactivate(s, "usr_nobody"))


@pytest.mark.parametrize("table", identity_0001.TABLES)
def test_requests_do_not_reach_the_tables_themselves(kernel: Kernel, table: str) -> None:
    async def look() -> None:
        database = Database(kernel.settings)
        try:
            async with database.transaction(None) as session:
                await session.execute(text(f"select 1 from app.{table}"))
        finally:
            await database.close()

    with pytest.raises(DBAPIError, match="permission denied"):
        asyncio.run(look())
