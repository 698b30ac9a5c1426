"""The worker as it is started: from an event to a receiver, and an end when it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from nexus.db import Database, Tenant
from nexus.settings import PROJECT, Settings
from tests.api.kernel import Kernel, run, serve
from tests.api.webhooks.desk import Desk, Shipped
from tests.nexus.egress.receiver import Receiver, Reply

pytestmark = pytest.mark.integration


def started(kernel: Kernel) -> subprocess.Popen[bytes]:
    own = kernel.settings
    assert own.database_url is not None
    environment = {
        "NEXUS_HOME": str(own.home),
        "NEXUS_DATABASE_URL": own.database_url.get_secret_value(),
        "NEXUS_EGRESS_ALLOW": own.egress_allow,
        "NEXUS_EGRESS_PORTS": own.egress_ports,
    }
    command = [sys.executable, "-m", "nexus.events.worker"]
    return subprocess.Popen(command, cwd=PROJECT, env={**os.environ, **environment})


def test_workers_send_what_happens_while_one_is_killed(settings: Settings, receiver: Receiver) -> None:
    """Two workers; one of them is killed while requests are under way: every event arrives."""

    def slowly(*_: object) -> Reply:
        time.sleep(0.02)
        return Reply(200)

    receiver.answers = slowly
    with serve(settings) as kernel:
        desk = Desk(kernel)
        for path in "abcd":
            desk.endpoint(f"{receiver.url}/{path}")
        workers = [started(kernel), started(kernel)]

        async def tell(database: Database, number: int) -> str:
            async with database.transaction(Tenant(desk.organisation)) as session:
                return session.record(Shipped(order_id=f"o-{number}"))

        async def all_told() -> list[str]:
            database = Database(settings)
            told = [await tell(database, number) for number in range(100)]
            await database.close()
            return told

        try:
            told = run(all_told())
            while len(receiver.received) < 100:
                assert all(worker.poll() is None for worker in workers)
                time.sleep(0.05)
            workers[0].kill()
            # what the dead one had claimed is due at the end of its lease, 45 s later
            left = (
                "select count(*) from app.events e cross join app.webhooks_endpoint w left join app.webhooks_delivery d"
            )
            left += " on d.endpoint_id = w.id and d.event_id = e.id where e.id = any (%s) and d.state is distinct from 'delivered'"
            while kernel.sql(left, told) != [(0,)]:
                assert workers[1].poll() is None
                time.sleep(0.2)
            workers[1].send_signal(signal.SIGTERM)
            assert workers[1].wait(30) == 0
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()
        arrived = {(got.path, got.headers["webhook-id"]) for got in receiver.received}
        assert arrived == {(f"/{path}", event) for path in "abcd" for event in told}
        assert len(receiver.received) - len(arrived) <= 24, "no more than was under way comes twice"
