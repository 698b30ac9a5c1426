"""Governed metrics at the speed of a page: each is compiled once for a manifest, then asked with other days and values.

Belongs here: compiled statements with marks in place of days and filter values, and where they are kept.
Does not belong here: what a metric is (warehouse.metrics compiles it). A test holds the answers equal to
`warehouse.metrics.query_metric`.

Compiling takes the metric engine, three seconds of imports and 10 to 240 ms a statement; a compiled one runs in
milliseconds. They are kept in `<home>/cache/metric-sql`, named by all that went into them, so a restarted process
needs no engine at all.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path

import polars as pl

from nexus.errors import InputError, MachineError
from nexus.settings import Settings
from warehouse import marts, metrics

#: Marks that no data hold. The engine writes days and values as quoted literals, and widens days to whole weeks, months
#: or quarters of the grain: this Monday begins a year, this Sunday ends a quarter, so that they are widened to themselves.
_FROM, _UNTIL = date(2001, 1, 1), date(2001, 9, 30)
_MARK = "nexus-page-filter-{}"


def query(
    names: Sequence[str],
    grain: str | None,
    where: Mapping[str, str],
    period: tuple[date, date],
    as_of: int | None,
    settings: Settings,
) -> pl.DataFrame:
    """The same as `metrics.query_metric` without `by`: `period` (if a grain is given), currency for amounts, metrics.

    One difference: weeks and months that the period cuts hold its days alone, where the engine widens the period.
    """
    sql = statement(tuple(names), grain, tuple(sorted(where)), settings)
    for name, value in where.items():
        if any(ord(c) < 32 for c in value):
            raise InputError(f"a metric cannot be filtered by {value!r}", remedy="leave out control characters")
        sql = sql.replace(f"'{_MARK.format(name)}'", "'" + value.replace("'", "''") + "'")
    sql = sql.replace(f"'{_FROM}'", f"'{period[0]}'").replace(f"'{_UNTIL}'", f"'{period[1]}'")
    frame = marts.query(sql, as_of=as_of, settings=settings)
    frame = frame.rename({f"metric_time__{grain}": "period"} if grain else {})
    whole = [name for name, kind in frame.schema.items() if kind.is_decimal()]
    frame = frame.with_columns(pl.col(whole).cast(pl.Int64), *([pl.col("period").cast(pl.Date)] if grain else []))
    splits = [column for column in frame.columns if column not in {*names, "period"}]
    ordered = [*(["period"] if grain else []), *splits]
    return frame.select(*ordered, *names).sort(ordered) if ordered else frame.select(*names)


def statement(names: tuple[str, ...], grain: str | None, filters: tuple[str, ...], settings: Settings) -> str:
    """The compiled statement with marks. Raises MachineError where days or filters did not come out as marks."""
    path = metrics.manifest_path(settings)
    if not path.exists():
        raise MachineError("no metric is defined yet: dbt has not run in this home", remedy="nexus build")
    kept = _folder(settings) / f"{_key(_digest(path, path.stat().st_mtime_ns), names, grain, filters)}.sql"
    try:
        return kept.read_text()
    except FileNotFoundError:
        sql = metrics.compile_metric(
            list(names),
            grain=grain,
            where={name: _MARK.format(name) for name in filters},
            period=(_FROM, _UNTIL),
            settings=settings,
        )
    missing = [m for m in (str(_FROM), str(_UNTIL), *map(_MARK.format, filters)) if f"'{m}'" not in sql]
    if missing:
        raise MachineError(
            f"the metric engine left out {', '.join(missing)} for {', '.join(names)}", remedy="report this"
        )
    kept.parent.mkdir(parents=True, exist_ok=True)
    scratch = kept.with_suffix(f".{os.getpid()}.tmp")
    scratch.write_text(sql)
    scratch.replace(kept)
    return sql


def _folder(settings: Settings) -> Path:
    return settings.home / "cache" / "metric-sql"


def _key(manifest: str, names: tuple[str, ...], grain: str | None, filters: tuple[str, ...]) -> str:
    return hashlib.sha256(
        json.dumps([manifest, names, grain, filters, str(_FROM), str(_UNTIL), _MARK]).encode()
    ).hexdigest()[:24]


@lru_cache(maxsize=4)
def _digest(path: Path, changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
