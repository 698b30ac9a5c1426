"""Raw tables as assets: materialising one lands what lies in its source's exports and inbox and loads what is pending.

Belongs here: the factory from a `Source` to assets. Does not belong here: any source, how landing works.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dagster import AssetExecutionContext, AssetsDefinition, AssetSpec, MaterializeResult, multi_asset

from nexus.contracts import Source, Table
from nexus.settings import Settings
from orchestration import exports
from orchestration.instance import POOL
from orchestration.lib import candidate, naming
from orchestration.lib.failures import translated
from orchestration.lib.progress import tell
from warehouse.quality.record import invalidate

#: Tag of a run that takes what was dropped and leaves the remembered exports, however large, to the other runs.
ARRIVALS = "nexus/arrivals"


def spec(source: Source, table: Table, engine: str, deps: Sequence[str] = ()) -> AssetSpec:
    """The asset of one raw table; everything shown of it comes from its name and its contract."""
    named = naming.parse(table.relation)
    return AssetSpec(
        named.key,
        deps=list(deps),
        description=table.description or f"One row per {table.name.replace('_', ' ')} of {source.title}.",
        group_name=naming.group(named, None),
        owners=naming.owners(source.owner),
        kinds=naming.kinds(named, engine),
        tags=naming.tags(named),
        code_version=table.fingerprint,
        metadata={
            "nature": table.nature,
            "record id": table.id or "none: rows are never merged",
            "source": source.title,
        },
    )


def raw_assets(source: Source, settings: Settings, produced_by: Mapping[str, Sequence[str]]) -> list[AssetsDefinition]:
    """One step for each source, and one for its tables whose records other assets of the graph make.

    `produced_by` names, by relation, the assets whose records a table holds. In one step with the rest, which comes before
    everything, these tables would make the graph go round.
    """
    made = [t for t in source.tables if t.relation in produced_by]
    rest = [t for t in source.tables if t.relation not in produced_by]
    steps = {f"land_{source.name}": rest, f"land_{source.name}_made_here": made}
    return [_step(name, source, tables, settings, produced_by) for name, tables in steps.items() if tables]


def _step(
    name: str, source: Source, tables: Sequence[Table], settings: Settings, produced_by: Mapping[str, Sequence[str]]
) -> AssetsDefinition:
    specs = [spec(source, t, settings.warehouse, produced_by.get(t.relation, [])) for t in tables]

    @multi_asset(name=name, specs=specs, can_subset=True, pool=POOL, required_resource_keys={candidate.KEY})
    def land_and_load(context: AssetExecutionContext) -> Iterator[MaterializeResult[None]]:
        with translated(context.retry_number):
            landed = land(source, settings, remembered=ARRIVALS not in context.run.tags)
            context.resources.candidate.check()
            # a table of the other step must not change under what was built of it already
            counts = load(tables, settings)
        for table in tables:
            if naming.parse(table.relation).key in context.selected_asset_keys:
                metadata = {**counts[table.relation], **landed.get(table.name, {})}
                yield MaterializeResult(asset_key=table.relation, metadata=metadata)

    return land_and_load


def land(source: Source, settings: Settings, *, remembered: bool = True) -> dict[str, dict[str, int]]:
    """Lands what was dropped for `source` and, if asked, every remembered export; counts by table.

    What has landed before is recognised. Of Nexus itself, what has happened in its services lands too.
    """
    from orchestration.inbox import take
    from orchestration.live import own
    from orchestration.sources import choose
    from warehouse.land import Progress
    from warehouse.land import land as land_files

    def show(step: Progress) -> None:
        tell(step.file, step.bytes_done, step.bytes_total)

    reports = []
    for export in exports.known(settings, source.name) if remembered else ():
        chosen, mapping = choose(source.name, [Path(export.path)], export.mapping)
        paths = [Path(export.path)]
        reports.append(land_files(chosen, paths, export.workspace, settings, mapping=mapping, progress=show))
    reports += take(settings, source.name, show)
    if source.name == own.SOURCE:
        own.drain(settings)
    counts: dict[str, dict[str, int]] = {}
    for report in reports:
        for table, found in report.tables.items():
            held = counts.setdefault(table, {})
            for name, count in found.as_dict().items():
                held[name] = held.get(name, 0) + count
    return counts


def load(tables: Sequence[Table], settings: Settings) -> dict[str, dict[str, int]]:
    """Loads pending batches of `tables` into the build; rows in all and new ones, by relation.

    What was judged of a table holds until it gets rows.
    """
    from warehouse.load import load_pending
    from warehouse.quality.reads import reading, row_counts

    def begin(relation: str, number: int, of: int) -> None:
        invalidate(settings, [relation])
        tell(relation, number, of)

    report = load_pending(settings.warehouse, settings, tables, on_table=begin)
    with reading(settings) as reads:
        totals = row_counts(reads, {t.relation: "raw" for t in tables})
    return {
        name: {"dagster/row_count": total, "new rows": report.rows.get(name, 0), "batches": report.batches.get(name, 0)}
        for name, total in totals.items()
    }
