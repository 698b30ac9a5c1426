"""The asset graph, put together: discover sources and dbt models, add what stands between, map policies over all.

Belongs here: the order of the parts. Does not belong here: any part. Tests pass settings of their own.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from dagster import AssetsDefinition, Definitions, in_process_executor

from nexus.settings import Settings, get_settings
from orchestration import sources
from orchestration.defs import arrivals, lake, models, publication, pulling, schedules
from orchestration.lib import candidate, dbt_assets, gates, policies, raw
from warehouse.quality import discover_rules

#: What dbt builds in which step. A mart's gates stand between the first and the second.
MARTS = "config.schema:staging config.schema:intermediate config.schema:marts config.schema:metrics"
FEATURES = "config.schema:features"
PREDICTIONS = "source:nexus.raw_nexus__churn_score+"


def build_defs(settings: Settings | None = None, resources: Mapping[str, Any] | None = None) -> Definitions:
    """Everything Dagster knows of Nexus. `resources` replaces some, as tests need."""
    settings = settings or get_settings()
    found = sources.discover()
    manifest = dbt_assets.manifest(settings)
    rules = discover_rules()
    steps = {
        "marts": (MARTS, f"{PREDICTIONS} {FEATURES}+"),
        "features": (FEATURES, PREDICTIONS),
        "predictions": (PREDICTIONS, ""),
    }
    produced_by = models.produced_by()
    assets: list[AssetsDefinition] = [a for s in found.values() for a in raw.raw_assets(s, settings, produced_by)]
    checks: list[AssetsDefinition] = [
        c for s in found.values() for c in gates.contract_checks(s, settings, produced_by)
    ]
    stored: dict[str, dict[str, str]] = {}
    own = {name: dbt_assets.names(manifest, *selection) for name, selection in steps.items()}
    raw_names = frozenset(t.relation for s in found.values() for t in s.tables)
    spoils = {**own, "marts": own["marts"] | own["features"]}
    for name, (select, exclude) in steps.items():
        assets.append(dbt_assets.dbt_step(f"dbt_{name}", manifest, settings, select, exclude, spoils[name] - raw_names))
        stored[name] = dbt_assets.relations(manifest, select, exclude)
        read = {n: schema for n, schema in stored[name].items() if schema in {"marts", "features"}}
        checks.append(gates.mart_checks(f"gate_{name}", read, rules, settings))
    first = (own["marts"] | own["features"] | raw_names) - own["predictions"]
    fast = first - own["features"]
    assets += [
        publication.publication(
            models.PUBLISHED,
            "Marts, features and metrics as one read-only version, once every gate has passed.",
            publication.Scope(first, _gates(checks, first)),
            stored["marts"].keys() | stored["features"].keys(),
            settings,
        ),
        publication.publication(
            "published_predictions",
            "The same with the predictions that were made from it.",
            publication.Scope(own["predictions"], _gates(checks, own["predictions"]), tuple(stored["predictions"])),
            {*stored["predictions"], models.PUBLISHED},
            settings,
        ),
        publication.publication(
            arrivals.PUBLISHED,
            "The published version with the marts built anew; features and predictions stay those it has.",
            publication.Scope(fast, _gates(checks, fast), tuple(stored["marts"])),
            stored["marts"].keys(),
            settings,
        ),
        *models.assets(settings),
        *lake.assets(settings),
    ]
    made_of = {s.name: dbt_assets.descendants(manifest, [t.relation for t in s.tables]) & fast for s in found.values()}
    pulls = pulling.jobs(settings)
    windows = policies.freshness(found)
    return Definitions(
        assets=[a.map_asset_specs(lambda spec: policies.apply(spec, windows, settings)) for a in assets],
        asset_checks=checks,
        jobs=[*schedules.jobs().values(), *pulls],
        schedules=[*schedules.schedules(settings), pulling.schedule(settings, pulls)],
        sensors=[arrivals.sensor(settings, schedules.jobs(), made_of, _gates(checks, fast))],
        resources={candidate.KEY: candidate.resource(settings), **(resources or {})},
        executor=in_process_executor,
    )


def _gates(checks: Sequence[AssetsDefinition], relations: frozenset[str]) -> frozenset[tuple[str, str]]:
    """(relation, gate) of every check on `relations`."""
    keys = [key for check in checks for key in check.check_keys]
    return frozenset((k.asset_key.path[-1], k.name) for k in keys if k.asset_key.path[-1] in relations)
