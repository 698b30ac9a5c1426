"""Who may do what with @@words: the permissions of this slice, and the sentences of its signatures."""

from __future__ import annotations

from typing import Annotated

from api.kernel.permissions import permission, requires
from api.kernel.principal import Principal

READ = permission(
    "@@name.read",
    "See @@{words}s",
    least="viewer",
)
WRITE = permission(
    "@@name.write",
    "Change @@{words}s",
    least="analyst",
)

@@{Entity}Reader = Annotated[Principal, requires(READ)]
@@{Entity}Writer = Annotated[Principal, requires(WRITE)]
