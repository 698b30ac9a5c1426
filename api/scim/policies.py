"""Who may provision: whoever acts for the organisation's directory, by a key of a service account as a rule."""

from __future__ import annotations

from typing import Annotated

from api.kernel.permissions import permission, requires
from api.kernel.principal import Principal

PROVISION = permission("scim.provision", "Provision people and groups by SCIM", "organisation")

Provisioner = Annotated[Principal, requires(PROVISION)]
