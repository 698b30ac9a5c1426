"""The bench: both sides are measured alike, outputs are compared, and nothing but unequal outputs fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from bench import __main__ as command
from bench import events, rows
from bench.row import Measured, Row, memory_at_most, rate_at_least
from bench.run import Result, Server, measure
from bench.show import curve
from nexus import postgres
from nexus.errors import NexusError, NotFoundError
from nexus.settings import Settings

APP = typer.Typer()
APP.command()(command.bench)


@pytest.fixture
def server(session_settings: Settings) -> Server:
    return Server(postgres.dsn(session_settings, "postgres"))


@pytest.mark.parametrize("name", rows.names())
def test_every_row_says_what_it_promises(name: str) -> None:
    row = rows.get(name)
    assert row.title
    assert row.sizes
    assert row.sides
    assert row.goals


def test_a_row_that_does_not_exist() -> None:
    with pytest.raises(NotFoundError, match="there is no bench 'speed'"):
        rows.chosen(["speed"])


def test_events_are_the_same_for_the_same_seed() -> None:
    first = list(events.records(50, seed=1))
    assert list(events.records(50, seed=1)) == first
    assert list(events.records(50, seed=2)) != first
    assert len({event["id"] for event in first}) == 50


@pytest.mark.parametrize("name", [n for n in rows.names() if n.startswith("land_")])
def test_a_row_is_measured_and_leaves_nothing(tmp_path: Path, server: Server, name: str) -> None:
    row = rows.get(name)
    result = measure(name, row, (300,), 1, tmp_path, server, 7, lambda _: None)
    assert result.differences == []
    assert set(result.measures[300]) == set(row.sides)
    assert all(m.rows == 300 and m.seconds > 0 and m.peak_bytes > 10_000_000 for m in result.measures[300].values())
    assert list(tmp_path.iterdir()) == []


def test_a_side_that_dies_is_an_error(tmp_path: Path, server: Server) -> None:
    row = Row("", (1,), {"no such side": lambda place, clock: 1}, (), lambda _: [])
    with pytest.raises(NexusError, match="no such side: ended with 1"):
        measure("land_jsonl", row, (10,), 1, tmp_path, server, 7, lambda _: None)
    assert list(tmp_path.iterdir()) == []


def test_goals() -> None:
    slow, fast = Measured(100, 2.0, 200_000_000), Measured(100, 1.0, 900_000_000)
    measures = {100: {"ours": slow, "theirs": fast}, 200: {"ours": fast, "theirs": fast}}
    assert rate_at_least(0.5, of="theirs").judge(measures) == ("0.50, 1.00", True)
    assert rate_at_least(0.7, of="theirs").judge(measures) == ("0.50, 1.00", False)
    assert memory_at_most(300).judge(measures) == ("200 MB, 900 MB", False)


@pytest.mark.parametrize(("differences", "code"), [([], 0), (["only Nexus has 1 rows"], 1)])
def test_only_unequal_outputs_fail(monkeypatch: pytest.MonkeyPatch, differences: list[str], code: int) -> None:
    """Every goal is missed here, which fails nothing."""

    @contextmanager
    def nowhere() -> Iterator[tuple[Path, None]]:
        yield Path(), None

    sides = {side: Measured(10, 1000.0, 10**12) for side in rows.get("land_jsonl").sides}
    monkeypatch.setattr(command, "workshop", nowhere)
    monkeypatch.setattr(
        command, "measure", lambda *_: Result({10: {**sides, "read_json": Measured(10, 1, 1)}}, differences)
    )
    done = CliRunner().invoke(APP, ["land_jsonl", "--json"])
    told = json.loads(done.stdout)["land_jsonl"]
    assert done.exit_code == code
    assert told["equal"] == (not differences)
    assert [goal["reached"] for goal in told["goals"]] == [False, False]


def test_a_curve_shows_what_grows_faster_than_the_size() -> None:
    def cost(seconds: float) -> Measured:
        return Measured(1, seconds, 0, {"cost": seconds})

    result = Result(
        {1_000: {"straight": cost(2.0), "steep": cost(1.0)}, 3_000: {"straight": cost(3.0), "steep": cost(9.0)}}
    )
    steep_small, steep_large, small, large = curve(result, "cost")
    assert large.endswith("3.0 (0.50)")
    assert steep_large.endswith("9.0 (3.00)")
    assert small.endswith("2.0 (1.00)")
    bars = [line.count("█") for line in (small, large, steep_small, steep_large)]
    assert bars == [11, 17, 6, 50]
