"""Whether the framework is the one that `plan.py` was compared with: if not, its own walk answers, slower and right.

Belongs here: what of the framework's inside the plan does again or stands on, and its fingerprint. Does not belong here: the plan.

After an upgrade that changes any of it a test fails and says so: read what has changed, mend the plan, then write the new
fingerprint down. Until then requests are answered by the framework, and one line of the log says why.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import logging
from functools import lru_cache
from typing import TYPE_CHECKING

from fastapi.routing import APIRoute

if TYPE_CHECKING:
    from api.kernel.plan import Plan

_log = logging.getLogger("nexus.api")
#: Module → what of it was read.
_STANDS_ON = {
    "fastapi._compat.v2": ("ModelField",),
    "fastapi.dependencies.models": ("Dependant",),
    "fastapi.dependencies.utils": ("solve_dependencies", "request_params_to_args", "_validate_value_with_model_field"),
    "fastapi.routing": ("request_response", "get_request_handler", "serialize_response"),
}
COMPARED = "cc40a1776b9f4680"


def plan_of(route: APIRoute, is_exact: bool) -> Plan | None:
    """The plan of a route; None where the framework answers."""
    if not is_known():
        return None
    from api.kernel.plan import Plan

    return Plan.of(route, is_exact)


@lru_cache(maxsize=1)
def is_known() -> bool:
    """Whether requests may go by plans, found out once in a process."""
    try:
        if fingerprint() == COMPARED:
            importlib.import_module("api.kernel.plan")
            return True
        changed = "its inside has changed"
    except (ImportError, AttributeError, OSError, TypeError) as error:
        changed = str(error)
    _log.warning("requests are walked by FastAPI itself, which is slower: %s (api/kernel/compared.py)", changed)
    return False


def fingerprint() -> str:
    """Of the source of all that the plan stands on. Raises ImportError, AttributeError, OSError where there is none."""
    found = [
        inspect.getsource(getattr(importlib.import_module(module), name))
        for module, names in _STANDS_ON.items()
        for name in names
    ]
    return hashlib.sha256("\n".join(found).encode()).hexdigest()[:16]
