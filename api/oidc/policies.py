"""Who may register applications: the permissions of this slice, and the sentences of its signatures."""

from __future__ import annotations

from typing import Annotated

from api.kernel.permissions import permission, requires
from api.kernel.principal import Principal

READ = permission("oidc.clients.read", "See the applications of the organisation", "organisation")
WRITE = permission("oidc.clients.write", "Register applications for the organisation", "organisation")
MINE = permission("oidc.consents", "See and withdraw what one lets applications do", "organisation", "member")

ConsentHolder = Annotated[Principal, requires(MINE)]
ClientsReader = Annotated[Principal, requires(READ)]
ClientsWriter = Annotated[Principal, requires(WRITE)]
