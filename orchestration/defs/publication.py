"""The two publications of a build: after the marts, and again after the predictions.

Belongs here: which assets a publication waits for. Does not belong here: publishing (warehouse/publish.py).
"""

from collections.abc import Collection, Sequence

from dagster import AssetExecutionContext, AssetsDefinition, MaterializeResult, MetadataValue, asset

from nexus.settings import Settings
from orchestration.instance import POOL
from orchestration.lib import candidate
from orchestration.lib.failures import translated
from orchestration.lib.progress import tell

GROUP = "publication"


def publication(
    name: str, description: str, relations: Collection[str], after: Sequence[str], settings: Settings
) -> AssetsDefinition:
    """An asset that makes the build readable. It waits for `relations` (and so for every gate on them)."""

    @asset(
        name=name,
        deps=[*sorted(relations), *after],
        description=description,
        group_name=GROUP,
        owners=["team:data-platform"],
        kinds={"duckdb"},
        pool=POOL,
        required_resource_keys={candidate.KEY},
    )
    def publish(context: AssetExecutionContext) -> MaterializeResult[None]:
        tell("copying and switching")
        with translated(context.retry_number):
            version, passed = publish_build(settings)
        return MaterializeResult(
            metadata={
                "version": MetadataValue.int(version.version),
                "gates passed": MetadataValue.int(passed),
                "bytes": MetadataValue.int(version.bytes or 0),
                "read it": MetadataValue.md(f'`nexus sql --as-of v{version.version} "show all tables"`'),
            }
        )

    return publish


def publish_build(settings: Settings):  # type: ignore[no-untyped-def]
    """Publishes the build with the latest judgement of every gate; the version and how many gates passed."""
    from warehouse.publish import Gate, publish
    from warehouse.quality.record import recorded

    gates = [Gate(f"{r.relation}.{r.gate}", r.passed, r.sentence()) for r in recorded(settings)]
    return publish(settings, audit=lambda _: gates), sum(g.passed for g in gates)
