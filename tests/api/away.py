"""What endpoints may say when something that they stand on is away: 502 and 503, and nobody else may.

Belongs here: which routes, and on what they stand. Does not belong here: what is asked of them.
"""

from __future__ import annotations

import re

#: Method and path → statuses. An endpoint that is not here has nothing outside of it that a test has taken away.
AWAY = {
    # what watches a Nexus asks whether it is ready
    r"GET /readyz": {503},
    # there is no published model, or no feature store, on this machine
    r"(GET|POST) /v1/models(/[^/]*)?": {503},
    # DNS
    r"POST /v1/domains/[^/]*:verify": {502},
    # the delivery has not landed in time
    r"POST /v1/sources/[^/]*/webhook": {503},
}


def allowed(method: str, path: str) -> set[int]:
    """Statuses from 500 on that are no mistake there; `path` is that of a request or of the document."""
    return next((found for route, found in AWAY.items() if re.fullmatch(route, f"{method.upper()} {path}")), set())


def is_mistake(method: str, path: str, status: int) -> bool:
    return status >= 500 and status not in allowed(method, path)
