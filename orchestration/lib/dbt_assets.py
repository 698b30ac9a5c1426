"""dbt models as assets and dbt tests as checks, run inside this process.

Belongs here: the factory, and turning dbt's results into Dagster's. Does not belong here: names (dbt_translator.py),
calling dbt (warehouse/dbt.py).
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    Failure,
    MaterializeResult,
    MetadataValue,
)

from nexus.settings import Settings
from orchestration.instance import POOL
from orchestration.lib import candidate
from orchestration.lib.dbt_translator import Translator
from orchestration.lib.failures import translated
from orchestration.lib.progress import tell
from orchestration.lib.raw import ARRIVALS
from warehouse.built import forget_looks, newest_loads, remember, unbuilt
from warehouse.dbt import Node, fingerprint
from warehouse.quality import GateResult
from warehouse.quality.record import invalidate, restore, set_aside

#: Tag of a run that builds incremental models anew.
FULL_REFRESH = "nexus/full_refresh"
TESTS_GATE = "dbt_tests"
_MADE = {"model", "seed"}


def manifest(settings: Settings) -> dict[str, Any]:
    """The project's manifest; parsing happens only after a change."""
    from warehouse.dbt import manifest_path

    content: dict[str, Any] = json.loads(manifest_path(settings).read_text())
    return content


def relations(manifest: Mapping[str, Any], select: str, exclude: str = "") -> dict[str, str]:
    """Tables that a selection builds: name → schema. Views are left out: they hold no rows of their own."""
    models = [n for n in _selected(manifest, select, exclude) if n["resource_type"] == "model"]
    return {n["name"]: n["schema"] for n in models if n["config"]["materialized"] in {"table", "incremental"}}


def names(manifest: Mapping[str, Any], select: str, exclude: str = "") -> frozenset[str]:
    """Every relation of a selection, views and sources too."""
    chosen = _selected(manifest, select, exclude)
    return frozenset(n["name"] for n in chosen if n["resource_type"] in {"model", "seed", "source"})


def descendants(
    manifest: Mapping[str, Any], relations: Collection[str], unless: Collection[str] = ()
) -> frozenset[str]:
    """`relations` and every relation that is made of them, however indirectly, but not by way of one in `unless`."""
    return _reached(manifest, "child_map", relations, unless)


def ancestors(manifest: Mapping[str, Any], relations: Collection[str]) -> frozenset[str]:
    """`relations` and every relation that they are made of, however indirectly."""
    return _reached(manifest, "parent_map", relations, ())


def _reached(
    manifest: Mapping[str, Any], way: str, relations: Collection[str], unless: Collection[str]
) -> frozenset[str]:
    found = {**manifest["nodes"], **manifest["sources"]}
    todo = [i for i, n in found.items() if n["name"] in relations and n["resource_type"] != "test"]
    seen = set(todo)
    while todo:
        node = todo.pop()
        if found[node]["name"] in unless and found[node]["name"] not in relations:
            continue
        for other in manifest[way].get(node, []):
            if other not in seen and found.get(other, {}).get("resource_type") in {"model", "seed", "source"}:
                seen.add(other)
                todo.append(other)
    return frozenset(found[i]["name"] for i in seen)


def stops(manifest: Mapping[str, Any]) -> frozenset[str]:
    """Models that pass on nothing where they come out as they were: `meta: {stops: true}` beside the model."""
    return frozenset(n["name"] for n in manifest["nodes"].values() if n.get("config", {}).get("meta", {}).get("stops"))


def tests_of(manifest: Mapping[str, Any], relations: Collection[str]) -> list[str]:
    """Unique ids of the tests that look at any of `relations`."""
    tests = [i for i, n in manifest["nodes"].items() if n["resource_type"] == "test"]
    return [i for i in tests if not _read_by(manifest, i).isdisjoint(relations)]


def _in_order(manifest: Mapping[str, Any], relations: Collection[str]) -> list[str]:
    """`relations`, each after those that it is made of, however indirectly: Dagster insists on it."""
    models = {i: n for i, n in manifest["nodes"].items() if n["resource_type"] in _MADE}
    parents = {i: [p for p in manifest["parent_map"].get(i, []) if p in models] for i in models}
    ordered = [models[i]["name"] for i in TopologicalSorter(parents).static_order()]
    return [name for name in ordered if name in relations]


def _selected(manifest: Mapping[str, Any], select: str, exclude: str) -> list[Mapping[str, Any]]:
    from dagster_dbt.utils import select_unique_ids

    chosen = select_unique_ids(select=select, exclude=exclude, selector="", project=None, manifest_json=manifest)
    found = {**manifest["nodes"], **manifest["sources"]}
    return [found[i] for i in sorted(chosen) if i in found]


def dbt_step(
    name: str,
    manifest: Mapping[str, Any],
    settings: Settings,
    select: str,
    exclude: str = "",
    spoils: Collection[str] = (),
) -> AssetsDefinition:
    """One step that builds and tests what `select` without `exclude` names.

    Of these it builds what is made of raw tables with rows that it has not seen; the rest is as it would be built.
    `spoils` are the relations whose judgements hold no longer once it has begun; of a step that builds only some of its
    models, those that are made of these: see Step.
    """
    from dagster_dbt import dbt_assets

    chosen = _selected(manifest, select, exclude)
    own = frozenset(n["name"] for n in chosen if n["resource_type"] in _MADE)
    tests = {n["name"]: _read_by(manifest, n["unique_id"]) for n in chosen if n["resource_type"] == "test"}

    @dbt_assets(
        manifest=manifest,
        select=select,
        exclude=exclude,
        name=name,
        dagster_dbt_translator=Translator(settings.warehouse),
        pool=POOL,
        required_resource_keys={candidate.KEY},
    )
    def build(context: AssetExecutionContext) -> Iterator[Any]:
        asked = {key.path[-1] for key in context.selected_asset_keys} if context.is_subset else None
        with translated(context.retry_number):
            context.resources.candidate.check()
            step = Step(settings, manifest, name, own, frozenset(spoils))
            full = FULL_REFRESH in context.run.tags

            def run(relations: Collection[str] | None, judged: Collection[str]) -> list[Node]:
                # what is excluded takes its tests along: of features, against marts that are newer than they are
                if relations is None:
                    return run_dbt(settings, select.split(), exclude.split(), full)
                wanted = sorted({*relations, *(t for t, read in tests.items() if read & set(judged))})
                return run_dbt(settings, wanted, (), full, tests_of_models=False) if wanted else []

            nodes = step.run(run, asked, context.run.tags)
            made = {n.name for n in nodes if n.kind in _MADE and n.is_good}
            kept = (asked or own) - step.chosen
            counts = _count(settings, manifest, made | kept)
            _record(settings, manifest, nodes, context.run.run_id)
            # last of all: whatever was not judged is made, and judged, again
            if not _broken(nodes):
                step.remember()
        yield from _results(nodes, manifest, counts, context, kept)

    return build


#: Builds the relations (None: all of a step's) and runs the tests that look at any of the others; what became of each.
Run = Callable[[Collection[str] | None, Collection[str]], list[Node]]


class Step:
    """One build of a step's `own` models: those that are made of raw tables with rows that it has not seen.

    Models that are `stops` come first, with what they are made of: what lies behind one is built only if it came out
    otherwise. Until that is known, no judgement of anything that may be built holds.
    """

    def __init__(
        self, settings: Settings, manifest: Mapping[str, Any], name: str, own: frozenset[str], spoils: frozenset[str]
    ) -> None:
        self._settings, self._manifest, self._name, self._own, self._spoils = settings, manifest, name, own, spoils
        self._stops = stops(manifest)
        self._project = fingerprint()
        self._loads = newest_loads(settings, self._stops)
        self._complete: frozenset[str] | None = None
        self.chosen: frozenset[str] = frozenset()

    def run(self, run: Run, asked: Collection[str] | None = None, tags: Collection[str] = ()) -> list[Node]:
        """Builds with `run`; what became of each node. `asked` are those wanted of the step, if it is not the whole."""
        changed = None if FULL_REFRESH in tags else self._changed()
        if asked is not None:
            # a table all of whose models are among them is up to date afterwards
            made = {r: descendants(self._manifest, [r]) & self._own for r in {*self._loads, *self._stops}}
            self._complete = frozenset(r for r, relations in made.items() if relations <= set(asked))
        if changed is None or (asked is not None and ARRIVALS not in tags):
            # a person who asks for some models gets them, whatever they are made of
            self.chosen = self._own if asked is None else self._own & frozenset(asked)
            spoilt = self._spoils if asked is None else descendants(self._manifest, self.chosen) & self._spoils
            invalidate(self._settings, spoilt)
            if changed is None:
                forget_looks(self._settings, self._own, tests_of(self._manifest, self._own))
            nodes = run(None if asked is None else self.chosen, self.chosen)
            self._look_again()
            return nodes
        return self._run_changed(run, changed, self._own if asked is None else self._own & frozenset(asked))

    def remember(self) -> None:
        """What was there when the building began, and the stops as they are now, is built."""
        remember(self._settings, self._name, self._project, self._loads, self._complete)

    def _run_changed(self, run: Run, changed: set[str], own: frozenset[str]) -> list[Node]:
        concerned = descendants(self._manifest, changed)
        set_aside(self._settings, concerned & self._spoils)
        first = concerned & ancestors(self._manifest, self._stops & own & concerned) & own
        nodes: list[Node] = []
        if first:
            invalidate(self._settings, first & self._spoils)
            # tests compare them with what is built after them
            self.chosen = self._tables(first)
            nodes = run(self.chosen, ())
            self._look_again()
            changed |= (self._changed() or set()) & self._stops
            if _broken(nodes):
                return nodes
        passed_on = descendants(self._manifest, changed, unless=self._stops)
        invalidate(self._settings, (passed_on & self._spoils) - first)
        restore(self._settings, (concerned - passed_on) & self._spoils)
        whole = first | (passed_on & own)
        self.chosen = self._tables(whole)
        return nodes + run(self.chosen - self._tables(first), whole)

    def _tables(self, relations: Collection[str]) -> frozenset[str]:
        """`relations` without views, which are as they were; but PostgreSQL drops a view with a table that is made anew."""
        nodes = {n["name"]: n["config"].get("materialized") for n in self._manifest["nodes"].values()}
        anew = descendants(self._manifest, [r for r in relations if nodes.get(r) == "table"])
        return frozenset(r for r in relations if nodes.get(r) != "view" or r in anew)

    def _changed(self) -> set[str] | None:
        return unbuilt(self._settings, self._name, self._project, self._stops)

    def _look_again(self) -> None:
        """Stops that were built just now have been written as late as that."""
        newest = newest_loads(self._settings, self._stops)
        self._loads |= {name: newest[name] for name in self._stops & newest.keys()}


def _broken(nodes: Sequence[Node]) -> list[Node]:
    return [n for n in nodes if n.is_bad and n.kind != "test"]


def run_dbt(
    settings: Settings,
    select: Sequence[str],
    exclude: Sequence[str],
    full_refresh: bool,
    tests_of_models: bool = True,
) -> list[Node]:
    """`dbt build` without unit tests: those judge the code, and belong to the tests of the project. With
    `tests_of_models` tests come along that look at any model of the selection, otherwise those that it names.
    """
    from warehouse.dbt import run

    return run(
        "build",
        settings,
        select=select,
        exclude=exclude,
        arguments=[
            "--exclude-resource-type", "unit_test",
            "--indirect-selection", "eager" if tests_of_models else "empty",
            *(["--full-refresh"] if full_refresh else []),
        ],
        on_node=lambda step: tell(step.name, step.done, step.total),
    )  # fmt: skip


def _results(
    nodes: Sequence[Node],
    manifest: Mapping[str, Any],
    counts: Mapping[str, int],
    context: AssetExecutionContext,
    kept: Collection[str],
) -> Iterator[Any]:
    selected = context.op_execution_context.selected_asset_check_keys
    by_test = {(k.asset_key.path[-1], k.name) for k in selected}
    made: dict[str, dict[str, Any]] = {
        name: {"up to date": MetadataValue.text("nothing that it is made of has got rows")} for name in kept
    }
    for node in nodes:
        if node.kind in _MADE and node.is_good:
            made[node.name] = {"seconds": MetadataValue.float(node.seconds)}
    for name in _in_order(manifest, made):
        rows = {"dagster/row_count": MetadataValue.int(counts[name])} if name in counts else {}
        yield MaterializeResult(asset_key=AssetKey([name]), metadata={**made[name], **rows})
    for node in nodes:
        owner = _tested(node, manifest) if node.kind == "test" else None
        if owner and (owner, node.name) in by_test and (node.is_good or node.is_bad or node.status == "warn"):
            yield _check(node, owner, manifest)
    if broken := _broken(nodes):
        raise Failure(
            description="; ".join(f"{n.name}: {n.message}" for n in broken[:5]),
            metadata={n.name: MetadataValue.md(f"```sql\n{n.compiled}\n```") for n in broken[:5]},
            allow_retries=False,
        )


def _check(node: Node, owner: str, manifest: Mapping[str, Any]) -> AssetCheckResult:
    severe = (manifest["nodes"][node.unique_id]["config"].get("severity") or "error").lower() == "error"
    metadata: dict[str, Any] = {"seconds": MetadataValue.float(node.seconds)}
    if not node.is_good:
        metadata["failing rows"] = MetadataValue.int(node.failures)
        metadata["look at all"] = MetadataValue.md(f"```sql\n{node.compiled.strip()}\n```")
    return AssetCheckResult(
        asset_key=AssetKey([owner]),
        check_name=node.name,
        passed=node.is_good,
        severity=AssetCheckSeverity.ERROR if severe else AssetCheckSeverity.WARN,
        description=None if node.is_good else node.message,
        metadata=metadata,
    )


def _read_by(manifest: Mapping[str, Any], test: str) -> set[str]:
    """Relations that a test looks at."""
    found = {**manifest["nodes"], **manifest["sources"]}
    return {found[i]["name"] for i in manifest["parent_map"].get(test, []) if i in found}


def _tested(node: Node, manifest: Mapping[str, Any]) -> str | None:
    """The model whose check a test is: the one it is attached to."""
    test = manifest["nodes"].get(node.unique_id, {})
    attached = test.get("attached_node") or next(iter(manifest["parent_map"].get(node.unique_id, [])), None)
    owner = manifest["nodes"].get(attached) or manifest["sources"].get(attached) if attached else None
    return str(owner["name"]) if owner else None


def _count(settings: Settings, manifest: Mapping[str, Any], relations: Collection[str]) -> dict[str, int]:
    from warehouse.quality.reads import reading, row_counts

    models = [n for n in manifest["nodes"].values() if n["resource_type"] in _MADE and n["name"] in relations]
    stored = {m["name"]: m["schema"] for m in models if m["config"]["materialized"] in {"table", "incremental"}}
    with reading(settings) as reads:
        return row_counts(reads, stored)


def _record(settings: Settings, manifest: Mapping[str, Any], nodes: Sequence[Node], run_id: str) -> None:
    """One gate for each relation that says how its tests went, for people who look at versions."""
    from warehouse.quality.record import record

    by_owner: dict[str, list[Node]] = {}
    for node in nodes:
        if node.kind == "test" and (owner := _tested(node, manifest)):
            by_owner.setdefault(owner, []).append(node)
    record(settings, [_summary(owner, tests) for owner, tests in sorted(by_owner.items())], run_id)


def _summary(owner: str, tests: Sequence[Node]) -> GateResult:
    bad = [t for t in tests if t.is_bad]
    return GateResult(
        gate=TESTS_GATE,
        relation=owner,
        passed=not bad,
        observed=f"{len(bad)} of {len(tests)} tests fail" + (": " + "; ".join(t.name for t in bad[:3]) if bad else ""),
        expected="every test of the model passes",
        description="Keys, relationships, accepted values and every other test that stands beside the model.",
        violations=sum(t.failures for t in bad),
        failing=[{"test": t.name, "message": t.message, "rows": t.failures} for t in bad[:20]],
        seconds=round(sum(t.seconds for t in tests), 3),
        look=bad[0].compiled.strip() if bad else "",
    )
