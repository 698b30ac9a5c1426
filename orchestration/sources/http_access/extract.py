"""How lines of a web server's access log become documents: SQL over `documents`.

Belongs here: the format. Does not belong here: columns (contract.py).
Format: https://httpd.apache.org/docs/current/logs.html#accesslog
"""

from __future__ import annotations

KIND = "case when (doc->'$.line') is not null then 'request' end"

_WORD = r"([^ ]+)"
#: Servers write quotes and control characters of a client's text escaped: \" and \x16.
_QUOTED = r'"((?:[^"\\]|\\.)*)"'
#: A line may begin with the virtual host; the common format ends after the bytes, and servers append fields of their
#: own only to a combined line that is whole. So a line that is cut off within its quotes has no such form.
_FIELDS: tuple[tuple[str, str], ...] = (
    ("server_name", r"(?:([^ ]+:[0-9]+) )?"),
    ("ip_address", _WORD),
    ("identity", " " + _WORD),
    ("user_name", r" ([^ ]+|[^ ][^\[]*[^ ])"),
    ("time", r" \[([^\]]+)\]"),
    ("request_line", " " + _QUOTED),
    ("status_code", r" ([0-9]{3})"),
    ("bytes_sent", r" ([0-9]+|-)"),
    ("referrer", f"(?: {_QUOTED}"),
    ("user_agent", f" {_QUOTED}"),
    ("later_fields", r"(?: (.*))?)?"),
)
_PATTERN = "^" + "".join(pattern for _, pattern in _FIELDS) + "$"
_NAMES = [name for name, _ in _FIELDS]
#: A request that is none (a port scan, TLS spoken to a plain port) stays whole in `request_line`.
_REQUEST = r"^([A-Z]+) ([^ ?]*)(?:\?([^ ]*))?(?: (HTTP/[0-9.]+))?$"
_PARTS = ("method", "url_path", "url_query", "protocol")


def _value(name: str) -> str:
    """A field of the match: null for `-` and for what is not there; escaped quotes and backslashes as they were."""
    bare = f"m.{name}"
    if name in ("request_line", "referrer", "user_agent"):
        bare = rf"""replace(replace({bare}, '\"', '"'), '\\', '\')"""
    return f"nullif(nullif({bare}, '-'), '')"


_MEMBERS = ", ".join(f"'{name}', {_value(name)}" for name in _NAMES)
_NAME_LIST = ", ".join(f"'{name}'" for name in _NAMES)
_PART_MEMBERS = ", ".join(f"'{name}', nullif(r.{name}, '')" for name in _PARTS)
_PART_LIST = ", ".join(f"'{name}'" for name in _PARTS)

#: A line that does not have this form keeps its text alone, so that the contract turns it away with the text.
REQUEST = f"""
    select _line, _text, case when m.ip_address = '' then json_object('line', line)
        else json_object({_MEMBERS}, {_PART_MEMBERS}) end as doc
    from (
        select *, regexp_extract(m.request_line, '{_REQUEST}', [{_PART_LIST}]) as r
        from (
            select _line, _text, line, regexp_extract(line, '{_PATTERN}', [{_NAME_LIST}]) as m
            from (select _line, _text, doc->>'$.line' as line from documents where _kind = 'request')
        )
    )
"""
