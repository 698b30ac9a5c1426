"""What is sealed under a person's key opens for everybody until the key is gone, and for nobody afterwards."""

from __future__ import annotations

import secrets
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.events import Event
from nexus.events.event import Recording
from nexus.personal import ERASED, Personal, is_sealed, opened, opened_text, sealed_text
from nexus.personal.vault import open_with, seal
from nexus.tenancy import Tenant
from tests.api.identity import people
from tests.api.kernel import Kernel


@given(st.text(max_size=60), st.text("abc_", min_size=1, max_size=8), st.text("xyz", min_size=1, max_size=8))
def test_seals_for_one_person(plain: str, subject: str, other: str) -> None:
    key, foreign = b"k" * 64, b"f" * 64
    hidden = seal(key, subject, plain)
    assert is_sealed(hidden)
    assert plain not in hidden.removeprefix(f"sealed:1:{subject}:") or len(plain) < 4
    assert open_with({subject: key}, hidden) == plain
    assert seal(key, subject, plain) == hidden
    assert (
        open_with({}, hidden) == open_with({subject: None}, hidden) == open_with({subject: foreign}, hidden) == ERASED
    )
    moved = hidden.replace(f":{subject}:", f":{other}:", 1)
    assert open_with({other: key}, moved) == ERASED


def test_events_are_sealed_on_their_way_into_the_log(kernel: Kernel) -> None:
    class Seen(Event, type="privacy.test.seen"):
        test_id: str
        user_id: str | None
        where: Annotated[str, Personal("user_id")]

    someone, test = f"usr_{secrets.token_hex(8)}", secrets.token_hex(8)
    assert Recording.of(Seen(test_id=test, user_id=None, where="x"), Tenant("org_x")).personal == {}

    async def told(session: people.Session) -> None:
        for whose in (someone, None):
            session.record(Seen(test_id=test, user_id=whose, where="the harbour"), tenant=Tenant("org_x"))

    people.within(kernel.settings, told)
    rows = [
        row[0]
        for row in kernel.sql("select data from app.events where data ->> 'test_id' = %s order by sequence", test)
    ]
    assert is_sealed(rows[0]["where"]), rows
    assert rows[1]["where"] == "the harbour"
    assert people.within(kernel.settings, lambda s: opened(s, rows))[0]["where"] == "the harbour"
    kernel.sql("update app.privacy_key set key = null where subject = %s", someone)
    assert people.within(kernel.settings, lambda s: opened(s, rows))[0]["where"] == ERASED
    # nor does it begin again
    assert people.within(kernel.settings, lambda s: sealed_text(s, someone, "again")) == ERASED
    assert people.within(kernel.settings, lambda s: opened_text(s, rows[0]["where"])) == ERASED


def test_requests_cannot_erase(kernel: Kernel) -> None:
    from tests.api.organisations.company import Company

    async def erase(session: people.Session) -> None:
        from sqlalchemy import text

        await session.execute(text("update app.privacy_key set key = null"))

    with pytest.raises(Exception, match="permission denied"):
        Company(kernel).within(erase)
