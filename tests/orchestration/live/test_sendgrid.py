"""SendGrid's Email Logs at the transport: windows and halves, messages asked for again as they age, one event one row."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from nexus.connections import Connection
from nexus.errors import InputError
from nexus.settings import Settings
from orchestration.live.connections import opened
from orchestration.live.landed import landed
from orchestration.live.pull import pull
from orchestration.live.spec import Span
from orchestration.sources.email_events import sendgrid
from tests.orchestration.live.conftest import Connect

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
_BOUNDS = r'sg_message_id_created_at >= TIMESTAMP "(.+)" AND sg_message_id_created_at < TIMESTAMP "(.+)"'


@dataclass
class SendGrid(httpx.BaseTransport):
    """What the published description of /v3/logs says, with a clock of its own. The newest message is listed first."""

    now: datetime = START
    most: int = 1000
    messages: dict[str, datetime] = field(default_factory=dict)
    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    fails_at: int = -1
    refuses: bool = False

    def send(self, name: str, *events: str, at: datetime | None = None) -> None:
        self.messages[name] = at or self.now
        for event in events:
            self.happen(name, event)

    def happen(self, name: str, event: str) -> None:
        told = self.events.setdefault(name, [])
        told.append({
            "event": event, "email": "a@shop.example", "sg_message_id": f"{name}.recvd-1", "timestamp":
            int(self.now.timestamp()), "sg_event_id": f"{name}-{len(told)}", "custom_args": {"campaign_id": "c1"},
        })  # fmt: skip

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.asked.append(request.url.path)
        assert request.headers["authorization"] == "Bearer SG.key"
        headers = {"date": format_datetime(self.now, usegmt=True)}
        if self.refuses or len(self.asked) == self.fails_at:
            body = {"errors": [{"message": "access forbidden"}]}
            return httpx.Response(403, json=body, headers=headers, request=request)
        return httpx.Response(200, json=self._answer(request), headers=headers, request=request)

    def _answer(self, request: httpx.Request) -> Any:
        if request.method == "POST":
            asked = json.loads(request.content)
            bounds = re.fullmatch(_BOUNDS, asked["query"]) if "query" in asked else None
            low, high = (datetime.fromisoformat(b) for b in bounds.groups()) if bounds else (START, START)
            found = [n for n, at in reversed(self.messages.items()) if low <= at < high][
                : min(asked["limit"], self.most)
            ]
            return {"messages": [self._summary(name) for name in found]}
        name = request.url.path.rpartition("/")[2].partition(".")[0]
        return {**self._summary(name), "events": self.events.get(name, [])} if name in self.messages else {"scopes": []}

    def _summary(self, name: str) -> dict[str, Any]:
        return {
            "from_email": "n@company.example", "sg_message_id": f"{name}.recvd-1", "subject": name, "status": "delivered",
            "to_email": "a@shop.example", "sg_message_id_created_at": self.messages[name].isoformat(),
        }  # fmt: skip

    def pass_by(self, **time: float) -> None:
        self.now += timedelta(**time)


@pytest.fixture
def connection(connect: Connect) -> Connection:
    return connect("mail", source="email_events", provider="sendgrid", secrets={"api_key": "SG.key"})


def known(settings: Settings, connection: Connection) -> list[str]:
    with landed(settings, connection) as ask:
        return [row[0] for row in ask("select id from raw_email_events__sendgrid_log_event order by id")]


def test_each_message_is_asked_for_again_as_it_ages(settings: Settings, connection: Connection) -> None:
    api = SendGrid()

    def pulled() -> list[str]:
        pull(connection, settings, transport=api).raise_failed()
        return known(settings, connection)

    api.send("old", "delivered", at=START - timedelta(days=20))
    api.send("a", "processed", "delivered", at=START - timedelta(hours=1))
    assert pulled() == ["a-0", "a-1", "old-0"]
    api.pass_by(hours=2)
    api.happen("a", "open")
    api.send("b", "processed")
    assert pulled() == ["a-0", "a-1", "old-0"], "b is too young, a was asked for"
    api.pass_by(hours=22)
    assert pulled() == ["a-0", "a-1", "a-2", "b-0", "old-0"], "a is a day old"
    api.pass_by(days=5)
    api.happen("a", "click")
    assert "a-3" not in pulled()
    api.pass_by(days=1)
    assert "a-3" in pulled(), "and a week"
    asked = len(api.asked)
    pulled()
    assert [path for path in api.asked[asked:] if "recvd" in path] == [], "nothing is asked for without need"


def test_a_full_answer_is_halved_and_a_broken_pull_goes_on(
    settings: Settings, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sendgrid, "_MOST", 3)
    api = SendGrid(most=3)
    for n in range(8):
        api.send(f"m{n}", "delivered", at=START - timedelta(days=2, minutes=n * 7))
    api.send("gone", at=START - timedelta(days=3))
    api.fails_at = 55
    with pytest.raises(InputError, match="SendGrid answered 403 to GET /v3/logs/m"):
        pull(connection, settings, streams=("log",), transport=api).raise_failed()
    before = known(settings, connection)
    assert 0 < len(before) < 8
    asked = len(api.asked)
    pull(connection, settings, streams=("log",), transport=api).raise_failed()
    assert known(settings, connection) == [f"m{n}-0" for n in range(8)]
    again = [path for path in api.asked[asked:] if "recvd" in path]
    assert len(again) <= 8 - len(before) + 1, "one at most is asked for twice"

    span = Span(START - timedelta(days=2, minutes=15), START - timedelta(days=2))
    report = pull(connection, settings, streams=("log",), transport=api, span=span)
    assert (report.total.landed, report.total.duplicate) == (0, 2)

    for n in range(3):
        api.send(f"crowd{n}", "delivered", at=START - timedelta(minutes=15))
    with pytest.raises(Exception, match="SendGrid has 3 messages or more of 2026-03-01T11:45:00"):
        pull(
            connection, settings, streams=("log",), transport=api, span=Span(START - timedelta(minutes=20), START)
        ).raise_failed()


def test_a_missing_permission_is_named(connection: Connection) -> None:
    api = SendGrid()
    with opened(connection, api) as live:
        assert [(f.level, f.subject) for f in live.check()] == [("ok", "log")]
        api.refuses = True
        (found,) = live.check()
    assert (found.level, "access forbidden" in found.message, "Email Logs" in (found.remedy or "")) == (
        "fail",
        True,
        True,
    )
