"""The storage that scim2-server asks: which service answers for which kind of resource."""

from __future__ import annotations

from typing import Any

from scim2_models import NotImplementedException, ResourceType, ResponseParameters, SearchRequest
from scim2_server.storage import AsyncScimStorage, SearchPage

from api.kernel.principal import Principal
from api.scim import search
from api.scim.groups import Groups
from api.scim.provider import USER
from api.scim.repository import ScimRepository
from api.scim.users import Users
from nexus.db import Session


class Storage(AsyncScimStorage):
    """Of one request."""

    def __init__(self, session: Session, caller: Principal) -> None:
        self._session, self._caller = session, caller

    def _of(self, kind: ResourceType) -> Users | Groups:
        return (Users if kind.name == USER.name else Groups)(self._session, self._caller)

    async def get(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        response_parameters: ResponseParameters[Any] | None = None,
    ) -> Any:
        return await self._of(resource_type).get(resource_id)

    async def search(
        self, resource_types: list[ResourceType], search_request: SearchRequest[Any], *, position: Any = None
    ) -> SearchPage:
        return await search.search(ScimRepository(self._session), resource_types, search_request)

    async def create(self, resource_type: ResourceType, resource: Any) -> Any:
        return await self._of(resource_type).create(resource)

    async def update(self, resource_type: ResourceType, resource: Any, *, expected_version: str | None = None) -> Any:
        return await self._of(resource_type).update(resource, expected_version)

    async def delete(
        self, resource_type: ResourceType, resource_id: str, *, expected_version: str | None = None
    ) -> None:
        await self._of(resource_type).delete(resource_id, expected_version)


class Nothing(AsyncScimStorage):
    """Of a request that is about no kind of resource: a search over all of them, for example."""

    async def get(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedException(detail="ask for one kind of resource: /Users or /Groups")

    search = create = update = delete = get
