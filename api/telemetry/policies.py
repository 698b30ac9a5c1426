"""Who may look into traces."""

from __future__ import annotations

from typing import Annotated

from api.kernel.permissions import permission, requires
from api.kernel.principal import Principal

READ = permission("telemetry.trace.read", "See the spans of a trace", scope="organisation")

TraceReader = Annotated[Principal, requires(READ)]
