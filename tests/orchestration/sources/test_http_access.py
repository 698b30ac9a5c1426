"""HTTP access logs: the common, combined and virtual-host formats; what is cut off is not guessed at."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from orchestration.sources.http_access.contract import SOURCE
from warehouse.land.files import reader_of
from warehouse.land.sql import staging


def test_a_combined_line(fixtures) -> None:
    row, same, *_ = fixtures(SOURCE).rows["request"]
    assert (row["ip_address"], row["requested_at"]) == ("203.0.113.7", datetime(2026, 2, 17, 10, 5, 3))
    assert (row["method"], row["url_path"], row["url_query"], row["protocol"]) == (
        "GET", "/docs/start.html", "lang=en", "HTTP/1.1",
    )  # fmt: skip
    assert (row["status_code"], row["bytes_sent"], row["referrer"]) == (200, 2326, "https://example.com/")
    assert row["user_agent"] == "Mozilla/5.0 (X11; Linux x86_64) Firefox/147.0"
    assert (row["user_name"], row["server_name"], row["_extra"]) == (None, None, None)
    assert same["_record_hash"] == row["_record_hash"]


def test_a_visitor_with_a_name_in_another_zone(fixtures) -> None:
    row = fixtures(SOURCE).rows["request"][2]
    assert (row["ip_address"], row["user_name"]) == ("2001:db8::1", "ada@customer.example")
    assert (row["requested_at"], row["bytes_sent"]) == (datetime(2026, 2, 17, 10, 5, 4), None)


def test_a_request_that_is_none(fixtures) -> None:
    row = fixtures(SOURCE).rows["request"][3]
    assert (row["request_line"], row["method"], row["url_path"], row["status_code"]) == (
        r"\x16\x03\x01", None, None, 400,
    )  # fmt: skip


def test_escapes_and_fields_of_the_server(fixtures) -> None:
    row = fixtures(SOURCE).rows["request"][4]
    assert row["user_agent"] == 'Mozilla/5.0 (compatible; ExampleBot/2.1; "quoted" and C:\\dir)'
    assert row["later_fields"] == "rt=0.012"


def test_virtual_host_and_common_format(fixtures) -> None:
    host, common = fixtures(SOURCE).rows["request"][5:]
    assert (host["server_name"], host["ip_address"], host["method"]) == ("www.example.com:443", "198.51.100.6", "POST")
    assert (common["user_name"], common["bytes_sent"], common["user_agent"]) == ("frank", 99, None)


def test_a_line_that_is_cut_off_keeps_its_text(fixtures) -> None:
    cut, late = [(reason, raw) for _, reason, raw in fixtures(SOURCE).bad]
    assert "requested_at: required, but missing" in cut[0]
    assert json.loads(cut[1])["line"].endswith("ExampleBot/2.1; +http")
    assert 'found "yesterday"' in late[0]


@pytest.mark.parametrize(
    ("name", "reader"),
    [
        ("access.log", "lines"), ("access.log.1", "lines"), ("access.log.12.gz", "lines"), ("access_log", "lines"),
        ("access_log-20260201.gz", "lines"), ("site.access.log-20260201", "lines"), ("readme.md", None),
    ],
)  # fmt: skip
def test_names_of_rotated_logs(name: str, reader: str | None) -> None:
    assert reader_of(SOURCE, Path(name)) == reader


def test_the_real_log(real_data: Path, stage_files) -> None:
    stage = stage_files(SOURCE, [real_data / "files" / "apache_access.log"])
    table = staging(SOURCE.table("request"))
    assert stage.run(f"select count(*), count(_reason), count(*) filter (where method is null) from {table}") == [
        (10_000, 1, 1)
    ]
    assert stage.run(f"select _line, _raw like '%bot.html\"}}' from {table} where _reason is not null") == [
        (8_899, True)
    ]
