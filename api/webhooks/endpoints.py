"""HTTP of webhooks: `/v1/webhooks/endpoints`, `/deliveries`, `/event-types`."""

from __future__ import annotations

import inspect
from typing import Annotated, Literal

from fastapi import FastAPI, Query, Response, status

from api.kernel.idempotency import IdempotencyKey, unkeyed
from api.kernel.ids import pattern
from api.kernel.pages import Page, PageQuery
from api.kernel.preconditions import IfMatch, tag
from api.kernel.reading import Reads
from api.kernel.routing import Router
from api.problems import CHANGED, CREATED, GUARDED
from api.webhooks.models import Endpoint
from api.webhooks.policies import WebhookReader, WebhookWriter
from api.webhooks.schemas import (
    AttemptOut,
    DeliveryDetail,
    DeliveryId,
    DeliveryOut,
    EndpointChange,
    EndpointId,
    EndpointIn,
    EndpointMade,
    EndpointOut,
    EventTypeOut,
    Recovered,
    RecoverIn,
    RotateIn,
    SecretMade,
    SendIn,
)
from api.webhooks.service import Webhooks
from nexus.egress import Policy
from nexus.events.event import known
from nexus.settings import Settings

router = Router(prefix="/v1/webhooks", tags=["webhooks"], responses=GUARDED)
_ONCE = unkeyed("its answer holds a secret, which is kept nowhere else")


def start(app: FastAPI, settings: Settings) -> None:
    """Settings that cannot be read are told now, not to the first tenant."""
    Policy.of(settings)


@router.get("/event-types", summary="Every kind of event that can be asked for")
async def list_event_types(caller: WebhookReader) -> list[EventTypeOut]:
    return [
        EventTypeOut(
            type=name,
            version=event.version,
            description=inspect.cleandoc(event.__doc__ or "").split("\n\n")[0],
            data=event.model_json_schema(),
        )
        for name, event in known().items()
    ]


@router.get("/endpoints", summary="Where webhooks go, newest first")
async def list_endpoints(caller: WebhookReader, page: PageQuery, reads: Reads) -> Page[EndpointOut]:
    return (await reads.page(Endpoint, page)).page(EndpointOut.model_validate)


@router.post(
    "/endpoints",
    summary="Register an address; the answer is the only one that shows its secret",
    status_code=status.HTTP_201_CREATED,
    dependencies=[_ONCE],
    responses=CREATED,
)
async def create_endpoint(
    said: EndpointIn, caller: WebhookWriter, webhooks: Webhooks, response: Response
) -> EndpointMade:
    made, secret = await webhooks.create(caller.organisation, caller.id, said)
    response.headers["Location"] = f"/v1/webhooks/endpoints/{made.id}"
    tag(response, made.version)
    return EndpointMade(**EndpointOut.model_validate(made).model_dump(), secret=secret)


@router.get("/endpoints/{endpoint_id}", summary="One address, and how it is doing")
async def get_endpoint(endpoint_id: EndpointId, caller: WebhookReader, reads: Reads, response: Response) -> EndpointOut:
    found = await reads.one(Endpoint, endpoint_id, "endpoint")
    tag(response, found.version)
    return EndpointOut.model_validate(found)


@router.patch("/endpoints/{endpoint_id}", summary="Change an address, switch it off or on", responses=CHANGED)
async def change_endpoint(
    endpoint_id: EndpointId,
    said: EndpointChange,
    caller: WebhookWriter,
    seen: IfMatch,
    webhooks: Webhooks,
    response: Response,
) -> EndpointOut:
    found = await webhooks.change(endpoint_id, caller.id, said, seen)
    tag(response, found.version)
    return EndpointOut.model_validate(found)


@router.delete(
    "/endpoints/{endpoint_id}",
    summary="Forget an address, and everything that was to be sent to it",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=CHANGED,
)
async def remove_endpoint(endpoint_id: EndpointId, caller: WebhookWriter, seen: IfMatch, webhooks: Webhooks) -> None:
    await webhooks.remove(endpoint_id, caller.id, seen)


@router.post(
    "/endpoints/{endpoint_id}:rotate-secret",
    summary="Make another secret; for a while messages are signed with both",
    status_code=status.HTTP_201_CREATED,
    dependencies=[_ONCE],
    responses=CREATED,
)
async def rotate_endpoint_secret(
    endpoint_id: EndpointId, said: RotateIn, caller: WebhookWriter, webhooks: Webhooks
) -> SecretMade:
    secret, ends = await webhooks.rotate(endpoint_id, caller.id, said)
    return SecretMade(secret=secret, others_end_at=ends)


@router.post(
    "/endpoints/{endpoint_id}:recover",
    summary="Send again whatever was given up since then",
    responses=CREATED,
)
async def recover_endpoint(
    endpoint_id: EndpointId, said: RecoverIn, caller: WebhookWriter, key: IdempotencyKey, webhooks: Webhooks
) -> Recovered:
    return Recovered(deliveries=await webhooks.recover(endpoint_id, said.since))


@router.get("/deliveries", summary="What was sent and is to be sent, newest first")
async def list_deliveries(
    caller: WebhookReader,
    page: PageQuery,
    webhooks: Webhooks,
    endpoint_id: Annotated[str | None, Query(pattern=pattern("whk"))] = None,
    state: Literal["pending", "delivered", "failed"] | None = None,
    event_id: Annotated[str | None, Query(pattern=pattern("evt"))] = None,
) -> Page[DeliveryOut]:
    return (await webhooks.rows.deliveries(page, endpoint_id, state, event_id)).page(DeliveryOut.model_validate)


@router.post(
    "/deliveries",
    summary="Send a test, or an event of the past, to one address",
    status_code=status.HTTP_201_CREATED,
    responses=CREATED,
)
async def send_delivery(
    said: SendIn, caller: WebhookWriter, key: IdempotencyKey, webhooks: Webhooks, response: Response
) -> DeliveryOut:
    made = await webhooks.send(said.endpoint_id, caller.organisation, caller.id, said.event_id)
    response.headers["Location"] = f"/v1/webhooks/deliveries/{made.id}"
    return DeliveryOut.model_validate(made)


@router.get("/deliveries/{delivery_id}", summary="One delivery, with every attempt")
async def get_delivery(delivery_id: DeliveryId, caller: WebhookReader, webhooks: Webhooks) -> DeliveryDetail:
    found = await webhooks.rows.delivery(delivery_id)
    attempts = [AttemptOut.model_validate(one) for one in await webhooks.rows.attempts(delivery_id)]
    return DeliveryDetail(**DeliveryOut.model_validate(found).model_dump(), log=attempts)


@router.post(
    "/deliveries/{delivery_id}:resend",
    summary="Send it now, and again by the schedule if need be",
    responses=CREATED,
)
async def resend_delivery(
    delivery_id: DeliveryId, caller: WebhookWriter, key: IdempotencyKey, webhooks: Webhooks
) -> DeliveryOut:
    return DeliveryOut.model_validate(await webhooks.resend(delivery_id))
