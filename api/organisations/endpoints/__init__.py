"""HTTP of organisations: one router, a module of endpoints for each thing there is. The organisation is the credential's."""

from api.organisations.endpoints import accounts as accounts
from api.organisations.endpoints import authz as authz
from api.organisations.endpoints import groups as groups
from api.organisations.endpoints import keys as keys
from api.organisations.endpoints import members as members
from api.organisations.endpoints import organisation as organisation
from api.organisations.endpoints import roles as roles
from api.organisations.endpoints.routing import router

__all__ = ["router"]
