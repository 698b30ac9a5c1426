"""Endpoints over HTTP: what they may be, whose they are, what is shown of their secrets."""

from __future__ import annotations

from datetime import timedelta

import pytest

from api.organisations.events import OrganisationClosed
from api.webhooks.jobs import prune
from nexus.db import Database, Tenant
from nexus.events.consumer import get
from nexus.events.deliver import deliver
from nexus.events.log import newest
from tests.api.webhooks.desk import Desk, Shipped
from tests.nexus.egress.receiver import Receiver

URL = "https://hooks.acme.example/in?token=hidden-path"


def test_an_endpoint_is_made_changed_and_removed(desk: Desk) -> None:
    made = desk.endpoint(URL, ["shop.*"], description="Our desk", workspaces=["acme"])
    place = f"/v1/webhooks/endpoints/{made['id']}"
    shown = desk.caller.get(place)
    assert shown.json() == {k: v for k, v in made.items() if k != "secret"}
    assert [e["id"] for e in desk.get("endpoints")["data"]] == [made["id"]]
    changed = desk.caller.patch(place, json={"description": ""}, headers={"If-Match": shown.headers["etag"]})
    assert (changed.status_code, changed.json()["description"], changed.json()["url"]) == (200, "", URL)
    stale = desk.caller.patch(place, json={"event_types": ["*"]}, headers={"If-Match": shown.headers["etag"]})
    assert stale.status_code == 412
    assert desk.caller.delete(place, headers={"If-Match": changed.headers["etag"]}).status_code == 204
    assert desk.caller.get(place).status_code == 404
    sql = "select type, data::text from app.events where subject = %s order by sequence"
    types, texts = zip(*desk.kernel.sql(sql, made["id"]), strict=True)
    assert types == ("webhooks.endpoint.created", "webhooks.endpoint.changed", "webhooks.endpoint.removed")
    assert not any("hidden-path" in text or made["secret"] in text for text in texts)


def test_a_secret_is_shown_once_and_lies_sealed(desk: Desk) -> None:
    made = desk.endpoint(URL)
    assert made["secret"].startswith("whsec_")
    again = desk.caller.post(f"/v1/webhooks/endpoints/{made['id']}:rotate-secret", json={})
    assert again.status_code == 201
    for path in ("endpoints", f"endpoints/{made['id']}", "deliveries"):
        assert "whsec_" not in str(desk.get(path))
    [row] = desk.kernel.sql("select sealed from app.webhooks_secret where endpoint_id = %s limit 1", made["id"])
    assert b"whsec_" not in bytes(row[0])


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"url": URL, "event_types": []}, "event_types"),
        ({"url": URL, "event_types": ["Shop.*"]}, "event_types"),
        ({"url": URL, "event_types": ["*.shipped"]}, "event_types"),
        ({"url": URL, "event_types": ["shop.order"]}, "event_types"),
        ({"url": URL, "event_types": ["nobody.knows.this"]}, "event_types"),
        ({"url": URL, "event_types": ["nobody.*"]}, "event_types"),
        ({"url": "http://8.8.8.8/", "event_types": ["*"]}, "url"),
        ({"url": "not an address", "event_types": ["*"]}, "url"),
        ({"url": "https://hooks.acme.example:99999/", "event_types": ["*"]}, "url"),
        ({"url": URL, "event_types": ["*"], "secret": "mine"}, "secret"),
        ({"url": URL, "event_types": ["*"], "workspaces": ["No Slug"]}, "workspaces"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(desk: Desk, said: dict[str, object], pointer: str) -> None:
    answer = desk.caller.post("/v1/webhooks/endpoints", json=said)
    assert answer.status_code == 422, answer.text
    assert pointer in answer.json()["detail"]
    assert not desk.get("endpoints")["data"]


def test_there_are_only_so_many(desk: Desk) -> None:
    desk.endpoint(URL)
    desk.kernel.sql(
        "insert into app.webhooks_endpoint select 'whk_' || md5(%s || n), organisation_id, url, '', event_types, '{}', true,"
        " null, null, null, 0, null, null, created_by, now(), now(), 1 from app.webhooks_endpoint, generate_series(1, 49) n"
        " where organisation_id = %s",
        desk.organisation, desk.organisation,
    )  # fmt: skip
    answer = desk.caller.post("/v1/webhooks/endpoints", json={"url": URL, "event_types": ["*"]})
    assert (answer.status_code, answer.json()["detail"]) == (409, "there are 50 endpoints")


def test_types_are_listed_with_their_form(desk: Desk) -> None:
    found = {t["type"]: t for t in desk.caller.get("/v1/webhooks/event-types").json()}
    mine = found["shop.order.shipped"]
    assert (mine["version"], mine["description"]) == (1, Shipped.__doc__)
    assert set(mine["data"]["properties"]) == {"order_id", "amount_minor"}
    assert "webhooks.endpoint.disabled" in found


def test_another_organisation_sees_and_is_sent_nothing(desk: Desk, receiver: Receiver) -> None:
    other = Desk(desk.kernel)
    theirs = other.endpoint(f"{receiver.url}/other", ["*"])
    mine = desk.endpoint(f"{receiver.url}/mine", ["*"])
    [event] = desk.tell("o-1")
    [delivery] = desk.deliveries(event_id=event)
    assert not other.deliveries()
    assert not other.deliveries(endpoint_id=mine["id"])
    for method, path, body in (
        ("GET", f"endpoints/{mine['id']}", None),
        ("PATCH", f"endpoints/{mine['id']}", {"is_enabled": False}),
        ("DELETE", f"endpoints/{mine['id']}", None),
        ("POST", f"endpoints/{mine['id']}:rotate-secret", {}),
        ("POST", f"endpoints/{mine['id']}:recover", {"since": "2026-01-01T00:00:00Z"}),
        ("GET", f"deliveries/{delivery['id']}", None),
        ("POST", f"deliveries/{delivery['id']}:resend", None),
        ("POST", "deliveries", {"endpoint_id": mine["id"]}),
        ("POST", "deliveries", {"endpoint_id": theirs["id"], "event_id": event}),
    ):
        answer = other.caller.request(method, f"/v1/webhooks/{path}", json=body)
        assert answer.status_code == 404, f"{method} {path}: {answer.text}"
    desk.send()
    assert [got.path for got in receiver.received] == ["/mine"]


def test_what_ended_long_ago_is_forgotten_with_its_attempts(desk: Desk, receiver: Receiver) -> None:
    endpoint = desk.endpoint(receiver)
    desk.tell("o-1", "o-2")
    desk.send()
    old, _ = desk.deliveries()
    desk.caller.post(f"/v1/webhooks/endpoints/{endpoint['id']}:rotate-secret", json={"overlap_seconds": 0})
    desk.tell("o-3")
    age = "update app.webhooks_delivery set created_at = now() - interval '31 days', finished_at = {} where id = %s"
    desk.kernel.sql(age.format("now() - interval '31 days'"), old["id"])
    # one that is old and ended yesterday, and one that is old and still waits for tomorrow
    desk.kernel.sql(age.format("now() - interval '1 day'"), desk.deliveries()[1]["id"])
    waiting = desk.deliveries(state="pending")[0]["id"]
    desk.kernel.sql(age.format("null"), waiting)
    desk.kernel.sql("update app.webhooks_delivery set next_at = now() + interval '1 day' where id = %s", waiting)
    mine = "update app.webhooks_secret set expires_at = now() - interval '31 days' where expires_at is not null and endpoint_id = %s"
    desk.kernel.sql(mine, endpoint["id"])

    async def pruned(database: Database) -> None:
        async with database.system() as session:
            await prune(session, timedelta(days=30))

    desk.within(pruned)
    assert len(desk.deliveries()) == 2
    assert desk.caller.get(f"/v1/webhooks/deliveries/{old['id']}").status_code == 404
    assert desk.kernel.sql("select count(*) from app.webhooks_attempt where delivery_id = %s", old["id"]) == [(0,)]
    assert desk.kernel.sql("select count(*) from app.webhooks_secret where endpoint_id = %s", endpoint["id"]) == [(1,)]


def test_of_an_organisation_that_is_closed_nothing_is_kept(desk: Desk, receiver: Receiver) -> None:
    other = Desk(desk.kernel)
    for one in (desk, other):
        one.endpoint(f"{receiver.url}/{one.organisation}")
        one.tell("o-1")

    async def closed(database: Database) -> None:
        async with database.system(Tenant(desk.organisation)) as session:
            id = session.record(OrganisationClosed(organisation_id=desk.organisation, actor_id="usr_1"))
        async with database.system() as session:
            event = next(e for e in await newest(session, 50) if e.id == id)
        await deliver(database, get("webhooks.forget_organisation"), [event])

    desk.within(closed)
    assert desk.get("endpoints")["data"] == desk.deliveries() == []
    desk.send()
    assert [got.path for got in receiver.received] == [f"/{other.organisation}"]


def test_a_reader_changes_nothing(desk: Desk) -> None:
    made = desk.endpoint(URL)
    reader = desk.kernel.caller(permissions={"webhooks.read"}, organisation=desk.organisation)
    assert reader.get(f"/v1/webhooks/endpoints/{made['id']}").status_code == 200
    assert reader.patch(f"/v1/webhooks/endpoints/{made['id']}", json={"is_enabled": False}).status_code == 403
    nobody = desk.kernel.caller(permissions=set(), organisation=desk.organisation)
    assert nobody.get("/v1/webhooks/deliveries").status_code == 403
