"""HTTP of organisations: one router, a module of endpoints for each thing there is. The organisation is the credential's."""

from fastapi import FastAPI

from api.organisations.dns import Txt
from api.organisations.endpoints import accounts as accounts
from api.organisations.endpoints import authz as authz
from api.organisations.endpoints import closing as closing
from api.organisations.endpoints import groups as groups
from api.organisations.endpoints import joining as joining
from api.organisations.endpoints import keys as keys
from api.organisations.endpoints import me as me
from api.organisations.endpoints import members as members
from api.organisations.endpoints import organisation as organisation
from api.organisations.endpoints import roles as roles
from api.organisations.endpoints.routing import router
from nexus.settings import Settings

__all__ = ["router", "start"]


def start(app: FastAPI, settings: Settings) -> None:
    app.state.txt = Txt()
