"""Spans to a collector, as OTLP over HTTP in its JSON form.

Belongs here: the form and the request. Does not belong here: which spans there are.
OpenTelemetry's own SDK costs a span four to seven times what it costs here (docs/adr/0026).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from nexus.errors import InputError
from nexus.settings import Settings
from nexus.telemetry.spans import Span

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\x21-\x7e]([\t\x20-\x7e]*[\x21-\x7e])?")
_KINDS = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}


def document(spans: Sequence[Span]) -> dict[str, Any]:
    """One export request: spans by service."""
    services = sorted({span.service for span in spans})
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": [_attribute("service.name", service)]},
                "scopeSpans": [
                    {"scope": {"name": "nexus"}, "spans": [_said(s) for s in spans if s.service == service]}
                ],
            }
            for service in services
        ]
    }


def headers(said: str) -> dict[str, str]:
    """The form of OpenTelemetry's OTEL_EXPORTER_OTLP_HEADERS: `api-key=a%20b,x-team=7`.

    Raises InputError, without what was given: it may be a secret.
    """
    pairs = [entry.partition("=") for entry in said.split(",") if entry.strip()]
    found = {name.strip(): unquote(value.strip()) for name, _, value in pairs}
    if not all(_NAME.fullmatch(name) and _VALUE.fullmatch(value) for name, value in found.items()):
        raise InputError(
            "NEXUS_OTLP_HEADERS cannot be read",
            remedy="write name=value, separated by commas, with a comma, an equals sign or a blank in a value as %2C, %3D or %20",
        )
    return found


class Exporter:
    """Posts to `<endpoint>/v1/traces`. Raises httpx.HTTPError: whoever calls it does without."""

    def __init__(self, endpoint: str, headers: Mapping[str, str]) -> None:
        import httpx

        self._address = endpoint.rstrip("/") + "/v1/traces"
        self._client = httpx.AsyncClient(timeout=5, headers=dict(headers))

    @classmethod
    def of(cls, settings: Settings) -> Exporter | None:
        """To the collector of the settings, or None where there is none."""
        said = settings.otlp_headers.get_secret_value() if settings.otlp_headers else ""
        return cls(settings.otlp_endpoint, headers(said)) if settings.otlp_endpoint else None

    async def __call__(self, spans: Sequence[Span]) -> None:
        if spans:
            (await self._client.post(self._address, json=document(spans))).raise_for_status()

    async def close(self) -> None:
        await self._client.aclose()


def _said(span: Span) -> dict[str, Any]:
    began = int(span.started_at.timestamp() * 1e9)
    said: dict[str, Any] = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "name": span.name,
        "kind": _KINDS[span.kind],
        "startTimeUnixNano": str(began),
        "endTimeUnixNano": str(began + int(span.duration_ms * 1e6)),
        "attributes": [_attribute(name, value) for name, value in span.attributes.items()],
        "status": {"code": 2 if span.is_error else 0},
    }
    if span.parent_id:
        said["parentSpanId"] = span.parent_id
    return said


def _attribute(name: str, value: Any) -> dict[str, Any]:
    kind = "boolValue" if isinstance(value, bool) else "doubleValue" if isinstance(value, float) else "stringValue"
    if isinstance(value, int) and not isinstance(value, bool):
        return {"key": name, "value": {"intValue": str(value)}}
    return {"key": name, "value": {kind: value if kind != "stringValue" else str(value)}}
