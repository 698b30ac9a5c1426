"""dbt models as assets and dbt tests as checks, run inside this process.

Belongs here: the factory, and turning dbt's results into Dagster's. Does not belong here: names (dbt_translator.py),
calling dbt (warehouse/dbt.py).
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from warehouse.built import newest_loads, remember, unbuilt
from warehouse.dbt import Node, fingerprint
from warehouse.quality import GateResult
from warehouse.quality.record import invalidate

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


def descendants(manifest: Mapping[str, Any], relations: Collection[str]) -> frozenset[str]:
    """`relations` and every relation that is made of them, however indirectly."""
    found = {**manifest["nodes"], **manifest["sources"]}
    todo = [i for i, n in found.items() if n["name"] in relations and n["resource_type"] != "test"]
    seen = set(todo)
    while todo:
        for child in manifest["child_map"].get(todo.pop(), []):
            if child not in seen and found.get(child, {}).get("resource_type") in {"model", "seed"}:
                seen.add(child)
                todo.append(child)
    return frozenset(found[i]["name"] for i in seen)


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
    models, those that are made of these.
    """
    from dagster_dbt import dbt_assets

    chosen = _selected(manifest, select, exclude)
    own = frozenset(n["name"] for n in chosen if n["resource_type"] in _MADE)

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
            plan = _plan(settings, manifest, name, own, asked, context.run.tags)
            invalidate(settings, spoils if plan.is_whole else descendants(manifest, plan.chosen) & frozenset(spoils))
            wanted = select.split() if plan.is_whole else sorted(plan.chosen)
            full = FULL_REFRESH in context.run.tags
            # what is excluded takes its tests along: of features, against marts that are newer than they are
            nodes = run_dbt(settings, wanted, exclude.split(), full) if wanted else []
            kept = (asked or own) - plan.chosen
            counts = _count(settings, manifest, {n.name for n in nodes if n.kind in _MADE and n.is_good} | kept)
            _record(settings, manifest, nodes, context.run.run_id)
            # last of all: whatever was not judged is made, and judged, again
            if not any(n.is_bad and n.kind != "test" for n in nodes):
                remember(settings, name, plan.project, plan.loads, plan.complete)
        yield from _results(nodes, manifest, counts, context, kept)

    return build


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a step builds: `chosen` of its models, all of them if `is_whole`. Afterwards it has seen `loads`, those of the
    relations in `complete` (None: of all).
    """

    chosen: frozenset[str]
    is_whole: bool
    project: str
    loads: Mapping[str, int]
    complete: frozenset[str] | None


def _plan(
    settings: Settings,
    manifest: Mapping[str, Any],
    step: str,
    own: frozenset[str],
    asked: Collection[str] | None,
    tags: Mapping[str, str],
) -> _Plan:
    project, loads = fingerprint(), newest_loads(settings)
    changed = None if FULL_REFRESH in tags else unbuilt(settings, step, project)
    if asked is not None:
        # a table all of whose models are among them is up to date afterwards
        made = {r: descendants(manifest, [r]) & own for r in loads}
        complete = frozenset(r for r, relations in made.items() if relations <= set(asked))
        # a person who asks for some models gets them, whatever they are made of
        some = descendants(manifest, changed) if ARRIVALS in tags and changed is not None else set(asked)
        return _Plan(frozenset(asked) & some, False, project, loads, complete)
    if changed is None:
        return _Plan(own, True, project, loads, None)
    return _Plan(descendants(manifest, changed) & own, False, project, loads, None)


def run_dbt(settings: Settings, select: Sequence[str], exclude: Sequence[str], full_refresh: bool) -> list[Node]:
    """`dbt build` without unit tests: those judge the code, and belong to the tests of the project."""
    from warehouse.dbt import run

    return run(
        "build",
        settings,
        select=select,
        exclude=exclude,
        arguments=["--exclude-resource-type", "unit_test", *(["--full-refresh"] if full_refresh else [])],
        on_node=lambda step: tell(step.name, step.done, step.total),
    )


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
    broken = [n for n in nodes if n.is_bad and n.kind != "test"]
    if broken:
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
