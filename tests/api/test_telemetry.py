"""What a running API tells about itself: metrics that a scraper accepts, a trace that an error's id leads to."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from typer.testing import CliRunner

from api.kernel.limits import limit
from api.kernel.permissions import public
from api.kernel.routing import Router
from api.telemetry import service
from api.telemetry.repository import Background
from nexus.cli import build
from nexus.db import Database
from nexus.errors import InputError, NotFoundError
from nexus.events.offsets import Progress
from nexus.ids import new_id
from nexus.limits import SlidingWindow
from nexus.ports import free_port
from nexus.settings import Settings
from nexus.telemetry import metrics
from nexus.telemetry.otlp import document
from nexus.telemetry.spans import span
from tests.api.kernel import Kernel, run


def eventually(ask: Any) -> Any:
    """What `ask` gives once it gives something: spans are written a moment later."""
    for _ in range(200):
        if found := ask():
            return found
        time.sleep(0.05)
    raise AssertionError("nothing came")


def test_the_trace_of_an_error_can_be_looked_up(kernel: Kernel) -> None:
    here = kernel.caller()
    sent = "00-" + "c" * 32 + "-" + "d" * 16 + "-01"
    missing = "/v1/operations/op_" + "0" * 32
    refused = here.get(missing, headers={"traceparent": sent})
    assert refused.status_code == 404
    trace = refused.json()["trace_id"]
    assert trace == "c" * 32
    found = eventually(lambda: (a := here.get(f"/v1/traces/{trace}")).status_code == 200 and a.json())
    [request] = [s for s in found["spans"] if s["kind"] == "server"]
    assert request["name"] == "GET /v1/operations/{operation_id}"
    assert request["parent_id"] == "d" * 16
    assert request["attributes"]["http.response.status_code"] == 404
    assert kernel.caller().get(f"/v1/traces/{trace}").status_code == 404


def test_the_trace_of_a_refusal_is_its_own_organisations(kernel: Kernel) -> None:
    """Who is refused for want of a permission, or for a body that is none, was recognised before."""
    here = kernel.caller()
    weak = kernel.caller(permissions=(), organisation=here.principal.organisation)
    elsewhere = here.get("/v1/models", headers={"X-Nexus-Workspace": "not-theirs"})
    unread = here.post("/v1/groups", content=b"{", headers={"Content-Type": "application/json"})
    for refused, status in ((weak.get("/v1/roles"), 403), (elsewhere, 403), (unread, 400)):
        assert refused.status_code == status, refused.text
        path = f"/v1/traces/{refused.json()['trace_id']}"
        found = eventually(lambda path=path: (a := here.get(path)).status_code == 200 and a.json())
        statuses = {s["attributes"].get("http.response.status_code") for s in found["spans"] if s["kind"] == "server"}
        assert statuses == {status}
        assert kernel.caller().get(path).status_code == 404


def test_an_operator_finds_the_trace_of_nobody(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused before anybody was recognised: no organisation sees it."""
    monkeypatch.setattr("nexus.settings.get_settings", lambda: kernel.settings)

    def shown(trace: str) -> str:
        done = CliRunner().invoke(build(), ["traces", "show", trace])
        return done.output if done.exit_code == 0 else ""

    refused = httpx.get(f"{kernel.address}/v1/roles")
    trace = refused.json()["trace_id"]
    line = next(line for line in eventually(lambda: shown(trace)).splitlines() if "GET /v1/roles" in line)
    assert "nobody" in line
    assert "http.response.status_code=401" in line
    assert kernel.caller().get(f"/v1/traces/{trace}").status_code == 404
    for trace, error in (("0" * 32, NotFoundError), ("nonsense", InputError)):
        assert isinstance(CliRunner().invoke(build(), ["traces", "show", trace]).exception, error)


def test_a_malformed_traceparent_begins_a_new_trace(kernel: Kernel) -> None:
    here = kernel.caller()
    for sent in ("nonsense", "00-" + "0" * 32 + "-" + "d" * 16 + "-01", "ff-" + "c" * 32 + "-" + "d" * 16 + "-01"):
        trace = here.get("/v1/nothing", headers={"traceparent": sent}).json()["trace_id"]
        assert len(trace) == 32
        assert trace not in {"0" * 32, "c" * 32}


def test_jobs_are_counted_by_name_and_state(kernel: Kernel) -> None:
    kernel.sql(
        "insert into app.job (id, name, arguments, created_by, state, created_at) values"
        " ('job_a', 'probe.counted', '{}', 'test', 'failed', now()),"
        " ('job_b', 'probe.counted', '{}', 'test', 'pending', now() - interval '1 hour')"
    )
    kernel.app.state.background._asked = float("-inf")
    said = httpx.get(kernel.address + "/metrics").text
    assert 'nexus_jobs{job="probe.counted",state="failed"} 1.0' in said
    [late] = re.findall(r'nexus_jobs_late_seconds{job="probe.counted"} (\S+)', said)
    assert 3600 <= float(late) < 4000
    kernel.sql("delete from app.job where name = 'probe.counted'")


def test_webhooks_are_measured(kernel: Kernel) -> None:
    def said() -> dict[str, float]:
        kernel.app.state.background._asked = float("-inf")
        text = httpx.get(kernel.address + "/metrics").text
        found = re.findall(r"^(nexus_webhooks_\S+) (\S+)$", text, re.MULTILINE)
        return {name: float(value) for name, value in found}

    before, organisation = said(), new_id("org")
    endpoint = (
        "insert into app.webhooks_endpoint (id, organisation_id, url, description, event_types, workspaces, is_enabled,"
    )
    endpoint += " disabled_because, created_by, version) values (%s, %s, 'https://a.example', '', '{*}', '{}', %s, %s, 'test', 1)"
    working, gone = new_id("whe"), new_id("whe")
    kernel.sql(endpoint, working, organisation, True, None)
    kernel.sql(endpoint, gone, organisation, False, "gone")
    delivery = (
        "insert into app.webhooks_delivery (id, organisation_id, endpoint_id, event_id, event_type, state, next_at)"
    )
    delivery += " values (%s, %s, %s, %s, 'a.b.c', %s, now() + %s)"
    waits = {"due": timedelta(minutes=-90), "later": timedelta(hours=1), "failed": timedelta(0), "off": timedelta(0)}
    for name, wait in waits.items():
        of, state = (gone if name == "off" else working), "failed" if name == "failed" else "pending"
        kernel.sql(delivery, new_id("dlv"), organisation, of, name, state, wait)
    after = said()
    kernel.sql("delete from app.webhooks_endpoint where organisation_id = %s", organisation)
    assert {name: value - before[name] for name, value in after.items() if "late_seconds" not in name} == {
        'nexus_webhooks_deliveries{state="pending"}': 3, 'nexus_webhooks_deliveries{state="delivered"}': 0,
        'nexus_webhooks_deliveries{state="failed"}': 1, 'nexus_webhooks_waiting{when="due"}': 1,
        'nexus_webhooks_waiting{when="later"}': 1, 'nexus_webhooks_endpoints{state="working"}': 1,
        'nexus_webhooks_endpoints{state="failing"}': 0, 'nexus_webhooks_endpoints{state="disabled_asked"}': 0,
        'nexus_webhooks_endpoints{state="disabled_failing"}': 0, 'nexus_webhooks_endpoints{state="disabled_gone"}': 1,
    }  # fmt: skip
    assert after["nexus_webhooks_late_seconds"] >= 90 * 60


def test_metrics_can_be_scraped_and_name_no_one(kernel: Kernel) -> None:
    here = kernel.caller()
    here.get(f"/v1/{here.workspace}/made-up")
    here.get("/v1/models")
    assert here.get("/v1/operations").status_code == 200
    answer = httpx.get(kernel.address + "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = {f.name: f for f in text_string_to_metric_families(answer.text)}
    requests = {s.labels["route"] for s in families["nexus_http_requests"].samples}
    assert {"/v1/models", "unmatched"} <= requests
    assert "direct" in {s.labels["pool"] for s in families["nexus_database_connections"].samples}
    assert here.workspace not in answer.text
    assert all(family.documentation for family in families.values())
    # as `promtool check metrics` asks: counters end in _total, names say their unit
    assert "nexus_http_requests_total{" in answer.text
    assert "nexus_http_request_duration_seconds_bucket{" in answer.text


def test_it_is_told_when_the_database_was_last_asked(kernel: Kernel) -> None:
    """While it is away every other number stands still, however often somebody scrapes."""

    async def looked(settings: Settings) -> list[float]:
        database = Database(settings)
        background = Background(database)
        texts = [await service.measured(database, background) for _ in range(2)]
        await database.close()
        return [float(re.findall(rb"^nexus_looked_timestamp_seconds (\S+)$", text, re.M)[0]) for text in texts]

    before = time.time()
    seen, again = run(looked(kernel.settings))
    assert before <= seen == again <= time.time()
    url = SecretStr(f"postgresql://nexus@127.0.0.1:{free_port()}/nexus")
    assert run(looked(kernel.settings.model_copy(update={"database_url": url}))) == [seen, seen]


def test_limits_say_how_much_is_left_and_when_to_come_again(kernel: Kernel) -> None:
    router = Router()

    @router.get("/v1/limited", dependencies=[public("test"), limit(SlidingWindow("few", 2, 3600), per=("address",))])
    async def limited() -> str:
        return "yes"

    with kernel.offering(router):
        first, second, third = (httpx.get(kernel.address + "/v1/limited") for _ in range(3))
    assert [a.status_code for a in (first, second, third)] == [200, 200, 429]
    assert first.headers["ratelimit-policy"] == '"few";q=2;w=3600'
    assert first.headers["ratelimit"].startswith('"few";r=1;t=')
    assert third.headers["content-type"] == "application/problem+json"
    assert third.json()["code"] == "too_many_requests"
    assert int(third.headers["retry-after"]) >= 1


def test_spans_as_a_collector_reads_them() -> None:
    with (
        span("outer", "server", "api", {"a": 1, "b": 1.5, "c": True, "d": "x"}) as outer,
        span("inner", "internal", "db") as inner,
    ):
        pass
    said = document([outer, inner])["resourceSpans"]
    assert [r["resource"]["attributes"][0]["value"]["stringValue"] for r in said] == ["api", "db"]
    above, below = (r["scopeSpans"][0]["spans"][0] for r in said)
    assert below["parentSpanId"] == above["spanId"]
    assert below["traceId"] == above["traceId"]
    assert int(above["endTimeUnixNano"]) >= int(above["startTimeUnixNano"])
    assert [list(a["value"]) for a in above["attributes"]] == [
        ["intValue"],
        ["doubleValue"],
        ["boolValue"],
        ["stringValue"],
    ]


def test_a_consumer_that_is_no_more_has_no_series() -> None:
    now = datetime.now(UTC)
    stays, goes = (Progress(f"test.{name}", False, 0, now, 3, now, 1, 0) for name in ("stays", "goes"))
    service._tell([stays, goes], [])
    assert b'nexus_consumer_behind_events{consumer="test.goes"} 3.0' in metrics.text()
    service._tell([stays], [])
    assert b'consumer="test.stays",state="retrying"} 1.0' in metrics.text()
    assert b"test.goes" not in metrics.text()
