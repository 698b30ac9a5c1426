"""Which endpoints are to have an event: one row for each, in the transaction of the consumer's progress; and the end of
an organisation.

Belongs here: the consumers. Does not belong here: sending, which happens later and elsewhere (sender.py).
"""

from __future__ import annotations

from api.organisations.events import OrganisationClosed
from api.webhooks import repository
from api.webhooks.events import EndpointTested
from nexus.events.consumer import Delivery, consumer


# not replayable: what is sent is an effect outside, and one event can be sent again by name
@consumer("webhooks.fan_out", ordered=False)
async def fan_out(delivery: Delivery) -> None:
    """Asks nothing of the event but its envelope: one that no class of ours reads is sent too."""
    happened = delivery.recorded
    if happened.type != EndpointTested.type:
        await repository.fan_out(delivery.session, happened)


@consumer("webhooks.forget_organisation", OrganisationClosed.type, replayable=True)
async def forget_organisation(delivery: Delivery) -> None:
    """Nothing is sent for an organisation that is closed, and nothing of it is kept here."""
    await repository.forget(delivery.session, delivery.recorded.organisation_id)
