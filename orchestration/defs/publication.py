"""The publications of a build: after the marts, again after the predictions, and by the short way of arrivals.

Belongs here: which assets and gates a publication waits for. Does not belong here: publishing (warehouse/publish.py).

Dagster keeps an asset from running after a failed check of the same run. That is not enough: somebody may run a
publication alone, after a build that was refused or killed. So each demands the latest judgement of every gate it
knows, and whatever builds a relation takes the judgements of it back.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from dagster import AssetExecutionContext, AssetsDefinition, MaterializeResult, MetadataValue, asset

from nexus.settings import Settings
from orchestration import inbox
from orchestration.instance import POOL
from orchestration.lib import candidate, naming
from orchestration.lib.failures import translated
from orchestration.lib.progress import tell
from warehouse.publish import Gate, publish
from warehouse.quality.record import recorded
from warehouse.versions import Version, list_versions

GROUP = "publication"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a publication answers for: `relations` are those whose gates it carries, `gates` (relation, gate) those that
    it demands. With `only`, just these relations change and the rest stays as it is published.
    """

    relations: frozenset[str]
    gates: frozenset[tuple[str, str]]
    only: tuple[str, ...] | None = None


def publication(
    name: str, description: str, scope: Scope, deps: Collection[str], settings: Settings
) -> AssetsDefinition:
    """An asset that makes the build readable. It waits for `deps`, and so for every gate on them."""

    @asset(
        name=name,
        deps=sorted(deps),
        description=description,
        group_name=GROUP,
        owners=["team:data-platform"],
        kinds={"duckdb"},
        pool=POOL,
        required_resource_keys={candidate.KEY},
    )
    def publish_scope(context: AssetExecutionContext) -> MaterializeResult[None]:
        tell("copying and switching")
        with translated(context.retry_number):
            gates = judgements(settings, scope)
            context.resources.candidate.check()
            version = publish(settings, audit=lambda _: gates, only=scope.only)
            context.resources.candidate.put_down()
            inbox.published(settings, version.version, _sources(context))
        return MaterializeResult(
            metadata={
                "version": MetadataValue.int(version.version),
                "gates passed": MetadataValue.int(len(gates)),
                "bytes": MetadataValue.int(version.bytes or 0),
                "read it": MetadataValue.md(f'`nexus sql --as-of v{version.version} "show all tables"`'),
            }
        )

    return publish_scope


def _sources(context: AssetExecutionContext) -> frozenset[str] | None:
    """Sources whose records this run has brought from the inbox to the marts; None: every one."""
    selected = context.run.asset_selection
    if selected is None:
        return None
    named = [naming.parse(key.path[-1]) for key in selected if key.path[-1].startswith("raw_")]
    return frozenset(n.source for n in named if n.source)


def judgements(settings: Settings, scope: Scope) -> Sequence[Gate]:
    """What the gates said of `scope` last; a gate that has not judged since its relation was built has not passed."""
    latest = {(r.relation, r.gate): r for r in recorded(settings) if r.relation in scope.relations}
    gates = [Gate(f"{r.relation}.{r.gate}", r.passed, r.sentence()) for r in latest.values()]
    for relation, gate in sorted(scope.gates - latest.keys()):
        gates.append(Gate(f"{relation}.{gate}", False, "has not judged what was built last; run: nexus build"))
    if scope.only is not None:
        known = {gate.name for gate in gates}
        gates += [g for g in _carried(settings) if g.name not in known]
    return gates


def _carried(settings: Settings) -> list[Gate]:
    """The gates of the version that is completed."""
    current: Version | None = next((v for v in list_versions(settings) if v.is_current), None)
    return [Gate(g["name"], g["passed"], g["detail"]) for g in current.gates] if current else []
