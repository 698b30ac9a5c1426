"""Who may set up single sign-on: the permissions of this slice, and the sentences of its signatures."""

from __future__ import annotations

from typing import Annotated

from api.kernel.permissions import permission, requires
from api.kernel.principal import Principal

READ = permission("sso.read", "See how the organisation's people sign in elsewhere", "organisation")
WRITE = permission("sso.write", "Set up by which providers the organisation's people sign in", "organisation", "owner")

ConnectionReader = Annotated[Principal, requires(READ)]
ConnectionWriter = Annotated[Principal, requires(WRITE)]
