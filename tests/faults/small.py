"""The path of a build without Dagster and with a tenth of the models: load, dbt, a gate, publish, by the real parts.

Belongs here: their order, which is that of the job `build`. Does not belong here: killing it. A whole `nexus build` takes
minutes on a busy machine; its sweeps are in test_whole_build.py.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from nexus.settings import Settings, get_settings
from orchestration.lib.progress import tell
from orchestration.sources import discover
from warehouse import dbt
from warehouse.load import load_pending
from warehouse.publish import Gate, build_lock, publish
from warehouse.quality import record
from warehouse.quality.reads import published_counts, reading, row_counts
from warehouse.quality.volume import check_volume

#: Three incremental models, and tables, of four sources.
SELECT = ("+int_access__login", "+int_files__event", "+int_email__event", "+fct_balance_transaction", "+dim_plan")
COUNTED = {
    "int_access__login": "intermediate",
    "int_files__event": "intermediate",
    "int_email__event": "intermediate",
    "fct_balance_transaction": "marts",
    "dim_plan": "marts",
}
_parsed: list[Any] = []


def warm() -> None:
    """Parses the project once, for the builds of every home."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder))
        dbt._environment(settings, "duckdb")
        _parsed.append(dbt._parsed(settings, "duckdb"))


def register(app: typer.Typer) -> None:
    """Both as commands beside those of `nexus`, so that their errors are told as any command's are."""
    app.command("small-build")(build)
    app.command("small-publish")(republish)


def build(everything: Annotated[bool, typer.Option("--all")] = False) -> None:
    """Loads what is pending, builds, judges, publishes; refuses to publish if a node or the gate failed."""
    settings = get_settings()
    dbt._manifests[settings.home.resolve(), "duckdb", dbt.fingerprint()] = _parsed[0]
    _build(settings, () if everything else SELECT)


def republish() -> None:
    """Publishes what is built, judged before."""
    settings = get_settings()
    with build_lock(settings):
        publish(settings)


def _build(settings: Settings, select: Sequence[str]) -> None:
    with build_lock(settings) as lock:
        load_pending("duckdb", settings, [t for source in discover().values() for t in source.tables])
        lock.check()
        record.invalidate(settings, COUNTED)
        nodes = dbt.run(
            "run", settings, engine="duckdb", select=select, on_node=lambda s: tell(s.name, s.done, s.total)
        )
        bad = [f"{n.name}: {n.message}" for n in nodes if n.is_bad]
        if bad:
            raise dbt.DbtError("; ".join(bad))
        with reading(settings) as reads:
            results = check_volume(row_counts(reads, COUNTED), published_counts(settings, COUNTED))
        record.record(settings, results)
        lock.check()
        publish(settings, audit=lambda _: [Gate(r.relation, r.passed, r.sentence()) for r in results])
