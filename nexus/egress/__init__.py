"""Requests to addresses that a tenant chose: webhooks, log-outs, identity providers.

Belongs here: which addresses may be called, and a client that calls no other. Does not belong here: what is asked there.

Nexus stands inside a network that its tenants do not. Whoever sends a request to an address of a tenant's choosing takes
`client(settings)`; an httpx client made elsewhere is for addresses that are written in the program or by the operator.
"""

from nexus.egress.client import Answer, ask, client
from nexus.egress.policy import Policy, RefusedError
from nexus.egress.transport import GuardedTransport, TooLargeError

__all__ = ["Answer", "GuardedTransport", "Policy", "RefusedError", "TooLargeError", "ask", "client"]
