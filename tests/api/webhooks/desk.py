"""An organisation that is told of its orders by webhooks, and a worker's sender that a test runs by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sqlalchemy import text

from api.webhooks import consumers
from api.webhooks.sender import Sender
from nexus import egress
from nexus.db import Database, Tenant
from nexus.events import Event
from nexus.events.consumer import get
from nexus.events.deliver import deliver
from nexus.events.log import COLUMNS, recorded
from tests.api.kernel import Caller, Kernel
from tests.api.outside import outside
from tests.nexus.egress.receiver import Receiver

assert consumers


class Shipped(Event, type="shop.order.shipped"):
    """An order has left the house."""

    order_id: str
    amount_minor: int = 0


class Desk:
    """`names`: host → addresses, of what the sender may look up; every other name leads nowhere."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.caller: Caller = kernel.caller()
        self.organisation = self.caller.principal.organisation
        self.names: dict[str, Sequence[str]] = {"127.0.0.1": ["127.0.0.1"]}

    def endpoint(self, receiver: Receiver | str, types: Sequence[str] = ("shop.*",), **said: Any) -> dict[str, Any]:
        url = receiver if isinstance(receiver, str) else f"{receiver.url}/in"
        answer = self.caller.post("/v1/webhooks/endpoints", json={"url": url, "event_types": list(types), **said})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def get(self, path: str) -> dict[str, Any]:
        answer = self.caller.get(f"/v1/webhooks/{path}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def deliveries(self, **query: str) -> list[dict[str, Any]]:
        return list(self.caller.get("/v1/webhooks/deliveries", params=query).json()["data"])

    def tell(self, *orders: str, workspace: str | None = None) -> list[str]:
        """Records that orders were shipped, and gives the events to the consumer as the relay does; ids of the events."""

        async def told(database: Database) -> list[str]:
            async with database.system(Tenant(self.organisation, workspace)) as session:
                ids = [session.record(Shipped(order_id=order)) for order in orders]
            async with database.system() as session:
                sql = f"select {COLUMNS} from app.events where id = any (:ids) order by position"
                events = [recorded(row._mapping) for row in await session.execute(text(sql), {"ids": ids})]
            await deliver(database, get("webhooks.fan_out"), events)
            return ids

        found: list[str] = self.within(told)
        return found

    def within(self, call: Callable[[Database], Awaitable[Any]]) -> Any:
        return outside(self.kernel.settings, call)

    def resolve(self, host: str, port: int) -> Sequence[str]:
        if host not in self.names:
            raise OSError(-2, "Name or service not known")
        return self.names[host]

    def sender(self, **limits: float) -> Sender:
        settings = self.kernel.settings
        return Sender(settings, egress.client(settings, resolver=self.resolve, within=limits.get("within", 5)))

    def send(self, **limits: float) -> None:
        """Everything that is due, of everybody."""

        async def sent() -> None:
            sender = self.sender(**limits)
            await sender.drained()
            await sender.close()

        asyncio.run(sent())

    def later(self, delivery: str | None = None) -> None:
        """Lets the pause of what waits be over."""
        self.kernel.sql(
            "update app.webhooks_delivery set next_at = now() where organisation_id = %s and state = 'pending'"
            " and (%s::text is null or id = %s)",
            self.organisation, delivery, delivery,
        )  # fmt: skip
