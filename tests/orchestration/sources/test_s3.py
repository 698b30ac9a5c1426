"""S3: log lines with everything that Amazon puts into them, and inventories with and without versions."""

from __future__ import annotations

from datetime import date, datetime

from orchestration.sources.s3.contract import SOURCE


def test_a_download(fixtures) -> None:
    row = fixtures(SOURCE).rows["access_log"][0]
    assert row["requested_at"] == datetime(2026, 2, 6, 0, 0, 38)
    assert row["object_key"] == "tenants/cus_1/00u1/annual+report (final).pdf"
    assert row["object_key_encoded"] == "tenants/cus_1/00u1/annual+report%20%28final%29.pdf"
    assert (row["status_code"], row["bytes_sent"], row["size_bytes"]) == (200, 2662992, 3462992)
    assert row["user_agent"] == 'Mozilla/5.0 (X11; Linux x86_64) "quoted" agent'
    assert row["request_uri"] == "GET /tenants/cus_1/00u1/annual+report%20%28final%29.pdf HTTP/1.1"
    assert (row["referrer"], row["error_code"], row["access_point_arn"]) == (None, None, None)
    assert row["tls_version"] == "TLSv1.2"
    assert row["requester"] == "arn:aws:sts::111122223333:assumed-role/app/00u1"


def test_an_operation_of_amazons_own(fixtures) -> None:
    row = fixtures(SOURCE).rows["access_log"][1]
    assert (row["operation"], row["ip_address"], row["status_code"], row["user_agent"]) == (
        "S3.EXPIRE.OBJECT",
        None,
        None,
        None,
    )
    assert row["requested_at"] == datetime(2026, 2, 6, 0, 0, 38), "01:00:38 at +0100"


def test_fields_that_were_added_over_the_years(fixtures) -> None:
    rows = fixtures(SOURCE).rows["access_log"]
    assert (rows[2]["acl_required"], rows[2]["source_region"], rows[2]["later_fields"]) == (
        "Yes",
        "us-east-1",
        "and-what-comes-next",
    )
    assert rows[2]["requester"] is None
    assert rows[2]["referrer"] == "https://example.com/a b"
    assert rows[3]["host_id"] is None, "a line of 2008 ends with the version id"


def test_lines_of_one_request_are_told_apart(fixtures) -> None:
    rows = fixtures(SOURCE).rows["access_log"][3:]
    assert {r["request_id"] for r in rows} == {"A1206F460EXAMPLE"}
    assert len({r["id"] for r in rows}) == 3


def test_a_cut_line_goes_to_quarantine_with_its_text(fixtures) -> None:
    ((table, reason, raw),) = fixtures(SOURCE).bad
    assert table == "access_log"
    assert "request_id: required, but missing" in reason
    assert raw.startswith('{"line":')
    assert "Mozilla/5.0 (cut o" in raw


def test_log_objects_have_no_ending(parse) -> None:
    line = fixtures_text("access.log").splitlines()[0]
    parsed = parse(SOURCE, {"logs/prefix-2026-02-06-00-15-38-421D7AEXAMPLE": line + "\r\n"})
    assert len(parsed.rows["access_log"]) == 1


def test_an_inventory_is_dated_by_its_path(fixtures) -> None:
    rows = fixtures(SOURCE).rows["inventory"]
    assert [r["snapshot_date"] for r in rows] == [date(2026, 1, 31)] * 3 + [date(2026, 2, 28)]
    assert [r["object_key"] for r in rows] == [
        "tenants/cus_1/00u1/annual report.pdf", "tenants/cus_1/gone.txt", "tenants/cus_2/b.bin", "a.txt",
    ]  # fmt: skip
    assert len({r["id"] for r in rows}) == 4


def test_delete_markers_and_further_columns(fixtures) -> None:
    rows = fixtures(SOURCE).rows["inventory"]
    assert (rows[1]["is_delete_marker"], rows[1]["size_bytes"], rows[1]["etag"]) == (True, None, None)
    assert rows[2]["_extra"] == '{"c10":"false","c11":"COMPLETED"}'


def test_a_bucket_without_versions(fixtures) -> None:
    row = fixtures(SOURCE).rows["inventory"][3]
    assert (row["bucket_name"], row["size_bytes"], row["is_latest"], row["storage_class"]) == (
        "plain-bucket",
        10,
        None,
        "STANDARD",
    )


def test_an_inventory_without_a_date_is_not_guessed(parse) -> None:
    parsed = parse(SOURCE, {"inventory.csv": fixtures_text("inventory/2026-01-31.csv")})
    assert parsed.rows["inventory"] == []
    assert all("snapshot_date: required, but missing" in reason for _, reason, _ in parsed.bad)


def fixtures_text(name: str) -> str:
    from pathlib import Path

    folder = Path(__file__).resolve().parents[3] / "orchestration" / "sources" / "s3" / "fixtures"
    return (folder / name).read_text()
