"""HTTP of personal data."""

from __future__ import annotations

from api.kernel.routing import Router

router = Router(prefix="/v1", tags=["privacy"])
