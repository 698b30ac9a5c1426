"""Invitations and domains: how people come to an organisation."""

from __future__ import annotations

from fastapi import Request, Response, status

from api.identity import directory
from api.identity.sessions import MaybeSignedIn
from api.kernel.idempotency import IdempotencyKey, unkeyed
from api.kernel.pages import Page, PageQuery
from api.kernel.permissions import public
from api.kernel.preconditions import IfMatch, tag
from api.kernel.principal import UnauthenticatedError
from api.kernel.reading import Reads
from api.kernel.transactions import database
from api.organisations.endpoints.routing import router
from api.organisations.models import Domain, Invitation
from api.organisations.policies import DomainManager, MemberManager, OrganisationReader
from api.organisations.schemas.joining import (
    AcceptedOut,
    AcceptIn,
    DomainId,
    DomainIn,
    DomainOut,
    InvitationId,
    InvitationIn,
    InvitationOut,
    NewInvitationOut,
)  # fmt: skip
from api.organisations.service import domains as domain_rules
from api.organisations.service import invitations as invitation_rules
from api.organisations.service.domains import Domains
from api.organisations.service.invitations import Invitations
from api.problems import CHANGED, CREATED


@router.get("/invitations", summary="Invitations, newest first")
async def list_invitations(caller: MemberManager, page: PageQuery, reads: Reads) -> Page[InvitationOut]:
    return (await reads.page(Invitation, page)).page(invitation_rules.shown)


@router.post(
    "/invitations",
    summary="Invite an address; the answer is the only one that shows the token",
    status_code=status.HTTP_201_CREATED,
    dependencies=[unkeyed("its answer holds a secret, which is kept nowhere")],
    responses=CREATED,
)
async def create_invitation(said: InvitationIn, caller: MemberManager, invitations: Invitations) -> NewInvitationOut:
    made, token = await invitations.create(caller, said)
    return NewInvitationOut(**invitation_rules.shown(made).model_dump(), token=token)


@router.post(
    "/invitations:accept",
    summary="Become a member by an invitation to one's address",
    dependencies=[
        public("whoever is signed in asks, and belongs to no organisation yet; the token and the address are checked"),
        unkeyed("a token is good for one use"),
    ],
    responses=CREATED,
)
async def accept_invitation(said: AcceptIn, here: MaybeSignedIn, request: Request) -> AcceptedOut:
    """Asked from the browser in which the invited person is signed in."""
    if here is None or here.must_change_password:
        raise UnauthenticatedError("nobody is signed in", remedy="open /signin first")
    async with database(request).system() as session:
        person = await directory.user(session, here.user_id)
        if person is None:
            raise UnauthenticatedError("nobody is signed in", remedy="open /signin first")
        made = await invitation_rules.accept(session, said.token, person)
    return AcceptedOut(organisation_id=made.organisation_id, member_id=made.id)


@router.delete(
    "/invitations/{invitation_id}",
    summary="Revoke an invitation",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=CHANGED,
)
async def revoke_invitation(invitation_id: InvitationId, caller: MemberManager, invitations: Invitations) -> None:
    await invitations.revoke(caller, invitation_id)


@router.get("/domains", summary="Domains, newest first, with what DNS is to show")
async def list_domains(caller: OrganisationReader, page: PageQuery, reads: Reads) -> Page[DomainOut]:
    return (await reads.page(Domain, page)).page(domain_rules.shown)


@router.post("/domains", summary="Say that a domain is yours", status_code=status.HTTP_201_CREATED, responses=CREATED)
async def create_domain(
    said: DomainIn, caller: DomainManager, key: IdempotencyKey, domains: Domains, response: Response
) -> DomainOut:
    made = await domains.create(caller, said.name)
    tag(response, made.version)
    return domain_rules.shown(made)


@router.post(
    "/domains/{domain_id}:verify",
    summary="Look whether DNS shows the proof",
    dependencies=[unkeyed("doing it again does it once")],
    responses=CREATED,
)
async def verify_domain(domain_id: DomainId, caller: DomainManager, domains: Domains, response: Response) -> DomainOut:
    found = await domains.verify(caller, domain_id)
    tag(response, found.version)
    return domain_rules.shown(found)


@router.delete(
    "/domains/{domain_id}", summary="Let go of a domain", status_code=status.HTTP_204_NO_CONTENT, responses=CHANGED
)
async def remove_domain(domain_id: DomainId, caller: DomainManager, seen: IfMatch, domains: Domains) -> None:
    await domains.remove(caller, domain_id, seen)
