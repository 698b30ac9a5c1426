"""Who may review what everybody may and does."""

from __future__ import annotations

from typing import Annotated

from api.kernel.permissions import permission, requires
from api.kernel.principal import Principal

READ = permission("reviews.read", "See which permissions everybody uses", "organisation")

Reviewer = Annotated[Principal, requires(READ)]
