"""The rules of webhooks: what an endpoint may be, secrets that overlap, sending again. Never commits: the edge does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request

from api.kernel.preconditions import Precondition
from api.kernel.transactions import Transaction, database
from api.webhooks import signing
from api.webhooks.events import (
    EndpointChanged,
    EndpointCreated,
    EndpointRemoved,
    EndpointState,
    EndpointTested,
    SecretRotated,
)
from api.webhooks.models import Delivery, Endpoint, Secret
from api.webhooks.repository import Repository, enqueue, event_type, wake
from api.webhooks.schemas import MOST_SECRETS, EndpointChange, EndpointIn, RotateIn
from nexus.db import Database, Session
from nexus.egress import Policy
from nexus.errors import ConflictError, InputError, NotFoundError
from nexus.events.event import known
from nexus.ids import new_id
from nexus.settings import Settings

#: Endpoints of one organisation.
MOST = 50


def state(endpoint: Endpoint) -> EndpointState:
    parts = urlsplit(endpoint.url)
    return EndpointState(
        origin=f"{parts.scheme}://{parts.netloc}",
        description=endpoint.description,
        event_types=tuple(endpoint.event_types),
        workspaces=tuple(endpoint.workspaces),
        is_enabled=endpoint.is_enabled,
    )


class WebhookService:
    def __init__(self, session: Session, settings: Settings, everything: Database) -> None:
        self._session, self._settings, self._everything = session, settings, everything
        self.rows = Repository(session)

    async def create(self, organisation: str, actor: str, said: EndpointIn) -> tuple[Endpoint, str]:
        """The endpoint and its secret. Raises InputError, ConflictError."""
        self._callable(said.url)
        _known(said.event_types)
        if await self.rows.count() >= MOST:
            raise ConflictError(f"there are {MOST} endpoints", remedy="remove one, or let one have more types")
        made = Endpoint(
            id=new_id("whk"), organisation_id=organisation, created_by=actor, is_enabled=True, **said.model_dump()
        )
        await self.rows.add(made)
        happened = EndpointCreated(endpoint_id=made.id, actor_id=actor, after=state(made))
        self._session.record(happened, expected_version=0)
        return made, await self._secret(made)

    async def change(self, id: str, actor: str, said: EndpointChange, seen: Precondition) -> Endpoint:
        """Raises NotFoundError, StaleError, InputError."""
        found = await self.rows.endpoint(id, to_change=True)
        seen.check(found.version)
        before, url = state(found), found.url
        if said.url is not None:
            self._callable(said.url)
            found.url = said.url
        if said.event_types is not None:
            _known(said.event_types)
            found.event_types = said.event_types
        if said.workspaces is not None:
            found.workspaces = said.workspaces
        if said.description is not None:
            found.description = said.description
        if said.is_enabled is not None and said.is_enabled is not found.is_enabled:
            await self._switched(found, said.is_enabled)
        if before != state(found) or url != found.url:
            changed = EndpointChanged(
                endpoint_id=id, actor_id=actor, before=before, after=state(found), has_new_path=url != found.url
            )
            self._session.record(changed)
            await self._session.flush()
        return found

    async def remove(self, id: str, actor: str, seen: Precondition) -> None:
        """With everything that was sent, and is to be. Raises NotFoundError, StaleError."""
        found = await self.rows.endpoint(id, to_change=True)
        seen.check(found.version)
        self._session.record(EndpointRemoved(endpoint_id=id, actor_id=actor, before=state(found)))
        await self.rows.remove(found)

    async def rotate(self, id: str, actor: str, said: RotateIn) -> tuple[str, datetime]:
        """A new secret, and when the others end. Raises NotFoundError, ConflictError."""
        found = await self.rows.endpoint(id, to_change=True)
        ends = datetime.now(UTC) + timedelta(seconds=said.overlap_seconds)
        valid = await self.rows.secrets(id)
        for old in valid:
            old.expires_at = min(old.expires_at or ends, ends)
        if said.overlap_seconds and len(valid) >= MOST_SECRETS:
            raise ConflictError(
                f"{len(valid)} secrets sign already", remedy="wait until one ends, or rotate with overlap_seconds 0"
            )
        made = await self._secret(found)
        self._session.record(SecretRotated(endpoint_id=id, actor_id=actor, overlap_seconds=said.overlap_seconds))
        return made, ends

    async def send(self, endpoint: str, organisation: str, actor: str, event: str | None) -> Delivery:
        """An event of the past, or a test. Raises NotFoundError, ConflictError."""
        found = await self.rows.endpoint(endpoint)
        _on(found)
        if event is None:
            type = EndpointTested.type
            event = self._session.record(EndpointTested(endpoint_id=endpoint, actor_id=actor))
        else:
            type = await self._type(organisation, event)
        made = await enqueue(self._session, endpoint, organisation, event, type)
        if made is None:
            earlier = await self.rows.of_event(endpoint, event)
            raise ConflictError(
                f"the endpoint has {earlier.id if earlier else 'this event'} already",
                remedy="send that delivery again: POST …/deliveries/{delivery_id}:resend",
            )
        return await self.rows.delivery(made)

    async def resend(self, id: str) -> Delivery:
        """From the beginning of the schedule. Raises NotFoundError, ConflictError."""
        found = await self.rows.delivery(id)
        _on(await self.rows.endpoint(found.endpoint_id))
        if not await self.rows.again(delivery=id):
            raise ConflictError("it is being sent just now", remedy="see what comes of that")
        await self._session.refresh(found)
        return found

    async def recover(self, endpoint: str, since: datetime) -> int:
        """How many deliveries that were given up are sent again. Raises NotFoundError, ConflictError."""
        _on(await self.rows.endpoint(endpoint))
        return await self.rows.again(endpoint=endpoint, since=since)

    def _callable(self, url: str) -> None:
        if why := Policy.of(self._settings).objection(url):
            raise InputError(f"url: it {why}", remedy="https://hooks.example.com/nexus is such an address")

    async def _switched(self, endpoint: Endpoint, on: bool) -> None:
        endpoint.is_enabled = on
        endpoint.disabled_because = None if on else "asked"
        endpoint.disabled_at = None if on else datetime.now(UTC)
        if on:
            endpoint.failing_since, endpoint.failures = None, 0
            await wake(self._session)

    async def _secret(self, endpoint: Endpoint) -> str:
        secret, id = signing.new_secret(), new_id("whs")
        sealed = signing.sealer(self._settings).seal(secret.encode(), about=id)
        await self.rows.add(
            Secret(id=id, organisation_id=endpoint.organisation_id, endpoint_id=endpoint.id, sealed=sealed)
        )
        return secret

    async def _type(self, organisation: str, event: str) -> str:
        # a request about the organisation sees no event of a workspace: whose it is, is asked here by name
        async with self._everything.system() as session:
            found = await event_type(session, organisation, event)
        if found is None:
            raise NotFoundError("there is no such event", remedy="has it been pruned? see NEXUS_EVENTS_KEPT")
        return found


def _on(endpoint: Endpoint) -> None:
    if not endpoint.is_enabled:
        raise ConflictError("the endpoint is switched off", remedy='PATCH it with {"is_enabled": true} first')


def _known(wanted: list[str]) -> None:
    types = known()
    for pattern in wanted:
        if not any(type == pattern or (pattern.endswith("*") and type.startswith(pattern[:-1])) for type in types):
            raise InputError(
                f"event_types: nothing is called {pattern}", remedy="GET /v1/webhooks/event-types lists all"
            )


async def _service(request: Request, session: Transaction) -> WebhookService:
    return WebhookService(session, request.app.state.settings, database(request))


Webhooks = Annotated[WebhookService, Depends(_service)]
