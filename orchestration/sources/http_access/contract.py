"""The HTTP access log source: lines that web servers write of each request.

Belongs here: the table and its columns. Does not belong here: parsing (extract.py).
"""

from __future__ import annotations

from nexus.contracts import Source, Table
from orchestration.lib.columns import at, columns, text, whole
from orchestration.sources.http_access import extract

REQUEST = Table(
    # a line has no identity: two requests of one visitor within a second may look alike, and both happened
    "http_access", "request", nature="event", id=None, event_at="requested_at", select=extract.REQUEST,
    description="One row per line of the access log: one request; lines that look alike are different requests.",
    columns=columns(
        text("ip_address", None, "Address of the visitor, or its name where the server looks names up", required=True),
        text("user_name", None, "Name given to HTTP authentication"),
        at("requested_at", "time", "When the request came in", required=True, format="%d/%b/%Y:%H:%M:%S %z"),
        text("request_line", None, "Method, target and protocol, as sent; null where nothing was sent"),
        text("method", None, "GET, POST, …; null where the request line is none"),
        text("url_path", None, "Target without its query, as sent"),
        text("url_query", None, "What stands after the question mark"),
        text("protocol", None, "HTTP/1.1, …"),
        whole("status_code", None, "HTTP status", required=True, minimum=0),
        whole("bytes_sent", None, "Body of the answer; null for none", minimum=0),
        text("referrer"),
        text("user_agent"),
        text("server_name", None, "Virtual host and port, where the log begins with them"),
        text("identity", None, "Answer of identd, where anybody still asks it"),
        text("later_fields", None, "What the server writes after the user agent"),
    ),
)  # fmt: skip

SOURCE = Source(
    name="http_access",
    title="HTTP access log",
    description="Access logs of web servers in the common, combined or virtual-host format.",
    owner="product",
    # logrotate counts (access.log.1) or dates (access_log-20260201) what it puts aside
    readers={
        "*.log": "lines",
        "*.log.[0-9]*": "lines",
        "*.log-[0-9]*": "lines",
        "*access_log*": "lines",
        "*.txt": "lines",
    },
    kind=extract.KIND,
    tables=(REQUEST,),
)
