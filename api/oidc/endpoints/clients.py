"""Applications of an organisation: `/v1/oidc/clients`."""

from __future__ import annotations

from typing import Any

from fastapi import Response, status

from api.kernel.idempotency import unkeyed
from api.kernel.pages import Page, PageQuery
from api.kernel.preconditions import IfMatch, tag
from api.kernel.reading import Reads
from api.kernel.routing import Router
from api.oidc.models import Client
from api.oidc.policies import ClientsReader, ClientsWriter
from api.oidc.schemas import ClientId, ClientIn, ClientMade, ClientOut
from api.oidc.service import Clients
from api.problems import CHANGED, GUARDED

router = Router(prefix="/v1/oidc/clients", tags=["oidc"], responses=GUARDED)
#: A kept answer would keep the secret.
SECRET = unkeyed("it answers with a secret, which is kept nowhere")


def shown(row: Client) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ClientOut.model_fields if name != "client_id"} | {"client_id": row.id}


@router.get("", summary="The applications of the organisation, newest first")
async def list_clients(caller: ClientsReader, page: PageQuery, reads: Reads) -> Page[ClientOut]:
    return (await reads.page(Client, page)).page(lambda row: ClientOut(**shown(row)))


@router.post("", summary="Register an application", status_code=status.HTTP_201_CREATED, dependencies=[SECRET])
async def register_client(said: ClientIn, caller: ClientsWriter, service: Clients, response: Response) -> ClientMade:
    made, secret = await service.register(caller, said)
    response.headers["Location"] = f"/v1/oidc/clients/{made.id}"
    tag(response, made.version)
    return ClientMade(**shown(made), client_secret=secret)


@router.get("/{client_id}", summary="One application")
async def get_client(client_id: ClientId, caller: ClientsReader, reads: Reads, response: Response) -> ClientOut:
    found = await reads.one(Client, client_id, "application")
    tag(response, found.version)
    return ClientOut(**shown(found))


@router.put("/{client_id}", summary="Change an application", responses=CHANGED)
async def change_client(
    client_id: ClientId, said: ClientIn, caller: ClientsWriter, seen: IfMatch, service: Clients, response: Response
) -> ClientOut:
    found = await service.change(caller, client_id, said, seen)
    tag(response, found.version)
    return ClientOut(**shown(found))


@router.post("/{client_id}:rotate-secret", summary="Give an application another secret", dependencies=[SECRET])
async def rotate_secret(client_id: ClientId, caller: ClientsWriter, service: Clients, response: Response) -> ClientMade:
    found, secret = await service.rotate(caller, client_id)
    tag(response, found.version)
    return ClientMade(**shown(found), client_secret=secret)


@router.delete(
    "/{client_id}", summary="Remove an application, and end its tokens", status_code=status.HTTP_204_NO_CONTENT,
    responses=CHANGED,
)  # fmt: skip
async def remove_client(client_id: ClientId, caller: ClientsWriter, seen: IfMatch, service: Clients) -> None:
    await service.remove(client_id, seen)
