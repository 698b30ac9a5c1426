"""How lines of S3's server access log and rows of its inventory become documents: SQL over `documents`.

Belongs here: the two formats, as Amazon documents them. Does not belong here: columns (contract.py).
Log: https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html
Inventory: https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html
"""

from __future__ import annotations

KIND = "case when (doc->'$.line') is not null then 'access_log' when (doc->'$.c1') is not null then 'inventory' end"

_WORD = r"([^ ]+)"
#: Some clients send quotes in their names, which then stand escaped; a lone backslash escapes nothing.
_QUOTED = r'("(?:[^"\\]|\\.)*"|"[^"]*"|-)'
#: The first 17 fields are in every line; those after the version id were added over the years, and more may come.
_FIELDS: tuple[tuple[str, str], ...] = (
    ("bucket_owner", _WORD),
    ("bucket", _WORD),
    ("time", r"\[([^\]]+)\]"),
    ("remote_ip", _WORD),
    ("requester", _WORD),
    ("request_id", _WORD),
    ("operation", _WORD),
    ("key", _WORD),
    ("request_uri", _QUOTED),
    ("http_status", r"([0-9]{3}|-)"),
    ("error_code", _WORD),
    ("bytes_sent", r"([0-9]+|-)"),
    ("object_size", r"([0-9]+|-)"),
    ("total_time", r"([0-9]+|-)"),
    ("turn_around_time", r"([0-9]+|-)"),
    ("referrer", _QUOTED),
    ("user_agent", _QUOTED),
    ("version_id", _WORD),
)
_LATER = (
    "host_id", "signature_version", "cipher_suite", "authentication_type", "host_header", "tls_version",
    "access_point_arn", "acl_required", "source_region",
)  # fmt: skip
_PATTERN = "^" + " ".join(p for _, p in _FIELDS) + "".join(f"(?: {_WORD})?" for _ in _LATER) + "(?: (.*))?$"
_NAMES = [name for name, _ in _FIELDS] + list(_LATER) + ["more"]


def _value(name: str) -> str:
    """A field of the match: null for `-` and for what is not there; quotes taken off."""
    bare = f"m.{name}"
    if name in ("request_uri", "referrer", "user_agent"):
        bare = f"replace(case when {bare}[1] = '\"' then {bare}[2:-2] else {bare} end, '\\\"', '\"')"
    return f"nullif(nullif({bare}, '-'), '')"


_MEMBERS = ", ".join(f"'{name}', {_value(name)}" for name in _NAMES)
_NAME_LIST = ", ".join(f"'{name}'" for name in _NAMES)

#: A line that does not have this form keeps its text alone, so that the contract turns it away with the text.
#: One request may leave several lines (a multi-object delete, a copy), so its id alone does not name a line.
ACCESS_LOG = f"""
    select _line, _text, case when m.request_id = '' then json_object('line', line) else json_object(
        'id', concat_ws('/', nullif(m.request_id, '-'), m.operation, m.key, m.version_id),
        'object_key', url_decode({_value("key")}), {_MEMBERS}) end as doc
    from (
        select _line, _text, line, regexp_extract(line, '{_PATTERN.replace("'", "''")}', [{_NAME_LIST}]) as m
        from (select _line, _text, doc->>'$.line' as line from documents where _kind = 'access_log')
    )
"""

_SCHEMA = (
    "bucket", "key", "version_id", "is_latest", "is_delete_marker", "size", "last_modified", "etag", "storage_class",
)  # fmt: skip
_UNVERSIONED = ("bucket", "key", "size", "last_modified", "etag", "storage_class")

_AMAZON = {
    "bucket": "Bucket", "key": "Key", "version_id": "VersionId", "is_latest": "IsLatest",
    "is_delete_marker": "IsDeleteMarker", "size": "Size", "last_modified": "LastModifiedDate", "etag": "ETag",
    "storage_class": "StorageClass",
}  # fmt: skip


def schema_is_read(fields: tuple[str, ...]) -> bool:
    """Whether an inventory with these fields, as its manifest names them, is one that INVENTORY reads."""
    return any(fields[: len(names)] == tuple(_AMAZON[name] for name in names) for names in (_SCHEMA, _UNVERSIONED))


def _columns(names: tuple[str, ...]) -> str:
    """Names for c1, c2, …; the bare names vanish, those beyond stay."""
    return ", ".join(f"'{name}', doc->'$.c{i}', 'c{i}', null" for i, name in enumerate(names, 1))


#: A bucket without versions has no version columns, which shows in the fourth. Keys are URL-encoded; the date stands
#: in the path of the file. `id` tells one version of one object in one snapshot.
INVENTORY = f"""
    select _line, _text, json_merge_patch(row, json_object(
        'id', concat_ws('/', snapshot, row->>'$.bucket', coalesce(row->>'$.version_id', '-'), row->>'$.key'),
        'snapshot_date', snapshot, 'object_key', url_decode(row->>'$.key'))) as doc
    from (
        select _line, _text, nullif(regexp_extract(_file, '.*([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})', 1), '') as snapshot,
            case when (doc->>'$.c4') in ('true', 'false') then json_merge_patch(doc, json_object({_columns(_SCHEMA)}))
                else json_merge_patch(doc, json_object({_columns(_UNVERSIONED)})) end as row
        from documents where _kind = 'inventory'
    )
"""
