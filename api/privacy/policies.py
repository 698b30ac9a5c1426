"""Who may hand over or erase what Nexus holds of a member: owners, and whoever is given it."""

from __future__ import annotations

from typing import Annotated

from api.kernel.permissions import permission, requires
from api.kernel.principal import Principal

EXPORT = permission("privacy.export", "Hand over everything that is held of a member", "organisation", "owner")
ERASE = permission("privacy.erase", "Erase a member with everything that is held of them", "organisation", "owner")

PersonExporter = Annotated[Principal, requires(EXPORT)]
PersonEraser = Annotated[Principal, requires(ERASE)]
