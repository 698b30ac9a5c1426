"""HTTP of telemetry: `/metrics`, `/v1/traces/{trace_id}`."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Path, Request, Response

from api.kernel.permissions import public
from api.kernel.routing import Router
from api.kernel.transactions import Transaction
from api.problems import GUARDED
from api.telemetry import repository, service
from api.telemetry.policies import TraceReader
from api.telemetry.schemas import SpanOut, TraceOut
from nexus.errors import NotFoundError
from nexus.settings import Settings

router = Router(tags=["telemetry"])
EXAMPLE = """# HELP nexus_spans_dropped_total Spans that were not kept, because too many waited.
# TYPE nexus_spans_dropped_total counter
nexus_spans_dropped_total 0.0
"""


def start(app: FastAPI, settings: Settings) -> None:
    app.state.background = repository.Background(app.state.database)


@router.get(
    "/metrics",
    summary="What Prometheus scrapes",
    dependencies=[public("scrapers have no credential; it names no tenant and no person")],
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string", "examples": [EXAMPLE]}}}}},
)
async def metrics(request: Request) -> Response:
    found = await service.measured(request.app.state.database, request.app.state.background)
    return Response(found, media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/v1/traces/{trace_id}", summary="What a request set off", responses=GUARDED)
async def get_trace(
    trace_id: Annotated[str, Path(pattern="^[0-9a-f]{32}$", examples=["0af7651916cd43dd8448eb211c80319c"])],
    caller: TraceReader,
    session: Transaction,
) -> TraceOut:
    """Spans of the caller's organisation, about a second after they have ended; the newest hundred thousand are kept."""
    found = await repository.trace(session, trace_id)
    if not found:
        raise NotFoundError("no span of such a trace is kept")
    return TraceOut(trace_id=trace_id, spans=[SpanOut(**span) for span in found])
