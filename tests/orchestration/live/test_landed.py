"""What has landed, as sources ask for it: by batch, and as far as no batch can come in between."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillWaiting
from pathlib import Path

import orjson
import pytest

from nexus.connections import Connection
from nexus.settings import Settings
from orchestration import sources
from orchestration.live.landed import landed
from tests.orchestration.live.conftest import Connect
from warehouse import ledger
from warehouse.land import land


@pytest.fixture
def connection(connect: Connect) -> Connection:
    return connect("stripe", secrets={"api_key": "sk_test_1"})


def _land(settings: Settings, place: Path, *customers: dict[str, str | int]) -> None:
    place.mkdir()
    lines = [orjson.dumps({"object": "customer", "created": 1_700_000_000, **customer}) for customer in customers]
    (place / "some.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    land(sources.get("stripe"), [place], "acme", settings)


def test_what_later_batches_brought(settings: Settings, connection: Connection, tmp_path: Path) -> None:
    _land(settings, tmp_path / "one", {"id": "cus_1", "email": "a"}, {"id": "cus_2", "email": "a"})
    with landed(settings, connection, ("customer", "charge")) as ask:
        place = ask.settled()
        _land(settings, tmp_path / "two", {"id": "cus_2", "email": "b"}, {"id": "cus_3", "email": "b"})
        sql = "select id, email from raw_stripe__customer order by 1"
        assert ask(sql, after=place) == [("cus_2", "b"), ("cus_3", "b")]
        assert ask(sql) == [("cus_1", "a"), ("cus_2", "b"), ("cus_3", "b")]
        assert ask(sql, after=ask.settled()) == []
        both = "select count(*) from raw_stripe__customer left join raw_stripe__charge on customer_id = 'nobody'"
        assert ask(both) == [(3,)]


def test_a_batch_that_commits_late_is_waited_for(settings: Settings, connection: Connection) -> None:
    with landed(settings, connection) as ask, ledger.connect(settings) as other, ThreadPoolExecutor(1) as pool:
        before = ask.settled()
        with other.transaction():
            other.execute(
                "insert into batch (batch_id, kind, workspace_id, source, mapping, contract, status, seq)"
                " values ('b_late', 'landing', 'acme', 'stripe', '', '{}', 'landed', nextval('batch_seq'))"
            )
            told = pool.submit(ask.settled)
            with pytest.raises(StillWaiting):
                told.result(0.5)
        assert told.result(20) > before
