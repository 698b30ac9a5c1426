"""Auth0 live at the transport: checkpoints, searches past a thousand, tokens, and what is missing in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from nexus.connections import Connection
from nexus.errors import InputError, ProviderError
from nexus.settings import Settings
from orchestration.live.connections import opened
from orchestration.live.landed import landed
from orchestration.live.pull import pull
from orchestration.live.spec import Cursor, Page, Span
from tests.orchestration.live.auth0_api import BASE, Auth0
from tests.orchestration.live.conftest import Connect, Seconds

START = datetime(2026, 5, 1, tzinfo=UTC)


def at(seconds: float) -> str:
    return f"{START + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.000Z"


@pytest.fixture
def auth0() -> Auth0:
    return Auth0()


@pytest.fixture
def connection(connect: Connect) -> Connection:
    return connect("auth0", secrets={"client_secret": "secret"}, client_id="app", domain=BASE)


def _read(connection: Connection, auth0: Auth0, stream: str, cursor: Cursor) -> tuple[list[str], Cursor]:
    with opened(connection, auth0) as account:
        (chosen,) = [s for s in account.streams if s.name == stream]
        pages = list(chosen.pages(cursor))  # type: ignore[call-arg]
    found = [d["log_id" if stream == "log" else "user_id"] for page in pages for d in page.documents]  # type: ignore[index, call-overload]
    return found, pages[-1].cursor if pages else cursor


def _between(connection: Connection, auth0: Auth0, stream: str, since: int, until: int) -> list[Page]:
    """What a back-fill of so many seconds after `START` brings."""
    with opened(connection, auth0) as account:
        (chosen,) = [s for s in account.streams if s.name == stream]
        assert chosen.span is not None
        return list(chosen.span(Span(START + timedelta(seconds=since), START + timedelta(seconds=until))))


def test_logs_by_checkpoint(connection: Connection, auth0: Auth0) -> None:
    assert _read(connection, auth0, "log", {}) == ([], {})
    for n in range(250):
        auth0.event(f"{n:04}", at(n))
    found, cursor = _read(connection, auth0, "log", {})
    assert found == [f"{n:04}" for n in range(250)]
    auth0.event("0250", at(7))  # stored late
    found, cursor = _read(connection, auth0, "log", cursor)
    assert found == ["0250"]
    asked = len(auth0.asked)
    assert _read(connection, auth0, "log", cursor)[0] == []
    assert len(auth0.asked) - asked == 2  # a token and one empty page
    auth0.logs = auth0.logs[100:250]  # what is old is forgotten, the checkpoint too
    found, _ = _read(connection, auth0, "log", cursor)
    assert found == [f"{n:04}" for n in range(100, 250)]


def test_a_span_of_logs(connection: Connection, auth0: Auth0) -> None:
    for n in range(1300):
        auth0.event(f"{n:04}", at(n))
    pages = _between(connection, auth0, "log", 50, 1250)
    found = {d["log_id"] for page in pages for d in page.documents}  # type: ignore[index, call-overload]
    assert found == {f"{n:04}" for n in range(50, 1250)}


def test_more_users_than_a_search_shows(connection: Connection, auth0: Auth0) -> None:
    for n in range(1500):
        auth0.user(f"auth0|{n:04}", at(n // 250 if n < 500 else n))  # 250 of them in one moment, twice

    def changes(request: int) -> None:
        if request == 4:  # one user of a page that was read changes, so what follows moves up
            auth0.user("auth0|0000", at(9999))

    auth0.on_search = changes
    found, cursor = _read(connection, auth0, "user", {})
    assert set(found) == {f"auth0|{n:04}" for n in range(1500)}
    assert cursor == {"until": "2026-05-01T02:46:39+00:00"}
    auth0.user("auth0|0700", at(10_000))
    assert set(_read(connection, auth0, "user", cursor)[0]) == {"auth0|0000", "auth0|0700"}
    for n in range(1001):
        auth0.user(f"auth0|import{n}", at(20_000))
    with pytest.raises(ProviderError, match=r"1000 users or more whose updated_at is 2026-05-01T05:33:20"):
        _read(connection, auth0, "user", cursor)


def test_what_is_pulled_lands_and_a_token_is_renewed_once(
    settings: Settings, connection: Connection, auth0: Auth0
) -> None:
    auth0.event("0001", at(1))
    auth0.user("auth0|1", at(2))
    report = pull(connection, settings, transport=auth0)
    report.raise_failed()
    assert (report.total.landed, report.total.quarantined) == (2, 0)
    with landed(settings, connection) as ask:
        assert ask("select type from raw_auth0__log") == [("s",)]
        assert ask("select id, customer_id from raw_auth0__user") == [("auth0|1", "cus_1")]
    assert pull(connection, settings, transport=auth0).total.landed == 0
    with opened(connection, auth0) as account:
        assert [f.level for f in account.check()] == ["ok", "ok"]
        tokens = auth0.paths().count("/oauth/token")
        auth0.valid = "withdrawn"
        assert [f.level for f in account.check()] == ["ok", "ok"]
        assert auth0.paths().count("/oauth/token") == tokens + 1
        auth0.accepts = False
        with pytest.raises(InputError, match=r"401.*Invalid token") as caught:
            list(account.streams[0].pages({}))  # type: ignore[call-arg]
    assert "client_secret" in (caught.value.remedy or "")


def test_a_span_of_users_is_of_their_last_change(connection: Connection, auth0: Auth0) -> None:
    for n in range(300):
        auth0.user(f"auth0|{n:04}", at(n))
    pages = _between(connection, auth0, "user", 50, 250)
    found = {d["user_id"] for page in pages for d in page.documents}  # type: ignore[index, call-overload]
    assert found == {f"auth0|{n:04}" for n in range(50, 250)}
    assert {len(page.cursor) for page in pages} == {0}


def test_a_token_is_renewed_before_it_expires(connection: Connection, auth0: Auth0, seconds: Seconds) -> None:
    with opened(connection, auth0) as account:
        for moment, tokens in ((0, 1), (86_400 - 61, 1), (86_400 - 59, 2)):
            seconds.now = moment
            assert [f.level for f in account.check()] == ["ok", "ok"]
            assert auth0.paths().count("/oauth/token") == tokens, moment
    assert len(auth0.asked) == 6 + 2  # nothing was refused in between


def test_what_is_missing_is_said_in_words(connect: Connect, connection: Connection, auth0: Auth0) -> None:
    auth0.forbidden = {"users"}
    with opened(connection, auth0) as account:
        found = {f.subject: f for f in account.check()}
    assert {name: f.level for name, f in found.items()} == {"logs": "ok", "users": "fail"}
    assert "Insufficient scope" in found["users"].message
    assert "read:users" in found["users"].remedy
    wrong = connect("auth0", secrets={"client_secret": "wrong"}, client_id="app", domain=BASE)
    with opened(wrong, auth0) as account:
        (finding,) = account.check()
    assert (finding.subject, finding.level) == ("credentials", "fail")
    assert "access_denied" in finding.message or "Unauthorized" in finding.message


def test_a_page_that_names_itself_is_not_asked_for_without_end(connection: Connection, auth0: Auth0) -> None:
    auth0.circles = True
    for n in range(250):
        auth0.event(f"{n:04}", at(n))
    with pytest.raises(ProviderError, match="names itself as the page that follows"):
        _read(connection, auth0, "log", {})
    assert len(auth0.asked) < 6


@pytest.mark.parametrize("answer", [{"error": "x"}, ["x"], [{"no": "id"}]])
def test_an_answer_that_is_no_list_of_events_is_told(connection: Connection, auth0: Auth0, answer: object) -> None:
    auth0.answers = answer
    with pytest.raises(ProviderError, match="gave no usable answer to GET /api/v2/logs"):
        _read(connection, auth0, "log", {})
