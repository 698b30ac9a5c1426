"""The one router that every module of this package adds to."""

from __future__ import annotations

from api.kernel.routing import Router
from api.problems import GUARDED

router = Router(prefix="/v1", tags=["organisations"], responses=GUARDED)
