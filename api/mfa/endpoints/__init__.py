"""HTTP of second factors: pages, for browsers and not in /docs.

Belongs here: the router that is found. Does not belong here: a page (signin.py on the way to signing in, account.py for who is).
"""

from __future__ import annotations

from api.mfa.endpoints import account, signin
from api.mfa.endpoints.common import router

__all__ = ["account", "router", "signin"]
