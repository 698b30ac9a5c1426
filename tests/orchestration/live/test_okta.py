"""Okta live at the transport: polling, links, who has left a group, tokens, and what is missing in words."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from nexus.connections import Connection
from nexus.errors import InputError, ProviderError
from nexus.settings import Settings
from orchestration.live.connections import opened
from orchestration.live.landed import landed
from orchestration.live.pull import pull
from orchestration.live.spec import Cursor, Span
from tests.orchestration.live.conftest import Connect, Seconds
from tests.orchestration.live.okta_api import BASE, Okta


@pytest.fixture
def okta() -> Okta:
    return Okta()


@pytest.fixture
def connection(connect: Connect) -> Connection:
    return connect("okta", secrets={"api_token": "token"}, domain=BASE)


def _read(connection: Connection, okta: Okta, stream: str, cursor: Cursor) -> tuple[list[str], Cursor]:
    with opened(connection, okta) as account:
        (chosen,) = [s for s in account.streams if s.name == stream]
        pages = list(chosen.pages(cursor))  # type: ignore[call-arg]
    found = [d["uuid" if stream == "log" else "id"] for page in pages for d in page.documents]  # type: ignore[index, call-overload]
    return found, pages[-1].cursor


def test_the_log_is_polled_in_the_order_of_storing(connection: Connection, okta: Okta) -> None:
    now = f"{datetime.now(UTC):%Y-%m-%dT%H}"
    for n in range(5):
        okta.event(f"e{n}", f"{now}:00:0{n}.000Z")
    found, cursor = _read(connection, okta, "log", {})
    assert found == ["e0", "e1", "e2", "e3", "e4"]
    assert all("until" not in r.url.params for r in okta.asked)
    okta.event("stored late", f"{now}:00:01.500Z")
    found, cursor = _read(connection, okta, "log", cursor)
    assert found == ["stored late"]
    asked = len(okta.asked)
    assert _read(connection, okta, "log", cursor)[0] == []
    assert len(okta.asked) - asked == 1
    okta.forgets_pages = True
    okta.page = 100
    found, cursor = _read(connection, okta, "log", {**cursor, "seen": f"{now}:00:04.000Z"})
    assert set(found) >= {"e4", "stored late"}  # by time, an hour back
    assert cursor["seen"] == f"{now}:00:01.500Z"


def test_a_span_of_the_log_is_bounded(connection: Connection, okta: Okta) -> None:
    for n in range(5):
        okta.event(f"e{n}", f"2026-10-0{n + 1}T00:00:00.000Z")
    with opened(connection, okta) as account:
        span = account.streams[0].span
        assert span is not None
        pages = list(span(Span(datetime(2026, 10, 2, tzinfo=UTC), datetime(2026, 10, 5, tzinfo=UTC))))
    assert [d["uuid"] for page in pages for d in page.documents] == ["e1", "e2", "e3"]  # type: ignore[index, call-overload]


def test_users_that_changed_and_a_list_that_broke_off(connection: Connection, okta: Okta) -> None:
    for n in range(5):
        okta.user(f"u{n}", f"2026-05-0{n + 1}T00:00:00.000Z", "DEPROVISIONED" if n == 3 else "ACTIVE")
    with opened(connection, okta) as account:
        pages = account.streams[1].pages({})  # type: ignore[call-arg]
        first = next(iter(pages))
    assert [d["id"] for d in first.documents] == ["u0", "u1"]  # type: ignore[index, call-overload]
    found, cursor = _read(connection, okta, "user", first.cursor)
    assert found == ["u2", "u3", "u4"]
    assert _read(connection, okta, "user", cursor)[0] == []
    okta.user("u1", "2099-01-01T00:00:00.000Z", "DEPROVISIONED")
    assert _read(connection, okta, "user", cursor)[0] == ["u1"]


def test_a_span_of_users_is_of_their_last_change(connection: Connection, okta: Okta) -> None:
    for n in range(1, 6):
        okta.user(f"u{n}", f"2026-05-0{n}T00:00:00.000Z", "DEPROVISIONED" if n == 3 else "ACTIVE")
    with opened(connection, okta) as account:
        span = account.streams[1].span
        assert span is not None
        pages = list(span(Span(datetime(2026, 5, 2, tzinfo=UTC), datetime(2026, 5, 5, tzinfo=UTC))))
    assert [d["id"] for page in pages for d in page.documents] == ["u2", "u3", "u4"]  # type: ignore[index, call-overload]
    assert {len(page.cursor) for page in pages} == {0}


def test_who_leaves_a_group_is_seen(settings: Settings, connection: Connection, okta: Okta) -> None:
    old, new = "2026-01-02T00:00:00.000Z", "2099-01-01T00:00:00.000Z"
    for name in ("ann", "bob", "cem"):
        okta.user(name, old)
    okta.group("staff", old, "ann", "bob", "cem")
    okta.group("doomed", old, "ann")
    okta.group("all", old, "ann", "bob", "cem", kind="BUILT_IN", name="Everyone")
    okta.limited = 1
    first = pull(connection, settings, transport=okta)
    first.raise_failed()
    assert first.total.quarantined == 0
    assert "groups/all/users" not in okta.paths()
    okta.group("staff", new, "ann", "cem", "dan")
    del okta.groups["doomed"]
    okta.asked.clear()
    pull(connection, settings, streams=("group",), transport=okta).raise_failed()
    assert okta.paths() == ["groups", "groups/staff/users", "groups/staff/users"]  # what did not change is not read
    asked = "select group_id || '/' || user_id, coalesce(is_member, true) from raw_okta__group_member order by 1"
    with landed(settings, connection) as ask:
        assert ask(asked) == [
            ("doomed/ann", True), ("staff/ann", True), ("staff/bob", False), ("staff/cem", True), ("staff/dan", True),
        ]  # fmt: skip
    pull(connection, settings, streams=("group",), transport=okta).raise_failed()
    again = pull(connection, settings, streams=("group",), transport=okta)
    assert again.total.landed == 0
    _a_day_later(settings)
    pull(connection, settings, streams=("group",), transport=okta).raise_failed()
    with landed(settings, connection) as ask:
        assert ask(f"select * from ({asked}) where 1 = 1")[0] == ("doomed/ann", False)
        assert ask("select id from raw_okta__group where is_deleted") == [("doomed",)]


def test_two_organisations_in_one_workspace_do_not_judge_each_other(
    settings: Settings, connect: Connect, connection: Connection, okta: Okta
) -> None:
    old, other = "2026-01-02T00:00:00.000Z", Okta()
    beside = connect("okta-customers", source="okta", secrets={"api_token": "token"}, domain=BASE)
    for api, name in ((okta, "a"), (other, "b")):
        api.group(f"staff-{name}", old, f"user-{name}")
        api.group(f"doomed-{name}", old, f"user-{name}")
    for round_ in range(3):
        for each, api in ((connection, okta), (beside, other)):
            pull(each, settings, streams=("group",), transport=api).raise_failed()
        _a_day_later(settings)
        if round_ == 1:
            del okta.groups["doomed-a"]
    with landed(settings, connection) as ask:
        assert ask("select id from raw_okta__group where is_deleted") == [("doomed-a",)]
        asked = "select group_id, is_member from raw_okta__group_member order by 1"
        assert ask(asked) == [("doomed-a", False), ("doomed-b", True), ("staff-a", True), ("staff-b", True)]


def test_a_group_that_had_landed_as_gone_comes_back(settings: Settings, connection: Connection, okta: Okta) -> None:
    """As it stood where two organisations had judged each other."""
    okta.group("staff", "2026-01-02T00:00:00.000Z", "ann")
    pull(connection, settings, streams=("group",), transport=okta).raise_failed()
    held = okta.groups.pop("staff")
    _a_day_later(settings)
    pull(connection, settings, streams=("group",), transport=okta).raise_failed()
    okta.groups["staff"] = held
    _a_day_later(settings)
    for _ in range(2):
        pull(connection, settings, streams=("group",), transport=okta).raise_failed()
        with landed(settings, connection) as ask:
            assert ask("select id from raw_okta__group where is_deleted") == []
            assert ask("select user_id, is_member from raw_okta__group_member") == [("ann", True)]


def test_a_whole_list_that_broke_off_knows_what_it_listed(
    settings: Settings, connection: Connection, okta: Okta
) -> None:
    old = "2026-01-02T00:00:00.000Z"
    for name in ("a", "b", "c"):
        okta.group(name, old, "ann")
    okta.forbidden = {"groups/c"}
    assert pull(connection, settings, streams=("group",), transport=okta).streams[0].error
    okta.forbidden = set()
    del okta.groups["b"]
    pull(connection, settings, streams=("group",), transport=okta).raise_failed()
    with landed(settings, connection) as ask:
        assert ask("select id from raw_okta__group where is_deleted") == [("b",)]


def _a_day_later(settings: Settings) -> None:
    from warehouse import ledger

    with ledger.connect(settings) as book:
        book.execute('update pull_cursor set cursor = cursor || \'{"listed": "2026-01-01T00:00:00+00:00"}\'::jsonb')


def test_a_service_app_signs_for_its_tokens(connect: Connect, okta: Okta, tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    okta.public_key = key.public_key()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    connection = connect("okta", secrets={"private_key": pem}, client_id="0oaApp", domain="company.okta.example")
    with opened(connection, okta) as account:
        assert [f.level for f in account.check()] == ["ok"] * 3
        assert okta.paths().count("/oauth2/v1/token") == 1
        okta.granted = "withdrawn"
        assert [f.level for f in account.check()] == ["ok"] * 3
    assert okta.paths().count("/oauth2/v1/token") == 2


def test_a_token_is_renewed_before_it_expires(
    connect: Connect, okta: Okta, tmp_path: Path, seconds: Seconds
) -> None:  # fmt: skip
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    okta.public_key = key.public_key()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    connection = connect("okta", secrets={"private_key": pem}, client_id="0oaApp", domain="company.okta.example")
    with opened(connection, okta) as account:
        for moment, tokens in ((0, 1), (3600 - 61, 1), (3600 - 59, 2)):
            seconds.now = moment
            assert [f.level for f in account.check()] == ["ok"] * 3
            assert okta.paths().count("/oauth2/v1/token") == tokens, moment
    assert len(okta.asked) == 9 + 2  # nothing was refused in between


def test_what_is_missing_is_said_in_words(connect: Connect, connection: Connection, okta: Okta) -> None:
    okta.forbidden = {"logs"}
    with opened(connection, okta) as account:
        found = {f.subject: f for f in account.check()}
    assert {name: f.level for name, f in found.items()} == {"logs": "fail", "users": "ok", "groups": "ok"}
    assert "You do not have permission" in found["logs"].message
    assert "Read-only Administrator" in found["logs"].remedy
    assert "okta.logs.read" in found["logs"].remedy
    with (
        opened(connect("okta", secrets={"api_token": "wrong"}, domain=BASE), okta) as account,
        pytest.raises(InputError, match=r"401.*Invalid token provided"),
    ):
        list(account.streams[0].pages({}))  # type: ignore[call-arg]
    with (
        pytest.raises(InputError, match="either api_token, or client_id and private_key"),
        opened(connect("okta", domain=BASE), okta),
    ):
        pass
    with (
        pytest.raises(InputError, match="private_key cannot be read"),
        opened(connect("okta", secrets={"private_key": "no key"}, client_id="0oaApp", domain=BASE), okta),
    ):
        pass


def test_a_token_follows_no_link_to_another_address(connection: Connection, okta: Okta) -> None:
    okta.elsewhere = "https://evil.example"
    okta.event("e", f"{datetime.now(UTC):%Y-%m-%dT%H}:00:00.000Z")
    with pytest.raises(ProviderError, match=r"evil\.example"):
        _read(connection, okta, "log", {})
    assert {r.url.host for r in okta.asked} == {"company.okta.example"}


@pytest.mark.parametrize("stream", ["log", "user", "group"])
def test_a_page_that_names_itself_is_not_asked_for_without_end(connection: Connection, okta: Okta, stream: str) -> None:
    okta.circles = True
    for n in range(5):
        okta.event(f"e{n}", f"{datetime.now(UTC):%Y-%m-%dT%H}:00:0{n}.000Z")
        okta.user(f"u{n}", "2026-05-01T00:00:00.000Z")
        okta.group(f"g{n}", "2026-05-01T00:00:00.000Z")
    with opened(connection, okta) as account:
        (chosen,) = [s for s in account.streams if s.name == stream]
        pages = chosen.pages({}, lambda _: []) if stream == "group" else chosen.pages({})  # type: ignore[call-arg]
        with pytest.raises(ProviderError, match="gave no usable answer to GET /api/v1/"):
            list(pages)
    assert len(okta.asked) < 10


@pytest.mark.parametrize("answer", [{"error": "x"}, ["x"], "x"])
def test_an_answer_that_is_no_list_is_told(connection: Connection, okta: Okta, answer: object) -> None:
    okta.answers = answer
    for stream in ("log", "user"):
        with pytest.raises(ProviderError, match="it is no list of objects"):
            _read(connection, okta, stream, {})
