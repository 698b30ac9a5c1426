"""Quality gates as blocking asset checks: nothing downstream of a failed one runs in the same build.

Belongs here: factories from contracts, rules and relations to checks. Does not belong here: what a gate checks
(warehouse/quality) or dbt's own tests (dbt_assets.py).
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Protocol

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
from orchestration.lib.dbt_assets import FULL_REFRESH
from orchestration.lib.failures import translated
from orchestration.lib.progress import tell
from warehouse import journal
from warehouse.built import loads
from warehouse.judged import Judged, judged, passed
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
    stamps = {_name(t.relation, contract_gate.GATE): t.fingerprint for t in chosen}

    def judge(build: Build, selected: set[str], tags: Mapping[str, str], standing: Standing) -> list[GateResult]:
        newest = loads(build)
        held = {} if FULL_REFRESH in tags else judged(build, stamps)
        since = {n: held[gate] for n in tables if (gate := _name(n, contract_gate.GATE)) in held}
        stands = {n for n in selected if since.get(n, -1) >= newest.get(n, 0) and (n, contract_gate.GATE) in standing}
        made = check_contract([t for n, t in tables.items() if n in selected - stands], build, since)
        good = {_name(r.relation, r.gate): newest.get(r.relation, 0) for r in made if r.passed}
        passed(build, good, stamps)
        return made

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

    stamps = {_name(r.mart, r.name): sha256(r.sql.encode()).hexdigest() for r in rules}

    def judge(build: Build, selected: set[str], tags: Mapping[str, str], standing: Standing) -> list[GateResult]:
        from warehouse.quality.reads import published_counts, row_counts

        wanted = {n: s for n, s in relations.items() if n in selected}
        before = {} if ACCEPT_SHRINK in tags else published_counts(settings, wanted)
        book = journal.read(build)
        # numbers of another journal say nothing of this one
        own_stamps = {gate: f"{book.name} {stamp}" for gate, stamp in stamps.items()}
        held = {} if FULL_REFRESH in tags else judged(build, own_stamps)
        own = [r for r in rules if r.mart in wanted]
        stands = {
            r.name
            for r in own
            if (r.mart, r.name) in standing
            and not any(book.written_since(f"marts.{n}", held.get(_name(r.mart, r.name), -1)) for n in r.reads)
        }
        made = check_rules(build, [r for r in own if r.name not in stands])
        passed(build, {_name(r.relation, r.gate): book.number for r in made if r.passed}, own_stamps)
        return check_volume(row_counts(build, wanted), before) + made  # type: ignore[arg-type]

    return _checks(name, specs, settings, judge)


class Build(Reads, Judged, Protocol):
    """The candidate, to be judged, and what is known of what was judged."""

    connection: Any


#: (relation, gate) of judgements that passed and were not taken back since.
Standing = Mapping[tuple[str, str], GateResult]
Judge = Callable[[Build, set[str], Mapping[str, str], Standing], list[GateResult]]


def _name(relation: str, gate: str) -> str:
    return f"{relation}.{gate}"


def _checks(name: str, specs: Sequence[AssetCheckSpec], settings: Settings, judge: Judge) -> AssetChecksDefinition:
    """Gates that `judge` judges. Those that it leaves out stand as they were judged last: of the same rows."""

    @multi_asset_check(name=name, specs=specs, can_subset=True, pool=POOL, required_resource_keys={candidate.KEY})
    def gates(context: AssetCheckExecutionContext) -> Iterator[AssetCheckResult]:
        from warehouse.quality.record import record, recorded

        keys = context.op_execution_context.selected_asset_check_keys
        tell(f"{len(keys)} gates")
        standing = {(r.relation, r.gate): r for r in recorded(settings) if r.passed}
        with translated(context.retry_number), context.resources.candidate.reading() as reads:
            results = judge(reads, {k.asset_key.path[-1] for k in keys}, context.run.tags, standing)
            record(settings, results, context.run.run_id)
        made = {(r.relation, r.gate): r for r in results}
        for chosen in sorted((k.asset_key.path[-1], k.name) for k in keys):
            if found := made.get(chosen) or standing.get(chosen):
                yield as_check(found)

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
