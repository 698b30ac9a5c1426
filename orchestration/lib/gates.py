"""Quality gates as blocking asset checks: nothing downstream of a failed one runs in the same build.

Belongs here: factories from contracts, rules and relations to checks. Does not belong here: what a gate checks
(warehouse/quality) or dbt's own tests (dbt_assets.py).
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    MetadataValue,
    multi_asset_check,
)

from nexus.contracts import Source, Table
from nexus.settings import Settings
from orchestration.instance import POOL
from orchestration.lib import candidate
from orchestration.lib.failures import translated
from orchestration.lib.progress import tell
from warehouse.quality import GateResult, Reads, Rule, check_contract, check_rules, check_volume
from warehouse.quality import contract as contract_gate
from warehouse.quality import volume as volume_gate

#: Tag of a run that may publish less than before, for a loss that is meant.
ACCEPT_SHRINK = "nexus/accept_shrink"


def contract_checks(source: Source, settings: Settings, produced_by: Collection[str]) -> list[AssetChecksDefinition]:
    """The gate `contract` on every raw table of `source`; apart for those whose records the graph makes itself, as their
    steps are apart (orchestration/lib/raw.py tells why)."""
    made = [t for t in source.tables if t.relation in produced_by]
    rest = [t for t in source.tables if t.relation not in produced_by]
    steps = {f"gate_{source.name}": rest, f"gate_{source.name}_made_here": made}
    return [_contract_check(name, tables, settings) for name, tables in steps.items() if tables]


def _contract_check(name: str, chosen: Sequence[Table], settings: Settings) -> AssetChecksDefinition:
    specs = [
        AssetCheckSpec(
            contract_gate.GATE,
            asset=table.relation,
            blocking=True,
            description="Every promise of the contract is kept: columns, types, required values, allowed values, ids.",
        )
        for table in chosen
    ]
    tables = {t.relation: t for t in chosen}

    def judge(reads: Reads, selected: set[str], _: Mapping[str, str]) -> list[GateResult]:
        return check_contract([t for name, t in tables.items() if name in selected], reads)

    return _checks(name, specs, settings, judge)


def mart_checks(
    name: str, relations: Mapping[str, str], rules: Sequence[Rule], settings: Settings
) -> AssetChecksDefinition:
    """The gate `volume` on every relation (`name` → `schema`), and the business rules on those that have some."""
    specs = [
        AssetCheckSpec(
            volume_gate.GATE,
            asset=relation,
            blocking=True,
            description="A build keeps at least 80 % of the rows that readers see today.",
        )
        for relation in relations
    ] + [
        AssetCheckSpec(
            rule.name,
            asset=rule.mart,
            blocking=True,
            description=rule.description,
            additional_deps=sorted(rule.reads - {rule.mart}),
        )
        for rule in rules
        if rule.mart in relations
    ]

    def judge(reads: Reads, selected: set[str], tags: Mapping[str, str]) -> list[GateResult]:
        from warehouse.quality.reads import published_counts, row_counts

        wanted = {n: s for n, s in relations.items() if n in selected}
        before = {} if ACCEPT_SHRINK in tags else published_counts(settings, wanted)
        return check_volume(row_counts(reads, wanted), before) + check_rules(reads, selected)  # type: ignore[arg-type]

    return _checks(name, specs, settings, judge)


Judge = Callable[[Reads, set[str], Mapping[str, str]], list[GateResult]]


def _checks(name: str, specs: Sequence[AssetCheckSpec], settings: Settings, judge: Judge) -> AssetChecksDefinition:
    @multi_asset_check(name=name, specs=specs, can_subset=True, pool=POOL, required_resource_keys={candidate.KEY})
    def gates(context: AssetCheckExecutionContext) -> Iterator[AssetCheckResult]:
        from warehouse.quality.record import record

        keys = context.op_execution_context.selected_asset_check_keys
        tell(f"{len(keys)} gates")
        with translated(context.retry_number), context.resources.candidate.reading() as reads:
            results = judge(reads, {k.asset_key.path[-1] for k in keys}, context.run.tags)
            record(settings, results, context.run.run_id)
        chosen = {(k.asset_key.path[-1], k.name) for k in keys}
        yield from (as_check(result) for result in results if (result.relation, result.gate) in chosen)

    return gates


def as_check(result: GateResult) -> AssetCheckResult:
    """A gate's result as Dagster shows it: what was seen, what was promised, some rows, and how to see them all."""
    failing = [dict(row) for row in result.as_dict()["failing"]]
    metadata: dict[str, MetadataValue[Any]] = {
        "observed": MetadataValue.text(result.observed),
        "expected": MetadataValue.text(result.expected),
        "seconds": MetadataValue.float(result.seconds),
    }
    if failing:
        metadata["rows"] = MetadataValue.json(failing)
    if result.look and not result.passed:
        metadata["look at all"] = MetadataValue.md(f"```sql\n{result.look}\n```")
    return AssetCheckResult(
        asset_key=result.relation,
        check_name=result.gate,
        passed=result.passed,
        severity=AssetCheckSeverity.ERROR,
        description=result.description if result.passed else result.sentence(),
        metadata=metadata,
    )
