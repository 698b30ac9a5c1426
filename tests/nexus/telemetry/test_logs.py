"""Logs: one JSON object a line, with trace and tenant, without secrets or addresses of people."""

from __future__ import annotations

import json
import logging

import pytest

from nexus.telemetry import context
from nexus.telemetry.logs import JsonLines, struck


def line(message: str, *arguments: object, error: BaseException | None = None) -> dict[str, str]:
    trouble = (type(error), error, None) if error else None
    record = logging.LogRecord("nexus.test", logging.WARNING, "x.py", 1, message, arguments, trouble)
    text = JsonLines().format(record)
    assert "\n" not in text
    found: dict[str, str] = json.loads(text)
    return found


def test_a_line_says_where_it_belongs() -> None:
    begun = context.begin("00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    begun.organisation, begun.workspace = "org_1", "demo"
    token = context.set_current(begun)
    said = line("%s things", 3)
    context.reset(token)
    assert said.pop("at").endswith("Z")
    assert said == {
        "level": "warning", "logger": "nexus.test", "message": "3 things", "trace_id": "a" * 32, "span_id": "b" * 16,
        "organisation": "org_1", "workspace": "demo",
    }  # fmt: skip
    assert "trace_id" not in line("alone")


@pytest.mark.parametrize(
    "secret",
    [
        "Authorization: Bearer nxs_0123456789abcdef",
        "authorization=Basic dXNlcjpodW50ZXI=",
        "password=hunter22",
        '{"client_secret": "s3cr3t-value"}',
        "postgresql://nexus:hunter22@db.internal/nexus",
        "token: eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "cookie: __Host-session=0123456789abcdef",
        "sent to ada.example+x@mail.example.org",
        "key whsec_0123456789abcdef",
        "duplicate key\nDETAIL:  Key (name)=(hunter22) already exists.",
        "invalid input for query argument $1: 'Ada hunter22' (expected str, got s3cr3t)",
        'invalid input syntax for type integer: "hunter22, said "s3cr3t""',
        "  Input should be a valid integer [type=int_parsing, input_value='hunter22, input_type=s3cr3t', input_type=str]",
        "1 validation error\nname\n  wrong [type=x, input_value={'name': 'hunter22",
    ],
)
def test_what_nobody_should_read_is_struck_out(secret: str) -> None:
    for said in (line(secret)["message"], line("failed", error=ValueError(secret))["error"]):
        for part in ("hunter22", "s3cr3t", "0123456789abcdef", "dXNlcjpodW50", "c2lnbmF0dXJl", "mail.example"):
            assert part not in said


def test_what_was_wrong_with_a_value_is_still_told() -> None:
    told = struck("  a valid integer [type=int_parsing, input_value='Ada', input_type=str]\nand more")
    assert told == "  a valid integer [type=int_parsing, input_value=…, input_type=str]\nand more"


def test_what_is_no_secret_stays() -> None:
    for text in ("consumer search.index is at 3.1.4", "GET /v1/notes 200", "a tokenizer: 5 words"):
        assert struck(text) == text
