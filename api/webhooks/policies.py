"""Who may do what with webhooks: the permissions of this slice, and the sentences of its signatures.

Both are of the organisation. Whoever may register an endpoint is told whatever it names, in every workspace: the
permission is as strong as reading all of that.
"""

from __future__ import annotations

from typing import Annotated

from api.kernel.permissions import permission, requires
from api.kernel.principal import Principal

READ = permission("webhooks.read", "See where webhooks go and how they went", "organisation")
WRITE = permission("webhooks.write", "Send everything that happens to addresses of one's choosing", "organisation")

WebhookReader = Annotated[Principal, requires(READ)]
WebhookWriter = Annotated[Principal, requires(WRITE)]
