"""A worker killed while a receiver keeps it waiting: another sends the message again under the same id, and says so."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading

import pytest

from nexus.settings import PROJECT
from tests.api.webhooks.desk import Desk
from tests.nexus.egress.receiver import Receiver, Reply

WORKER = """
import asyncio, sys
from api.webhooks import worker
from nexus.settings import Settings

asyncio.run(worker.run(Settings(home=sys.argv[1], egress_allow="127.0.0.1/32", egress_ports="1-65535"), asyncio.Event()))
"""


@pytest.mark.integration
def test_what_a_dead_worker_was_sending_is_sent_by_another(desk: Desk, receiver: Receiver) -> None:
    arrived, release = threading.Event(), threading.Event()

    def hang(*_: object) -> Reply:
        arrived.set()
        release.wait(30)
        return Reply(200)

    receiver.answers = hang
    desk.endpoint(receiver)
    [event] = desk.tell("o-1")
    command = [sys.executable, "-c", WORKER, str(desk.kernel.settings.home)]
    with subprocess.Popen(command, cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT)}) as worker:
        while not arrived.wait(0.05):
            assert worker.poll() is None
        worker.kill()
    release.set()
    receiver.answers = lambda *_: Reply(200)
    # its claim holds: nobody else sends yet
    desk.send()
    assert len(receiver.received) == 1
    [delivery] = desk.deliveries()
    assert delivery["state"] == "pending"
    desk.later()
    desk.send()
    assert [got.headers["webhook-id"] for got in receiver.received] == [event, event]
    found = desk.get(f"deliveries/{delivery['id']}")
    assert (found["state"], found["attempts"]) == ("delivered", 2)
    assert [(a["number"], a["status"], (a["error"] or "")[:10]) for a in found["log"]] == [
        (1, None, "the worker"),
        (2, 200, ""),
    ]


def test_one_that_comes_back_late_changes_nothing(desk: Desk, receiver: Receiver) -> None:
    """A worker that was stopped for longer than its claim holds, and then learns that it failed."""

    arrived, release = threading.Event(), threading.Event()

    def late(*_: object) -> Reply:
        if arrived.is_set():
            return Reply(200)
        arrived.set()
        release.wait(30)
        return Reply(500)

    receiver.answers = late
    endpoint = desk.endpoint(receiver)
    desk.tell("o-1")

    async def both() -> None:
        slow, quick = desk.sender(within=30), desk.sender()
        await slow.step()
        while not arrived.is_set():
            await asyncio.sleep(0.01)
        desk.later()
        await quick.drained()
        release.set()
        await slow.close()
        await quick.close()

    asyncio.run(both())
    [delivery] = desk.deliveries()
    assert (delivery["state"], len(receiver.received)) == ("delivered", 2)
    assert [a["status"] for a in desk.get(f"deliveries/{delivery['id']}")["log"]] == [None, 200]
    assert desk.get(f"endpoints/{endpoint['id']}")["failures"] == 0


def test_two_workers_share_what_is_due(desk: Desk, receiver: Receiver) -> None:

    for path in ("a", "b", "c"):
        desk.endpoint(f"{receiver.url}/{path}")
    desk.tell(*(f"o-{n}" for n in range(10)))

    async def both() -> None:
        workers = [desk.sender(), desk.sender()]
        await asyncio.gather(*(worker.drained() for worker in workers))
        # what one had claimed when the other looked
        await workers[0].drained()
        for worker in workers:
            await worker.close()

    asyncio.run(both())
    sent = [(got.path, got.headers["webhook-id"]) for got in receiver.received]
    assert (len(sent), len(set(sent))) == (30, 30)
    assert {d["state"] for d in desk.deliveries()} == {"delivered"}
