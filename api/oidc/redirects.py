"""Addresses to which a browser may be sent back: which can be registered, and when one that is asked for is one of them.

Belongs here: the two rules, pure. Does not belong here: whose addresses they are.

Compared as text, character by character (RFC 9700, 2.1): no pattern, no normal form, no prefix. The one exception is the
port of a loopback address (RFC 8252, 7.3), because an application on somebody's machine takes whichever is free.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

LONGEST = 2000
#: RFC 3986: what an address consists of. No backslash, blank, quote or letter beyond ASCII, which readers disagree about.
_TEXT = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+")
_LOOPBACK = re.compile(r"http://(?P<host>127\.0\.0\.1|\[::1\])(?::(?P<port>[1-9][0-9]{0,4}))?(?P<rest>[/?].*)?")
_HTTP_HOSTS = {"127.0.0.1", "::1", "localhost"}
_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")


def objection(uri: str) -> str | None:
    """Why `uri` cannot be registered; None if it can."""
    if len(uri) > LONGEST:
        return f"is longer than {LONGEST} characters"
    if "#" in uri:
        return "must not have a fragment"
    if not _TEXT.fullmatch(uri):
        return "has characters that no address has: write others as %XX"
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not an address"
    path = re.sub("%2e", ".", parts.path, flags=re.IGNORECASE)
    if any(segment in {".", ".."} for segment in path.split("/")):
        return "must not have . or .. in its path"
    if parts.scheme not in {"http", "https"}:
        # RFC 8252, 7.1: a name that its owner has in the DNS, backwards; that leaves out javascript:, data: and the like
        return None if _SCHEME.fullmatch(parts.scheme) else "needs https, or a scheme such as com.example.app"
    if not host or "*" in host or "@" in parts.netloc or parts.netloc != parts.netloc.lower():
        return "needs one host, in lower case, with no name or password before it"
    if parts.scheme == "http" and host not in _HTTP_HOSTS:
        return "needs https: http is for 127.0.0.1, [::1] and localhost"
    return None


def matches(asked: str, registered: str) -> bool:
    """Whether a browser may be sent to `asked` because `registered` is known."""
    if asked == registered:
        return True
    here, known = _LOOPBACK.fullmatch(asked), _LOOPBACK.fullmatch(registered)
    if here is None or known is None or int(here["port"] or 80) > 65535:
        return False
    return (here["host"], here["rest"]) == (known["host"], known["rest"])


def origin(uri: str) -> str:
    """What a content security policy calls the place of `uri`: scheme, host and port, or the scheme alone."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"
