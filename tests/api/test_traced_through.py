"""One trace from a request through its transaction and event to the consumer and the job; where spans go; lag in the metrics."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Annotated

import httpx
import pytest

from api.kernel.idempotency import unkeyed
from api.kernel.permissions import Permission, requires
from api.kernel.principal import Principal
from api.kernel.routing import Router
from api.kernel.transactions import Transaction
from nexus import jobs
from nexus.db import Database
from nexus.events import Event
from nexus.events.consumer import Consumer, Delivery
from nexus.events.turn import step
from nexus.jobs import declare
from nexus.jobs.attempt import attempt
from nexus.telemetry import spans
from nexus.telemetry.otlp import Exporter
from nexus.telemetry.spans import Span, Writer, span
from tests.api.kernel import Kernel

Reader = Annotated[Principal, requires(Permission("models.read", "Read", least="viewer"))]


class Struck(Event, type="gong.gong.struck"):
    gong_id: str


def test_one_trace_from_the_request_to_the_job(kernel: Kernel) -> None:
    router = Router()
    begun: list[str] = []

    @router.post("/v1/gong", status_code=201, dependencies=[unkeyed("a test")])
    async def strike(caller: Reader, session: Transaction) -> None:
        session.record(Struck(gong_id="g"))

    async def hear(delivery: Delivery) -> None:
        begun.append(await jobs.begin(delivery.session, "gong.ring", by="test"))

    async def ring(work: jobs.Work) -> None: ...

    here, trace = kernel.caller(), "e" * 32
    sent = {"traceparent": f"00-{trace}-{'d' * 16}-01"}
    consumer = Consumer("gong.hear", hear, ("gong.*",), start="now")

    async def go() -> None:
        database = Database(kernel.settings)
        before = declare.jobs()
        declare.job("gong.ring")(ring)
        try:
            await step(database, consumer)
            answer = await asyncio.to_thread(here.post, "/v1/gong", headers=sent)
            assert answer.status_code == 201, answer.text
            # the lag of a consumer that has not had it yet is told
            kernel.app.state.background._asked = float("-inf")
            said = (await asyncio.to_thread(httpx.get, f"{kernel.address}/metrics")).text
            assert 'nexus_consumer_behind_events{consumer="gong.hear"} 1.0' in said
            assert 'nexus_consumer_letters{consumer="gong.hear",state="dead"} 0.0' in said
            [lag] = re.findall(r'nexus_consumer_lag_seconds{consumer="gong.hear"} (\S+)', said)
            assert 0 < float(lag) < 60
            while await step(database, consumer) == 0:
                pass
            await attempt(database, begun[0])
            await Writer(database)._write()
        finally:
            declare._register.clear()
            declare._register.update(before)
            await database.close()

    with kernel.offering(router):
        asyncio.run(go())
    names = {"POST /v1/gong", "commit", "consume gong.hear", "job gong.ring"}
    for _ in range(100):
        told = here.get(f"/v1/traces/{trace}").json().get("spans", ())
        found = {s["name"]: s for s in told}
        if names <= found.keys():
            break
        threading.Event().wait(0.1)
    assert names <= found.keys()
    assert found["POST /v1/gong"]["parent_id"] == "d" * 16
    request = found["POST /v1/gong"]["span_id"]
    commits = {s["span_id"] for s in told if s["name"] == "commit" and s["parent_id"] == request}
    assert commits
    assert found["consume gong.hear"]["parent_id"] in {request, *commits}
    assert found["job gong.ring"]["parent_id"] == found["consume gong.hear"]["span_id"]


def test_spans_that_are_being_written_are_not_lost_by_stopping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spans, "EVERY", 0.01)
    kept: list[str] = []

    async def go() -> None:
        begun, held = asyncio.Event(), asyncio.Event()

        class Slow(Exporter):
            async def __call__(self, spans: Sequence[Span]) -> None:
                begun.set()
                await held.wait()
                kept.extend(span.name for span in spans)

        writer = Writer(None, Slow("http://127.0.0.1", {}), deque())
        writer.start()
        writer.waiting.append(_made("under way"))
        await begun.wait()
        writer.waiting.append(_made("waiting"))
        stopping = asyncio.create_task(writer.stop())
        await asyncio.sleep(0)
        held.set()
        await stopping

    asyncio.run(go())
    assert kept == ["under way", "waiting"]


def _made(name: str) -> Span:
    return Span(name, "internal", "test", "a" * 32, "b" * 16, None, datetime.now(UTC))


def test_the_table_of_spans_is_bounded(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spans, "MOST_KEPT", 10)

    async def go() -> None:
        database = Database(kernel.settings)
        for _ in range(3):
            for _ in range(20):
                with span("many", "internal", "test"):
                    pass
            await Writer(database)._write()
        await database.close()

    asyncio.run(go())
    assert kernel.sql("select count(*) from app.span where name = 'many'")[0][0] <= 10


def test_spans_go_to_a_collector_if_there_is_one_and_its_absence_costs_nothing() -> None:
    came: list[tuple[str, dict[str, object]]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Api-Key"] == "a b"
            came.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()

        async def go(endpoint: str) -> None:
            exporter = Exporter(endpoint, {"api-key": "a b"})
            with span("told", "server", "api"):
                pass
            writer = Writer(None, exporter)
            writer.start()
            await writer.stop()
            assert exporter._client.is_closed

        try:
            asyncio.run(go(f"http://127.0.0.1:{server.server_port}/"))
        finally:
            server.shutdown()
            thread.join()
    asyncio.run(go(f"http://127.0.0.1:{server.server_port}"))
    [(path, document)] = came
    assert path == "/v1/traces"
    assert '"name": "told"' in json.dumps(document)
    assert not spans.WAITING
