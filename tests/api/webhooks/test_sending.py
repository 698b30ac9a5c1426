"""From an event to a receiver: signed, once for each endpoint that wants it, again until it is taken, by its tenant's own."""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from standardwebhooks import Webhook, WebhookVerificationError

from api.webhooks import outcome, queue, repository
from nexus import postgres
from nexus.db import Database
from nexus.events.log import COLUMNS, recorded
from tests.api.webhooks.desk import Desk
from tests.nexus.egress.receiver import Received, Receiver, Reply, receiving


def verified(secret: str, got: Received) -> dict[str, Any]:
    """The message, by the library that receivers use."""
    found: dict[str, Any] = Webhook(secret).verify(got.body, got.headers)
    return found


def test_an_event_arrives_signed_as_it_is_in_the_log(desk: Desk, receiver: Receiver) -> None:
    receiver.answers = lambda *_: Reply(200, body=b"taken\x00\x1b[31m")
    endpoint = desk.endpoint(receiver)
    [event] = desk.tell("o-1", workspace="acme")
    desk.send()
    [got] = receiver.received
    message = verified(endpoint["secret"], got)
    assert (got.path, got.headers["content-type"], got.headers["webhook-id"]) == ("/in", "application/json", event)
    assert {k: message[k] for k in ("specversion", "id", "type", "data", "tenantid", "workspaceid")} == {
        "specversion": "1.0", "id": event, "type": "shop.order.shipped", "tenantid": desk.organisation, "workspaceid": "acme",
        "data": {"order_id": "o-1", "amount_minor": 0},
    }  # fmt: skip
    [delivery] = desk.deliveries()
    assert (delivery["state"], delivery["attempts"], delivery["event_id"]) == ("delivered", 1, event)
    [attempt] = desk.get(f"deliveries/{delivery['id']}")["log"]
    assert (attempt["number"], attempt["status"], attempt["error"]) == (1, 200, None)
    assert attempt["response"] == "taken\ufffd\ufffd[31m"
    assert desk.get(f"endpoints/{endpoint['id']}")["succeeded_at"] is not None
    changed = got.body.replace(b"o-1", b"o-2")
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoint["secret"]).verify(changed, got.headers)


def test_each_endpoint_has_what_it_asked_for_and_nothing_twice(desk: Desk, receiver: Receiver) -> None:
    wants = {
        "all": desk.endpoint(f"{receiver.url}/all", ["*"]),
        "exact": desk.endpoint(f"{receiver.url}/exact", ["shop.order.shipped"]),
        "entity": desk.endpoint(f"{receiver.url}/entity", ["shop.order.*"]),
        "other": desk.endpoint(f"{receiver.url}/other", ["organisations.*"]),
        "acme": desk.endpoint(f"{receiver.url}/acme", ["shop.*"], workspaces=["acme"]),
        "off": desk.endpoint(f"{receiver.url}/off", ["*"]),
    }
    off = f"/v1/webhooks/endpoints/{wants['off']['id']}"
    assert desk.caller.patch(off, json={"is_enabled": False}).json()["disabled_because"] == "asked"
    events = desk.tell("o-1") + desk.tell("o-2", workspace="acme") + desk.tell("o-3", workspace="other")
    desk.send()
    got = sorted((r.path, events.index(r.headers["webhook-id"])) for r in receiver.received)
    everything = [(path, n) for path in ("/all", "/entity", "/exact") for n in range(3)]
    assert got == sorted([("/acme", 1), *everything])


def test_the_consumer_makes_one_row_for_each_event_however_often_it_runs(desk: Desk, receiver: Receiver) -> None:
    desk.endpoint(receiver)
    [event] = desk.tell("o-1")

    async def again(database: Database) -> None:
        async with database.system() as session:
            row = (await session.execute(text(f"select {COLUMNS} from app.events where id = '{event}'"))).one()
            await repository.fan_out(session, recorded(row._mapping))

    desk.within(again)
    assert len(desk.deliveries(event_id=event)) == 1


def test_what_happened_before_an_endpoint_was_made_is_sent_only_when_asked(desk: Desk, receiver: Receiver) -> None:
    [event] = desk.tell("o-1")
    endpoint = desk.endpoint(receiver)
    desk.tell("o-2")
    assert [d["event_id"] == event for d in desk.deliveries()] == [False]
    body = {"endpoint_id": endpoint["id"], "event_id": event}
    assert desk.caller.post("/v1/webhooks/deliveries", json=body).status_code == 201
    twice = desk.caller.post("/v1/webhooks/deliveries", json=body)
    assert (twice.status_code, ":resend" in twice.json()["remedy"]) == (409, True)
    desk.send()
    assert {verified(endpoint["secret"], got)["data"]["order_id"] for got in receiver.received} == {"o-1", "o-2"}


def test_it_is_sent_again_by_the_schedule_until_it_is_taken(desk: Desk, receiver: Receiver) -> None:
    statuses = iter([500, 302, 404, 200])
    receiver.answers = lambda *_: Reply(next(statuses), {"Location": "/elsewhere"}, b"no")
    desk.endpoint(receiver)
    [event] = desk.tell("o-1")
    waits = []
    for _ in range(4):
        desk.send()
        [delivery] = desk.deliveries()
        if delivery["next_at"]:
            waits.append(datetime.fromisoformat(delivery["next_at"]) - datetime.now(UTC))
        desk.send()
        desk.later()
    assert delivery["state"] == "delivered"
    for wait, due in zip(waits, outcome.SCHEDULE[1:], strict=False):
        assert due * 0.5 < wait <= due * 1.2
    assert [(got.path, got.headers["webhook-id"]) for got in receiver.received] == [("/in", event)] * 4
    log = desk.get(f"deliveries/{delivery['id']}")["log"]
    assert [(a["number"], a["status"], a["error"]) for a in log] == [
        (1, 500, "answered with 500"), (2, 302, "answered with 302"), (3, 404, "answered with 404"), (4, 200, None),
    ]  # fmt: skip
    assert len({got.body for got in receiver.received}) == 1


def test_it_is_given_up_at_the_end_and_sent_again_when_asked(desk: Desk, receiver: Receiver) -> None:
    receiver.answers = lambda *_: Reply(500)
    endpoint = desk.endpoint(receiver)
    desk.tell("o-1")
    for _ in outcome.SCHEDULE:
        desk.later()
        desk.send()
    [delivery] = desk.deliveries(state="failed")
    assert (delivery["attempts"], delivery["next_at"]) == (len(outcome.SCHEDULE), None)
    receiver.answers = lambda *_: Reply(204)
    place = f"/v1/webhooks/deliveries/{delivery['id']}:resend"
    assert desk.caller.post(place).json()["state"] == "pending"
    desk.send()
    found = desk.get(f"deliveries/{delivery['id']}")
    assert (found["state"], found["attempts"], found["log"][-1]["status"]) == ("delivered", 11, 204)
    assert desk.get(f"endpoints/{endpoint['id']}")["failures"] == 0
    # also what was taken can be had once more
    assert desk.caller.post(place).status_code == 200
    desk.send()
    assert len({got.headers["webhook-id"] for got in receiver.received}) == 1
    assert len(receiver.received) == 12


def test_an_event_that_the_log_has_forgotten_is_no_failure_of_its_receiver(desk: Desk, receiver: Receiver) -> None:
    endpoint = desk.endpoint(receiver)
    [event] = desk.tell("o-1")
    with psycopg.connect(postgres.dsn(desk.kernel.settings)) as connection:
        # as the function that prunes does it, of an event as young as this
        connection.execute("set role nexus_owner")
        connection.execute("set local app.pruning = 'on'")
        assert connection.execute("delete from app.events where id = %s", [event]).rowcount == 1
    desk.send()
    [delivery] = desk.deliveries()
    assert (delivery["state"], delivery["next_at"]) == ("failed", None)
    [attempt] = desk.get(f"deliveries/{delivery['id']}")["log"]
    assert (attempt["status"], attempt["error"]) == (None, "the event log keeps this event no more")
    shown = desk.get(f"endpoints/{endpoint['id']}")
    assert (shown["failing_since"], shown["failures"]) == (None, 0)
    assert not receiver.received


def test_everything_given_up_since_then_is_recovered(desk: Desk, receiver: Receiver) -> None:
    endpoint = desk.endpoint(receiver)
    desk.tell("o-1", "o-2", "o-3")
    mine = "update app.webhooks_delivery set state = 'failed', next_at = null, finished_at = now() - %s where organisation_id = %s"
    desk.kernel.sql(mine, timedelta(hours=1), desk.organisation)
    desk.kernel.sql(
        "update app.webhooks_delivery set finished_at = now() - interval '2 days' where id = %s",
        desk.deliveries()[-1]["id"],
    )
    place = f"/v1/webhooks/endpoints/{endpoint['id']}:recover"
    since = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    assert desk.caller.post(place, json={"since": since}).json() == {"deliveries": 2}
    acts = "select body::jsonb from app.audit_entry where organisation_id = %s order by number desc limit 1"
    [[act]] = desk.kernel.sql(acts, desk.organisation)
    # a statement over many rows, told row by row
    assert [(c["before"]["state"], c["after"]["state"]) for c in act["changes"]] == [("failed", "pending")] * 2
    desk.send()
    assert len(receiver.received) == 2


@pytest.mark.parametrize(
    ("said", "least"), [("7200", 7200), ("date", 3600), ("99999999999999", 86400), ("-5", 5), ("soon", 5)]
)
def test_a_receiver_says_when_to_come_back(desk: Desk, receiver: Receiver, said: str, least: int) -> None:
    at = (datetime.now(UTC) + timedelta(seconds=3630)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    receiver.answers = lambda *_: Reply(429, {"Retry-After": at if said == "date" else said})
    desk.endpoint(receiver)
    desk.tell("o-1")
    desk.send()
    [delivery] = desk.deliveries()
    wait = datetime.fromisoformat(delivery["next_at"]) - datetime.now(UTC)
    assert timedelta(seconds=least * 0.9) < wait <= timedelta(seconds=least * 1.2 + 60)


def test_a_receiver_that_is_gone_is_switched_off(desk: Desk, receiver: Receiver) -> None:
    receiver.answers = lambda *_: Reply(410)
    endpoint = desk.endpoint(receiver)
    desk.tell("o-1")
    desk.send()
    found = desk.get(f"endpoints/{endpoint['id']}")
    assert (found["is_enabled"], found["disabled_because"]) == (False, "gone")
    assert desk.deliveries()[0]["state"] == "failed"
    assert told(desk, endpoint) == [
        {"endpoint_id": endpoint["id"], "because": "gone", "failures": 1, "reason": "answered with 410"}
    ]


def told(desk: Desk, endpoint: dict[str, Any]) -> list[Any]:
    """What the log tells of the endpoint's being switched off."""
    sql = "select data from app.events where type = 'webhooks.endpoint.disabled' and subject = %s"
    return [row[0] for row in desk.kernel.sql(sql, endpoint["id"])]


def test_days_of_failures_switch_an_endpoint_off_until_somebody_switches_it_on(desk: Desk, receiver: Receiver) -> None:
    receiver.answers = lambda *_: Reply(503)
    endpoint = desk.endpoint(receiver)
    place = f"/v1/webhooks/endpoints/{endpoint['id']}"

    def failing(since: timedelta, failures: int) -> None:
        sql = "update app.webhooks_endpoint set failing_since = now() - %s, failures = %s where id = %s"
        desk.kernel.sql(sql, since, failures, endpoint["id"])

    for since, failures, order in ((outcome.FAILING_FOR, 3, "o-1"), (timedelta(days=4), 100, "o-2")):
        failing(since, failures)
        desk.tell(order)
        desk.send()
        assert desk.get(f"endpoints/{endpoint['id']}")["is_enabled"]
    failing(outcome.FAILING_FOR, outcome.FAILURES - 1)
    desk.tell("o-3")
    desk.send()
    found = desk.get(f"endpoints/{endpoint['id']}")
    assert (found["is_enabled"], found["disabled_because"], found["failures"]) == (False, "failing", 10)
    assert [t["because"] for t in told(desk, endpoint)] == ["failing"]
    before = len(receiver.received)
    desk.tell("o-4")
    desk.later()
    desk.send()
    assert len(receiver.received) == before
    receiver.answers = lambda *_: Reply(200)
    refused = desk.caller.post("/v1/webhooks/deliveries", json={"endpoint_id": endpoint["id"]})
    assert (refused.status_code, "is_enabled" in refused.json()["remedy"]) == (409, True)
    assert desk.caller.patch(place, json={"is_enabled": True}).json()["failing_since"] is None
    desk.send()
    # what waited goes on; what happened meanwhile was not kept for it
    sent = {json.loads(got.body)["data"]["order_id"] for got in receiver.received[before:]}
    assert sent == {"o-1", "o-2", "o-3"}


def test_a_test_is_sent_to_one_endpoint_alone(desk: Desk, receiver: Receiver) -> None:
    tested, other = desk.endpoint(f"{receiver.url}/a", ["*"]), desk.endpoint(f"{receiver.url}/b", ["*"])
    answer = desk.caller.post("/v1/webhooks/deliveries", json={"endpoint_id": tested["id"]})
    assert (answer.status_code, answer.json()["event_type"]) == (201, "webhooks.endpoint.tested")
    desk.send()
    [got] = receiver.received
    message = verified(tested["secret"], got)
    assert (got.path, message["type"], message["data"]["endpoint_id"]) == (
        "/a",
        "webhooks.endpoint.tested",
        tested["id"],
    )
    assert other["secret"] != tested["secret"]


def test_while_secrets_overlap_both_sign(desk: Desk, receiver: Receiver) -> None:
    endpoint = desk.endpoint(receiver)
    place = f"/v1/webhooks/endpoints/{endpoint['id']}:rotate-secret"
    second = desk.caller.post(place, json={"overlap_seconds": 3600}).json()["secret"]
    desk.tell("o-1")
    desk.send()
    for secret in (endpoint["secret"], second):
        verified(secret, receiver.received[-1])
    assert len(receiver.received[-1].headers["webhook-signature"].split()) == 2
    third = desk.caller.post(place, json={"overlap_seconds": 0}).json()["secret"]
    desk.tell("o-2")
    desk.send()
    verified(third, receiver.received[-1])
    for secret in (endpoint["secret"], second):
        with pytest.raises(WebhookVerificationError):
            verified(secret, receiver.received[-1])
    for _ in range(4):
        assert desk.caller.post(place, json={}).status_code == 201
    many = desk.caller.post(place, json={})
    assert (many.status_code, "overlap_seconds 0" in many.json()["remedy"]) == (409, True)
    assert desk.caller.post(place, json={"overlap_seconds": 0}).status_code == 201


def test_an_address_inside_our_network_is_refused_when_said_and_when_sent(desk: Desk, receiver: Receiver) -> None:
    for url in (
        "https://10.0.0.1/",
        "https://169.254.169.254/latest",
        "https://ann:pw@hooks.acme.example/",
        "ftp://a.example/",
        "https://[::1]/",
    ):
        answer = desk.caller.post("/v1/webhooks/endpoints", json={"url": url, "event_types": ["*"]})
        assert (answer.status_code, answer.json()["detail"].startswith("url: it ")) == (422, True), answer.text
    name = "hooks.acme.example"
    desk.endpoint(f"http://{name}:{receiver.server_port}/")
    desk.tell("o-1")
    for addresses in (["10.0.0.1"], ["127.0.0.1", "127.0.0.2"], ["::ffff:169.254.169.254"]):
        desk.names[name] = addresses
        desk.later()
        desk.send()
    assert not receiver.received
    [delivery] = desk.deliveries()
    log = desk.get(f"deliveries/{delivery['id']}")["log"]
    assert {a["error"] for a in log} == {f"{name} leads to no public address"}
    desk.names[name] = ["127.0.0.1"]
    desk.later()
    desk.send()
    assert len(receiver.received) == 1


def test_a_slow_receiver_holds_up_no_other(desk: Desk, receiver: Receiver) -> None:
    """Every place that a slow one can have is taken, and another's message passes."""
    release = threading.Event()

    def slow(got: Received, _: BaseHTTPRequestHandler) -> Reply:
        release.wait(20)
        return Reply(200)

    with receiving() as stuck:
        stuck.answers = slow
        desk.endpoint(stuck)
        desk.tell(*(f"o-{n}" for n in range(12)))
        quick = desk.__class__(desk.kernel)
        quick.endpoint(receiver)
        quick.tell("q-1", "q-2")

        async def sent() -> None:
            sender = desk.sender(within=20)
            try:
                while len(receiver.received) < 2:
                    await sender.step()
                    await asyncio.sleep(0.02)
                assert len(stuck.received) <= queue.PER_ENDPOINT
                release.set()
                await sender.drained()
            finally:
                release.set()
                await sender.close()

        asyncio.run(sent())
        assert len(stuck.received) == 12
    assert {d["state"] for d in desk.deliveries() + quick.deliveries()} == {"delivered"}
