"""HTTP of organisations: one router, a module of endpoints for each thing there is. The organisation is the credential's."""

from api.organisations.endpoints import organisation as organisation
from api.organisations.endpoints.routing import router

__all__ = ["router"]
