"""Whether a resource is still what its sender has seen."""

from __future__ import annotations

from typing import Any

from scim2_models import PreconditionFailedException


def unchanged(resource: Any, expected_version: str | None) -> None:
    """Raises PreconditionFailedException if it has changed since; asked once nobody else can change it."""
    if expected_version is not None and resource.meta.version != expected_version:
        raise PreconditionFailedException(detail="it has changed since you read it: read it again")
