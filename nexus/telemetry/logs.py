"""Logs as one JSON object a line, with trace and tenant, and without what nobody should read there.

Belongs here: the format, what is struck out. Does not belong here: what is worth a line.
"""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from typing import Any

import orjson

from nexus.telemetry import context

#: What looks like a credential, a password in a URL, or somebody's address.
_SECRETS = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), r"\1 …"),
    (re.compile(r"\b(nxs|nxk|tst|whsec|sk|rk|pk)_[\w-]{8,}"), r"\1_…"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), "…jwt…"),
    (re.compile(r"(?i)((?:password|passwd|secret|token|api[_-]?key|authorization|cookie)[\"']?\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&}]+)"), r"\1…"),
    # PostgreSQL tells the row that it refuses
    (re.compile(r"\b(DETAIL:)\s.*"), r"\1 …"),
    # drivers and pydantic repeat the value that they refuse
    (re.compile(r"(invalid input for query argument \$\d+: ).*"), r"\1…"),
    (re.compile(r"(invalid input (?:syntax for type [\w ]+|value for enum [\w.\"]+): )\".*\""), r"\1…"),
    (re.compile(r"\b(input_value=)(?:.*(?=, input_type=)|.*)"), r"\1…"),
    (re.compile(r"://([^:/@\s]+):[^@\s]+@"), r"://\1:…@"),
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "…@…"),
)  # fmt: skip


def struck(text: str) -> str:
    """`text` without credentials and addresses of people."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


class JsonLines(logging.Formatter):
    """One object a line: at, level, logger, message, trace_id, span_id, organisation, workspace, error."""

    def format(self, record: logging.LogRecord) -> str:
        now = context.current()
        said: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": struck(record.getMessage()),
        }
        if now is not None:
            said |= {"trace_id": now.trace_id, "span_id": now.span_id}
            said |= {"organisation": now.organisation, "workspace": now.workspace}
        if record.exc_info:
            said["error"] = struck(self.formatException(record.exc_info))
        return orjson.dumps({name: value for name, value in said.items() if value is not None}).decode()


class Text(logging.Formatter):
    """For people: the same, without trace and tenant."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return struck(super().format(record))


def configure(level: str, form: str = "json") -> None:
    """Makes every logger of this process write to standard error, in JSON lines or text."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else Text())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("httpx", "httpcore"):
        # they write a line for each request that we send, with its whole address: a receiver's may have a secret in it
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers[:] = []
        logging.getLogger(name).propagate = True
