"""A build after a hundredth of new records, beside a full one of the same warehouse, at several lengths of history.

Belongs here: both sides and the comparison. Does not belong here: the company (bench/company.py).

Both are `nexus build` without training: load, build, judge, publish, fill the feature store. The full one comes second,
over the same records, so that what both have published must be equal; the records lie in the warehouse's raw tables by
then, which flatters it. What the first build of the home cost, which loads them too, is printed beside.

Costs are processor time, of PostgreSQL as well: wall clock says little while other work keeps the machine busy.
"""

from __future__ import annotations

import json

import duckdb

from bench import company
from bench.processor import spent
from bench.row import Clock, Goal, Measured, Measures, Place, Row
from nexus.errors import NexusError
from orchestration.execution import error_of, execute
from warehouse.versions import list_versions

#: The share is promised from this length on: what a build costs by being one weighs less there.
_FROM = 10_000_000
_SHARE = 0.25
_CPU = "CPU, s"
#: When a row was built says nothing of what it says.
_UNCOMPARED = {"created_timestamp"}


def _prepare(place: Place) -> None:
    workspaces = company.make(place.folder, place.rows, place.seed)
    (place.folder / "workspaces.json").write_text(json.dumps(workspaces))
    company.land_all(place.folder / "old", workspaces, place.settings)
    first = Clock()
    _build(place, first, full=False)
    (place.folder / "first.json").write_text(json.dumps(first.figures[_CPU]))


def _incremental(place: Place, clock: Clock) -> int:
    workspaces = json.loads((place.folder / "workspaces.json").read_text())
    clock.figures["CPU of the first build of all others, s"] = json.loads((place.folder / "first.json").read_text())
    clock.figures["new records"] = company.land_all(place.folder / "new", workspaces, place.settings)
    return _build(place, clock, full=False)


def _full(place: Place, clock: Clock) -> int:
    return _build(place, clock, full=True)


def _build(place: Place, clock: Clock, *, full: bool) -> int:
    before = spent(place.settings)
    with clock:
        outcome = execute(place.settings, lambda _: None, train=False, full_refresh=full)
    clock.figures[_CPU] = round(spent(place.settings) - before, 1)
    if error := error_of(place.settings, outcome):
        raise NexusError(f"the build failed: {error}")
    for step in outcome.steps:
        clock.figures[step.key] = round(step.seconds, 3)
    return place.rows


def _differences(place: Place) -> list[str]:
    """Rows of every published mart and feature after the incremental build and after the full one."""
    full, incremental = _versions(place)
    found = []
    with duckdb.connect() as engine:
        engine.execute(f"attach '{full}' as f (read_only); attach '{incremental}' as i (read_only)")
        relations = engine.execute(
            "select table_schema || '.' || table_name from information_schema.tables"
            " where table_catalog = 'f' and table_schema in ('marts', 'features') order by 1"
        ).fetchall()
        for (relation,) in relations:
            names = [row[0] for row in engine.execute(f"describe f.{relation}").fetchall()]
            listed = ", ".join(f'"{n}"' for n in names if n not in _UNCOMPARED and not n.startswith("_"))
            for this, that in (("f", "i"), ("i", "f")):
                query = f"select {listed} from {this}.{relation} except all select {listed} from {that}.{relation}"
                row = engine.execute(f"select count(*) from ({query})").fetchone()
                if row and row[0]:
                    whose = "full" if this == "f" else "incremental"
                    found.append(f"{row[0]:,} rows of {relation} only after the {whose} build")
    return found


def _versions(place: Place) -> list[str]:
    """Newest files of the full build and of the incremental one before it: the last publication of each."""
    readable = [v for v in list_versions(place.settings) if v.status == "published" and v.path.exists()]
    each = len(readable) // 3
    return [str(readable[0].path), str(readable[each].path)]


def _share(measures: Measures) -> tuple[str, bool]:
    shares = {size: _cpu(sides["incremental"]) / _cpu(sides["full"]) for size, sides in measures.items()}
    promised = [share for size, share in shares.items() if size >= _FROM]
    told = ", ".join(f"{share:.0%} at {size:,}" for size, share in shares.items())
    return told, bool(promised) and max(promised) <= _SHARE


def _straight(measures: Measures) -> tuple[str, bool]:
    sizes = sorted(measures)
    costs = [_cpu(measures[size]["incremental"]) for size in sizes]
    told = ", ".join(f"{cost:.1f} s at {size:,}" for size, cost in zip(sizes, costs, strict=True))
    # a straight line that does not begin below nothing: no step is steeper than in proportion to the history
    pairs = zip(zip(sizes, costs, strict=True), zip(sizes[1:], costs[1:], strict=False), strict=False)
    return told, all(cost / before <= 1.1 * size / shorter for (shorter, before), (size, cost) in pairs)


def _cpu(measured: Measured) -> float:
    return measured.figures[_CPU]


ROW = Row(
    title="a build after 1 % new records (30,000,000: --rows)",
    sizes=(1_000_000, 3_000_000, 10_000_000),
    sides={"incremental": _incremental, "full": _full},
    goals=(
        Goal(f"at most {_SHARE:.0%} of the processor time of the full build from {_FROM:,} records on", _share),
        Goal("cost against history: a straight line at worst", _straight),
    ),
    differences=_differences,
    prepare=_prepare,
    unit="records of history",
    one_home=True,
    curve=_CPU,
)
