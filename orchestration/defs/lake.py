"""The lake's housekeeping: small files become large ones, every night.

Belongs here: an asset whose body calls the warehouse. Does not belong here: merging (warehouse/compact.py).
It belongs to no build: a build gives the same marts whether the lake was compacted or not.
"""

from dagster import AssetExecutionContext, AssetsDefinition, MaterializeResult, MetadataValue, asset

from nexus.settings import Settings
from orchestration.lib.failures import translated
from orchestration.lib.progress import tell

COMPACTED = "compacted_lake"


def assets(settings: Settings) -> list[AssetsDefinition]:
    """The lake, compacted."""

    @asset(name=COMPACTED, group_name="lake", owners=["team:data-platform"], kinds={"parquet"})
    def compacted_lake(context: AssetExecutionContext) -> MaterializeResult[None]:
        """Small Parquet files of a table and workspace merged into large ones; their rows stay as they are."""
        from warehouse.compact import compact

        with translated(context.retry_number):
            done = compact(settings, on_table=tell)
        lines = [f"| {d.workspace} | {d.source}.{d.table} | {d.files_before} | {d.files_after} |" for d in done]
        return MaterializeResult(
            metadata={
                "files before": MetadataValue.int(sum(d.files_before for d in done)),
                "files after": MetadataValue.int(sum(d.files_after for d in done)),
                "rows": MetadataValue.int(sum(d.rows for d in done)),
                "tables": MetadataValue.md(
                    "\n".join(["| workspace | table | before | after |", "|---|---|---:|---:|", *lines])
                    if lines
                    else "nothing to do"
                ),
            }
        )

    return [compacted_lake]
