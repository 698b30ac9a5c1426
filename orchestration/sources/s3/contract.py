"""The S3 source: server access log lines and inventory rows.

Belongs here: tables and columns. Does not belong here: parsing (extract.py).
"""

from __future__ import annotations

from datetime import timedelta

from nexus.contracts import Source, Table
from orchestration.lib.columns import at, columns, day, flag, text, whole
from orchestration.sources.s3 import extract

ACCESS_LOG = Table(
    # Amazon delivers a record at least now and then twice, so lines need an identity; the request id is Amazon's own,
    # but one request may leave several lines: id = request id / operation / key / version
    "s3", "access_log", nature="event", id="id", event_at="requested_at", select=extract.ACCESS_LOG,
    description="One row per line of the server access log: one operation of one request on one object.",
    columns=columns(
        text("id", None, "Request id / operation / key / version id"),
        text("request_id", None, "Amazon's id of the request", required=True),
        at("requested_at", "time", "When the request came in", required=True, format="%d/%b/%Y:%H:%M:%S %z"),
        text("bucket_name", "bucket", required=True),
        text("bucket_owner_id", "bucket_owner"),
        text("ip_address", "remote_ip", "Null for Amazon's own operations"),
        text("requester", None, "ARN or canonical id of who asked; null for anonymous requests"),
        text("operation", None, "REST.GET.OBJECT, REST.PUT.OBJECT, S3.EXPIRE.OBJECT, …", required=True),
        text("object_key", None, "Decoded; null for operations on the bucket"),
        text("object_key_encoded", "key", "As the log writes it"),
        text("request_uri", None, "Method, path and protocol"),
        whole("status_code", "http_status", "HTTP status; null for Amazon's own operations"),
        text("error_code", None, "S3 error, where there was one"),
        whole("bytes_sent", None, "Body of the answer; null for none", minimum=0),
        whole("size_bytes", "object_size", "Size of the object", minimum=0),
        whole("total_time_ms", "total_time"),
        whole("turn_around_time_ms", "turn_around_time"),
        text("referrer"),
        text("user_agent"),
        text("version_id"),
        text("host_id"),
        text("signature_version"),
        text("cipher_suite"),
        text("authentication_type", None, "AuthHeader, QueryString (a signed link) or null"),
        text("host_header"),
        text("tls_version"),
        text("access_point_arn"),
        text("acl_required", None, "Yes where the request needed an ACL"),
        text("source_region"),
        text("later_fields", "more", "What Amazon has appended since"),
    ),
)  # fmt: skip

INVENTORY = Table(
    "s3", "inventory", nature="entity", id="id", event_at="snapshot_date", select=extract.INVENTORY,
    freshness=timedelta(days=35),
    description="One row per object version and snapshot of the bucket.",
    columns=columns(
        text("id", None, "Snapshot date / bucket / version / key"),
        day("snapshot_date", None, "From the path of the file", required=True),
        text("bucket_name", "bucket", required=True),
        text("object_key", None, "Decoded", required=True),
        text("object_key_encoded", "key", "As the inventory writes it"),
        text("version_id"),
        flag("is_latest", None, "Null where the bucket has no versions"),
        flag("is_delete_marker"),
        whole("size_bytes", "size", "Null for delete markers", minimum=0),
        at("last_modified_at", "last_modified", required=True),
        text("etag"),
        text("storage_class"),
    ),
)  # fmt: skip

SOURCE = Source(
    name="s3",
    title="Amazon S3",
    description="Server access logs (text) and inventory (CSV without header; the path holds the date).",
    owner="product",
    # Amazon names log objects by time and gives them no ending: <prefix>2026-10-31-14-05-09-0A1B2C3D4E5F6789
    readers={
        "*.csv": "rows",
        "*.log": "lines",
        "*.txt": "lines",
        "*[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]-[0-9][0-9]-[0-9][0-9]-[0-9][0-9]-*": "lines",
    },
    kind=extract.KIND,
    tables=(ACCESS_LOG, INVENTORY),
)
