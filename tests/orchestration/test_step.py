"""What a step builds after some raw tables have got rows: nothing behind a model that came out as it was, everything else."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from nexus.settings import Settings
from orchestration.lib import dbt_assets
from orchestration.lib.raw import ARRIVALS
from warehouse.dbt import Node
from warehouse.quality import GateResult
from warehouse.quality.record import record, recorded

#: raw → clock → day (stops) → month, raw → fact → month; other → rest.
PARENTS = {
    "raw_a": [],
    "raw_b": [],
    "clock": ["raw_a", "raw_b"],
    "day": ["clock"],
    "fact": ["raw_a"],
    "month": ["day"],
    "both": ["day", "fact"],
    "rest": ["raw_b", "day"],
}
MANIFEST: dict[str, Any] = {
    "nodes": {
        n: {"name": n, "resource_type": "model", "config": {"meta": {"stops": n == "day"}}}
        for n in PARENTS
        if not n.startswith("raw_")
    },
    "sources": {n: {"name": n, "resource_type": "source"} for n in PARENTS if n.startswith("raw_")},
    "parent_map": PARENTS,
    "child_map": {n: [c for c, parents in PARENTS.items() if n in parents] for n in PARENTS},
}
OWN = frozenset(MANIFEST["nodes"])


class Builds:
    """Stands for dbt and the warehouse: what was built, in which runs, and what the journal says of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loads = {"raw_a": 1, "raw_b": 1}
        self.seen: dict[str, int] | None = None
        self.runs: list[set[str] | None] = []
        self.judged: list[set[str]] = []
        self.writes_day = self.fails = False
        monkeypatch.setattr(dbt_assets, "newest_loads", lambda settings, stops: dict(self.loads))
        monkeypatch.setattr(dbt_assets, "forget_looks", lambda *_: self.runs.append({"everything is looked at"}))
        monkeypatch.setattr(dbt_assets, "unbuilt", lambda *_: self._unbuilt())
        monkeypatch.setattr(dbt_assets, "remember", self._remember)

    def _unbuilt(self) -> set[str] | None:
        if self.seen is None:
            return None
        return {name for name, load in self.loads.items() if load > self.seen.get(name, 0)}

    def _remember(self, _: Any, name: str, project: str, loads: dict[str, int], of: Collection[str] | None) -> None:
        self.seen = {**(self.seen or {}), **{n: load for n, load in loads.items() if of is None or n in of}}

    def __call__(self, relations: Collection[str] | None, judged: Collection[str]) -> list[Node]:
        if relations is None or relations:
            self.runs.append(None if relations is None else set(relations))
        self.judged.append(set(judged))
        if self.writes_day and (relations is None or "day" in relations):
            self.loads["day"] = self.loads.get("day", 0) + 1
        status = "error" if self.fails else "success"
        return [Node(n, n, "model", status, 0.0) for n in (OWN if relations is None else relations)]


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Builds:
    made = Builds(monkeypatch)
    made.writes_day = True
    _built(settings, made)
    assert made.runs == [{"everything is looked at"}, None]
    made.writes_day, made.runs, made.judged = False, [], []
    return made


def _built(settings: Settings, builds: Builds, asked: Collection[str] | None = None, tags: Collection[str] = ()) -> Any:
    record(settings, [GateResult("tests", n, True, "", "") for n in OWN if (n, "tests") not in _judged(settings)])
    step = dbt_assets.Step(settings, MANIFEST, "marts", OWN, OWN)
    nodes = step.run(builds, asked, tags)
    if not any(n.is_bad for n in nodes):
        step.remember()
    return step


def _judged(settings: Settings) -> set[tuple[str, str]]:
    return {(r.relation, r.gate) for r in recorded(settings)}


def test_the_first_time_everything_is_built(builds: Builds, settings: Settings) -> None:
    assert builds.seen == {"raw_a": 1, "raw_b": 1, "day": 1}
    assert _built(settings, builds).chosen == frozenset()
    assert builds.runs == []


def test_nothing_is_built_behind_a_model_that_came_out_as_it_was(builds: Builds, settings: Settings) -> None:
    builds.loads["raw_a"] = 2
    step = _built(settings, builds)
    assert builds.runs == [{"clock", "day"}, {"fact", "both"}]
    assert builds.judged == [set(), {"clock", "day", "fact", "both"}], "tests wait for whatever they look at"
    assert step.chosen == {"clock", "day", "fact", "both"}
    assert _judged(settings) == {("month", "tests"), ("rest", "tests")}, "what was built has to be judged again"
    assert _built(settings, builds).chosen == frozenset()


def test_everything_is_built_behind_a_model_that_came_out_otherwise(builds: Builds, settings: Settings) -> None:
    builds.loads["raw_a"], builds.writes_day = 2, True
    assert _built(settings, builds).chosen == OWN
    assert builds.runs == [{"clock", "day"}, {"fact", "month", "both", "rest"}]
    assert _judged(settings) == set()


def test_a_build_that_ended_after_the_model_came_out_otherwise_is_made_again(
    builds: Builds, settings: Settings
) -> None:
    builds.loads["raw_a"], builds.writes_day = 2, True

    def killed(relations: Collection[str] | None, judged: Collection[str]) -> list[Node]:
        if relations and "month" in relations:
            raise KeyboardInterrupt
        return builds(relations, judged)

    with pytest.raises(KeyboardInterrupt):
        dbt_assets.Step(settings, MANIFEST, "marts", OWN, OWN).run(killed)
    assert _judged(settings) == set()
    builds.writes_day = False
    assert _built(settings, builds).chosen == OWN


def test_until_it_is_known_no_judgement_holds(builds: Builds, settings: Settings) -> None:
    builds.loads["raw_a"], builds.fails = 2, True
    _built(settings, builds)
    assert builds.runs == [{"clock", "day"}]
    assert _judged(settings) == set()
    builds.fails = False
    _built(settings, builds)
    assert ("month", "tests") in _judged(settings), "it was not built after it was judged"
    assert ("both", "tests") not in _judged(settings)


def test_the_short_way_leaves_to_others_what_it_was_not_asked_for(builds: Builds, settings: Settings) -> None:
    builds.loads["raw_a"], builds.writes_day = 2, True
    step = _built(settings, builds, asked={"clock", "day", "fact", "month"}, tags={ARRIVALS})
    assert step.chosen == {"clock", "day", "fact", "month"}
    builds.writes_day = False
    assert _built(settings, builds).chosen >= {"both", "rest"}


def test_a_person_gets_what_he_asks_for(builds: Builds, settings: Settings) -> None:
    assert _built(settings, builds, asked={"month"}).chosen == {"month"}
    assert builds.runs == [{"month"}]
