"""Governed metrics: one definition each, asked by name, computed over a published version.

Belongs here: the definitions (read from the semantic manifest) and queries through MetricFlow's engine in this
process. Does not belong here: what a metric means (transforms/dbt/models/metrics/*.yml), drawing.

Amounts (`unit: minor`) and rates of amounts are always split by `currency`, asked for or not.
MetricFlow takes about three seconds to import, so it is imported by the first query.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from nexus.errors import InputError, MachineError, NotFoundError
from nexus.settings import Settings, get_settings

if TYPE_CHECKING:
    import polars as pl
    from metricflow.engine.metricflow_engine import MetricFlowEngine

GRAINS = ("day", "week", "month", "quarter", "year")
#: Dimensions that facts share; MetricFlow calls them entities, and they carry no prefix.
SHARED = ("workspace", "currency", "customer")
Values = str | bool | Sequence[str]
# the engine keeps counters that are not made for two threads at once
_mutex = threading.Lock()


@dataclass(frozen=True, slots=True)
class Definition:
    """What a figure means. `unit` is one of minor (money), count, ratio (0 to 1), bytes; `sql` computes it by month.

    `split_by` names dimensions without which the figure would mean nothing: currencies never add up.
    """

    name: str
    label: str
    description: str
    owner: str
    unit: str
    good_direction: str
    target: float | None
    split_by: tuple[str, ...] = ()
    sql: str = ""


def manifest_path(settings: Settings | None = None) -> Path:
    """The semantic manifest that the last dbt run or parse wrote."""
    settings = settings or get_settings()
    return settings.home / "dbt" / settings.warehouse / "semantic_manifest.json"


def definitions(settings: Settings | None = None, as_of: str | datetime | None = None) -> list[Definition]:
    """Every governed metric by name, without SQL. Quick: does not import MetricFlow."""
    path = _manifest(settings or get_settings(), as_of)
    return list(_definitions(path, path.stat().st_mtime_ns).values())


def definition(metric: str, settings: Settings | None = None, as_of: str | datetime | None = None) -> Definition:
    """One metric with the SQL that computes it by month. Raises NotFoundError for an unknown name."""
    from dataclasses import replace

    path = _manifest(settings or get_settings(), as_of)
    known = _lookup([metric], path)[metric]
    return replace(known, sql=compile_metric([metric], grain="month", settings=settings, as_of=as_of))


def dimensions(
    names: Sequence[str], settings: Settings | None = None, as_of: str | datetime | None = None
) -> list[str]:
    """What these metrics can be split or filtered by, together."""
    path = _manifest(settings or get_settings(), as_of)
    _lookup(names, path)
    return sorted(_dimensions(path, tuple(names)))


def compile_metric(
    names: str | Sequence[str],
    *,
    grain: str | None = "month",
    by: Sequence[str] = (),
    where: Mapping[str, Values] | None = None,
    period: tuple[date | None, date | None] = (None, None),
    settings: Settings | None = None,
    as_of: str | datetime | None = None,
) -> str:
    """The SQL of `query_metric` with the same arguments, one statement for DuckDB."""
    names = [names] if isinstance(names, str) else list(names)
    path = _manifest(settings or get_settings(), as_of)
    known = _lookup(names, path)
    if grain is not None and grain not in GRAINS:
        raise InputError(f"metrics have no grain {grain!r}", remedy=f"one of {', '.join(GRAINS)}, or none")
    by = [*by, *(d for d in dict.fromkeys(d for n in names for d in known[n].split_by) if d not in by)]
    offered = _dimensions(path, tuple(names))
    groups = ([f"metric_time__{grain}"] if grain else []) + [_resolve(name, names, offered) for name in by]
    filters = [
        _condition(_resolve(name, names, offered), values) for name, values in (where or {}).items() if values != []
    ]
    return _compile(path, names, groups, filters, period)


def query_metric(
    names: str | Sequence[str],
    *,
    grain: str | None = "month",
    by: Sequence[str] = (),
    where: Mapping[str, Values] | None = None,
    period: tuple[date | None, date | None] = (None, None),
    as_of: str | datetime | None = None,
    settings: Settings | None = None,
) -> pl.DataFrame:
    """Metrics over a published version, one row for each period and combination of `by`, in that order.

    `grain` is one of GRAINS or None (one figure for the whole period); the column is named `period` and holds the
    first day of each; the others are named as in `by`. `by` and the keys of `where` are dimensions, in short
    (`category`) or in full (`email__category`); a value of `where` is one value or a list of them.
    `period` includes both days; None leaves an end open.
    Ratios are None where nothing was there to divide by.
    """
    import polars as pl

    from warehouse import marts

    settings = settings or get_settings()
    wanted = [names] if isinstance(names, str) else list(names)
    sql = compile_metric(wanted, grain=grain, by=by, where=where, period=period, settings=settings, as_of=as_of)
    frame = pl.DataFrame(marts.query(sql, as_of=as_of, settings=settings))
    asked = {full: short for short in by for full in frame.columns if full.endswith(f"__{short}")}
    frame = frame.rename(asked | ({f"metric_time__{grain}": "period"} if grain else {}))
    # sums come as a wide decimal; every amount, count and number of bytes is a whole number of 64 bits
    whole = [name for name, kind in frame.schema.items() if kind.is_decimal()]
    frame = frame.with_columns(pl.col(whole).cast(pl.Int64), *([pl.col("period").cast(pl.Date)] if grain else []))
    splits = [column for column in frame.columns if column not in {*wanted, "period"}]
    ordered = [*(["period"] if grain else []), *splits]
    return frame.select(*ordered, *wanted).sort(ordered) if ordered else frame.select(*wanted)


def _manifest(settings: Settings, as_of: str | datetime | None) -> Path:
    path = manifest_path(settings)
    if not path.exists():
        raise MachineError("no metric is defined yet: dbt has not run in this home", remedy="nexus build")
    return path


@lru_cache(maxsize=8)
def _definitions(path: Path, changed: int) -> dict[str, Definition]:
    found = {}
    for metric in sorted(json.loads(path.read_text())["metrics"], key=lambda m: m["name"]):
        meta = (metric.get("config") or {}).get("meta") or {}
        if meta:
            found[metric["name"]] = Definition(
                name=metric["name"],
                label=metric.get("label") or metric["name"],
                description=metric.get("description") or "",
                owner=meta["owner"],
                unit=meta["unit"],
                good_direction=meta["good_direction"],
                target=meta.get("target"),
                split_by=tuple(meta.get("split_by") or (("currency",) if meta["unit"] == "minor" else ())),
            )
    return found


def _lookup(names: Sequence[str], path: Path) -> dict[str, Definition]:
    known = _definitions(path, path.stat().st_mtime_ns)
    for name in names:
        if name not in known:
            raise NotFoundError(f"there is no metric {name!r}", remedy=f"one of {', '.join(known)}")
    return {name: known[name] for name in names}


def _resolve(name: str, metrics: Sequence[str], offered: frozenset[str]) -> str:
    """The engine's name of a dimension given in short or in full."""
    if name in offered:
        return name
    matches = sorted(full for full in offered if full.endswith(f"__{name}"))
    # what the fact itself says comes before what its customer is
    matches = [full for full in matches if not full.startswith("customer__")] or matches
    if len(matches) == 1:
        return matches[0]
    problem = f"can mean {', '.join(matches)}" if matches else "does not exist"
    raise InputError(
        f"dimension {name!r} of {', '.join(metrics)} {problem}", remedy=f"one of {', '.join(sorted(offered))}"
    )


def _condition(dimension: str, values: Values) -> str:
    listed = [values] if isinstance(values, str | bool) else list(values)
    literals = ", ".join(_literal(value) for value in listed)
    kind = "Dimension" if "__" in dimension else "Entity"
    return f"{{{{ {kind}('{dimension}') }}}} in ({literals})"


def _literal(value: str | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    # filters are Jinja templates: a value must never be one
    if re.search(r"[{}\x00-\x1f]", value):
        raise InputError(f"a metric cannot be filtered by {value!r}", remedy="leave out braces and control characters")
    return "'" + value.replace("'", "''") + "'"


def _dimensions(path: Path, metrics: tuple[str, ...]) -> frozenset[str]:
    return _offered(path, path.stat().st_mtime_ns, metrics)


@lru_cache(maxsize=256)
def _offered(path: Path, changed: int, metrics: tuple[str, ...]) -> frozenset[str]:
    engine = _engine(path, changed)
    with _mutex:
        found = engine.simple_dimensions_for_metrics(list(metrics))
        shared = {e.name for e in engine.entities_for_metrics(list(metrics)) if e.name in SHARED}
    return frozenset(d.dunder_name for d in found if d.type.value == "categorical") | shared


def _compile(
    path: Path,
    names: Sequence[str],
    groups: Sequence[str],
    filters: Sequence[str],
    period: tuple[date | None, date | None],
) -> str:
    from metricflow.engine.metricflow_engine import MetricFlowQueryRequest

    engine = _engine(path, path.stat().st_mtime_ns)
    start, end = (datetime.combine(day, time()) if day else None for day in period)
    with _mutex:
        request = MetricFlowQueryRequest.create(
            metric_names=list(names),
            group_by_names=list(groups),
            where_constraints=list(filters),
            time_constraint_start=start,
            time_constraint_end=end,
        )
        return str(engine.explain(request).sql_statement.sql)


@lru_cache(maxsize=2)
def _engine(path: Path, changed: int) -> MetricFlowEngine:
    """The engine over one manifest. Relations are addressed without their catalog: a version may be attached as any."""
    from metricflow.engine.metricflow_engine import MetricFlowEngine
    from metricflow.protocols.sql_client import SqlEngine
    from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
    from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest
    from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

    class Compiler:
        """The part of a SQL client that compiling needs; statements are run by `warehouse.marts`."""

        sql_engine_type = SqlEngine.DUCKDB
        sql_plan_renderer = DuckDbSqlPlanRenderer()

    manifest = json.loads(path.read_text())
    relations = [model["node_relation"] for model in manifest["semantic_models"]]
    relations += [spine["node_relation"] for spine in manifest["project_configuration"]["time_spines"]]
    for relation in relations:
        relation["database"] = None
        relation["relation_name"] = f'"{relation["schema_name"]}"."{relation["alias"]}"'
    lookup = SemanticManifestLookup(parse_manifest_from_dbt_generated_manifest(json.dumps(manifest)))
    return MetricFlowEngine(semantic_manifest_lookup=lookup, sql_client=Compiler())  # type: ignore[arg-type]
