"""The history of pulls stays short, and asking for its end costs the same whatever its length."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from nexus.ids import new_id
from nexus.settings import Settings
from warehouse import ledger, pulls
from warehouse.land import Counts

STREAMS = [f"stream{n}" for n in range(11)]
#: A pull each quarter of an hour.
MONTH = 30 * 96


@pytest.fixture
def book(settings: Settings) -> Iterator[ledger.Connection]:
    with ledger.connect(settings) as connection:
        yield connection


def _month(book: ledger.Connection, failed_since: int = 0) -> None:
    """A month of history of every stream, as a version left it that deleted nothing; its newest pulls failed."""
    book.execute(
        """insert into pull (pull_id, stream, workspace_id, connection, source, status, started_at, ended_at)
           select 'pul_' || n, s, 'acme', 'shop', 'stripe', case when n < %s then 'failed' else 'done' end,
                  (now() at time zone 'utc') - (n + 1) * interval '15 minutes',
                  (now() at time zone 'utc') - (n + 1) * interval '15 minutes' + interval '3 seconds'
           from generate_series(0, %s - 1) n, unnest(%s::text[]) s""",
        [failed_since, MONTH, STREAMS],
    )
    book.execute("insert into pull_stream select distinct workspace_id, connection, stream, 0 from pull")
    book.execute("analyze pull")


def _pulled(book: ledger.Connection, stream: str, landed: int = 0, error: str | None = None) -> None:
    pull_id = new_id("pul")
    pulls.begin(book, pull_id, "acme", "shop", "stripe", stream, None)
    pulls.count(book, pull_id, stream, 1, Counts(landed, landed, 0, 0))
    pulls.end(book, pull_id, stream, error)


def _left(book: ledger.Connection, stream: str) -> int:
    row = book.execute("select count(*) as n from pull where stream = %s", [stream]).fetchone()
    assert row
    return int(row["n"])


def test_asking_for_the_states_reads_no_history(book: ledger.Connection) -> None:
    _month(book)
    states = pulls.states(book)
    assert [(s.stream, s.status) for s in states] == [(stream, "done") for stream in sorted(STREAMS)]
    (plan,) = book.execute("explain (analyze, format json) " + pulls._STATES, {"workspace": None}).fetchall()
    read = sum(_rows(plan["QUERY PLAN"][0]["Plan"]))
    assert read <= 2 * len(STREAMS), f"{read} rows of {MONTH * len(STREAMS)} were read"


def _rows(node: dict[str, Any]) -> Iterator[int]:
    """Rows that nodes of a plan have read of `pull`."""
    if node.get("Relation Name") == "pull":
        yield int(node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)))
    for below in node.get("Plans", []):
        yield from _rows(below)


def test_the_end_of_a_pull_deletes_what_is_old_a_bounded_part_at_a_time(book: ledger.Connection) -> None:
    _month(book)
    mine, other = STREAMS[0], STREAMS[1]
    _pulled(book, mine)
    assert _left(book, mine) == MONTH + 1 - 1000, "so many at once"
    for _ in range(3):
        _pulled(book, mine)
    assert pulls.KEPT <= _left(book, mine) <= pulls.KEPT + 1
    assert _left(book, other) == MONTH


def test_the_newest_success_is_kept_however_long_ago_it_was(book: ledger.Connection) -> None:
    _month(book, failed_since=2000)
    before = next(s for s in pulls.states(book, "acme") if s.stream == STREAMS[0]).last_success_at
    assert before is not None
    for _ in range(4):
        _pulled(book, STREAMS[0], error="the provider is down")
    assert _left(book, STREAMS[0]) == pulls.KEPT + 1
    state = next(s for s in pulls.states(book, "acme") if s.stream == STREAMS[0])
    assert (state.status, state.error, state.last_success_at) == ("failed", "the provider is down", before)


def test_what_landed_in_all_outlives_the_pulls_that_landed_it(
    book: ledger.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulls, "KEPT", 2)
    for landed in (5, 0, 7, 0, 0):
        _pulled(book, "customer", landed)
    pulls.received(book, "acme", "shop", "stripe", 1, Counts(3, 2, 1, 0))
    pulls.received(book, "acme", "shop", "stripe", 1, Counts(4, 4, 0, 0))
    assert [(s.stream, s.counts.landed, s.landed_total) for s in pulls.states(book)] == [
        ("customer", 0, 12), ("webhook", 6, 6),
    ]  # fmt: skip
    assert _left(book, "customer") == 3


def test_a_history_of_before_is_summed_by_the_migration(book: ledger.Connection) -> None:
    """The migration's own statement, over rows that a version without `pull_stream` has written."""
    for landed in (5, 7):
        _pulled(book, "customer", landed)
    book.execute("drop table pull_stream")
    book.execute((ledger._MIGRATIONS / "0330_pull_stream.sql").read_bytes())
    (state,) = pulls.states(book)
    assert (state.counts.landed, state.landed_total) == (7, 12)
