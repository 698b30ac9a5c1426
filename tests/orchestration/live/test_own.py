"""What happens in Nexus's own services reaches the lake: each event once, whoever commits late, in its workspace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import psycopg
import pytest

from nexus import postgres
from nexus.db.migrate import migrate
from nexus.errors import NexusError
from nexus.ids import new_id
from nexus.settings import Settings
from nexus.tenancy import LOCAL_ORGANISATION
from orchestration.live import own
from orchestration.live.landed import landed
from orchestration.sources.nexus.live import Config, open_live

ACME = "org_" + "a" * 32


@pytest.fixture
def database(settings: Settings) -> Iterator[psycopg.Connection]:
    migrate(settings)
    with psycopg.connect(postgres.dsn(settings), autocommit=True) as connection:
        connection.execute("insert into app.organisation (id, name) values (%s, 'Acme')", [ACME])
        connection.execute("insert into app.workspace (id, organisation_id, name) values ('acme', %s, 'A')", [ACME])
        connection.execute("insert into app.workspace (id, organisation_id, name) values ('labs', %s, 'L')", [ACME])
        yield connection


def happen(
    connection: psycopg.Connection,
    workspace: str | None,
    organisation: str = ACME,
    count: int = 1,
    note: str | None = None,
) -> list[str]:
    """Ids of the events; each is of a note of its own, or all of `note`."""
    batch: list[dict[str, Any]] = []
    for _ in range(count):
        id = new_id("evt")
        of = note or id
        batch.append({
            "id": id, "type": "notes.note.created", "source": "/notes", "subject": of, "stream": f"note/{of}",
            "time": "2026-03-04T05:06:07+00:00", "schemaver": 1, "organisation_id": organisation,
            "workspace_id": workspace, "correlation_id": id, "data": {"note_id": of},
        })  # fmt: skip
    connection.execute("select app.append_events(%s::jsonb)", [orjson.dumps(batch).decode()])
    return [event["id"] for event in batch]


def lake(settings: Settings) -> dict[str, set[str]]:
    found = {}
    for connection in own.connections(settings):
        with landed(settings, connection, ["event"]) as ask:
            rows = [id for (id,) in ask("select event_id from raw_nexus__event")]
        assert len(rows) == len(set(rows))
        found[connection.workspace] = set(rows)
    return found


def behind(connection: psycopg.Connection) -> int:
    """Events that the lake has not noted as landed."""
    at = "select generation, xid, position from app.consumer where name = 'lake'"
    sql = f"select count(*) from app.events where (generation, xid, position) > all ({at})"
    return int(connection.execute(sql.encode()).fetchone()[0])  # type: ignore[index]


def test_a_home_without_operational_database_has_nothing_to_drain(settings: Settings) -> None:
    assert own.waiting(settings) == [] == own.connections(settings)
    assert own.drain(settings) == 0


def test_each_event_lands_once_in_its_workspace(database: psycopg.Connection, settings: Settings) -> None:
    in_acme, in_labs = happen(database, "acme", count=3), happen(database, "labs")
    of_acme, local = happen(database, None), happen(database, None, LOCAL_ORGANISATION)
    assert len(own.waiting(settings)) == 3
    assert own.drain(settings) == 6
    assert own.waiting(settings) == []
    assert own.drain(settings) == 0
    assert behind(database) == 0
    # the organisation's own events are those of its first workspace, and of no other
    assert lake(settings) == {
        "acme": {*in_acme, *of_acme}, "labs": set(in_labs), settings.workspace: set(local),
    }  # fmt: skip


def test_what_commits_late_is_not_skipped(database: psycopg.Connection, settings: Settings) -> None:
    with psycopg.connect(postgres.dsn(settings)) as slow:
        late = happen(slow, "acme")
        early = happen(database, "acme")
        # a transaction that began before is still open: what came after it is not settled
        assert own.drain(settings) == 0
        slow.commit()
    # what the lake has not seen stays in the log
    assert behind(database) == 2
    assert own.drain(settings) == 2
    assert behind(database) == 0
    assert lake(settings)["acme"] == {*late, *early}


def test_a_stream_is_read_in_the_order_of_its_numbers(database: psycopg.Connection, settings: Settings) -> None:
    """The second event's transaction wrote something else before the first event's had begun. Neither is passed meanwhile."""
    with psycopg.connect(postgres.dsn(settings)) as slow:
        other = happen(slow, "acme")
        first = happen(database, "acme", note="note_1")
        second = happen(slow, "acme", note="note_1")
        assert own.drain(settings) == 0
        slow.commit()
    [connection] = [c for c in own.connections(settings) if c.workspace == "acme"]
    [stream] = open_live(Config.model_validate(connection.options)).streams
    read = [event["id"] for page in stream.pages({}) for event in page.documents]  # type: ignore[call-arg, index, call-overload]
    assert read == [*other, *first, *second]
    assert own.drain(settings) == 3
    assert behind(database) == 0


def test_a_drain_that_is_killed_repeats_nothing(database: psycopg.Connection, settings: Settings) -> None:
    """The cursor moves in the transaction that lands: losing it costs a second reading and no second row."""
    ids = happen(database, "acme", count=5)
    own.drain(settings)
    database.execute("delete from nexus.pull_cursor")
    assert own.waiting(settings)
    assert own.drain(settings) == 0
    assert lake(settings)["acme"] == set(ids)


def test_a_workspace_that_fails_keeps_no_other_from_being_drained(
    database: psycopg.Connection, settings: Settings
) -> None:
    happen(database, "acme")
    own.drain(settings)
    database.execute("""update nexus.pull_cursor set cursor = '{"nonsense": 1}' where workspace_id = 'acme'""")
    in_acme, in_labs = happen(database, "acme"), happen(database, "labs")
    with pytest.raises(NexusError, match="acme/nexus/events"):
        own.drain(settings)
    assert lake(settings)["labs"] == set(in_labs)
    # the log keeps what somebody has not
    assert behind(database) == 2
    database.execute("delete from nexus.pull_cursor where workspace_id = 'acme'")
    assert own.drain(settings) == 1
    assert set(in_acme) <= lake(settings)["acme"]
    assert behind(database) == 0
