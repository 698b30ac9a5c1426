"""A small demo company, landed and built on both engines: what the tests of transforms look at.

Belongs here: making it, and asking it. Does not belong here: what is expected of it (the tests).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl
import psycopg

from nexus import postgres
from nexus.demo import Options, generate
from nexus.settings import PROJECT, Settings
from orchestration.sources import choose, discover
from warehouse import dbt
from warehouse.engines.duckdb.connect import build_path
from warehouse.land import land
from warehouse.load import load_pending

ENGINES = ("duckdb", "postgres")
WORKSPACE = "demo"
#: What the demo company does not have, from the sources' own examples: workspace, source, file below its fixtures.
EXAMPLES = (
    ("examples", "cloudtrail", "."),
    ("examples", "http_access", "."),
    ("examples", "tabular", "card_transactions.csv"),
    ("undated", "tabular", "telco_customers.csv"),
    ("identities", "auth0", "."),
    ("identities", "okta", "."),
    ("identities", "nexus", "events.jsonl"),
)


@dataclass(frozen=True, slots=True)
class Built:
    """A home whose warehouse is built on both engines, and the folder of the company that went in."""

    settings: Settings
    company: Path

    def truth(self, name: str) -> pl.DataFrame:
        path = self.company / "truth" / name
        return pl.read_csv(path, try_parse_dates=True) if path.suffix == ".csv" else pl.read_parquet(path)

    def query(self, engine: str, text: str) -> pl.DataFrame:
        """Rows of a query that both engines understand, read the same way from both."""
        return query(self.settings, engine, text)


def query(settings: Settings, engine: str, text: str) -> pl.DataFrame:
    if engine == "duckdb":
        with duckdb.connect(str(build_path(settings)), read_only=True) as duck:
            return duck.execute(text).pl()
    with psycopg.connect(postgres.dsn(settings, "warehouse")) as pg:
        cursor = pg.execute(text)
        names = [column.name for column in cursor.description or ()]
        return pl.DataFrame(cursor.fetchall(), schema=names, orient="row", infer_schema_length=None)


def land_export(settings: Settings, company: Path, sources: Iterable[str], only: str = "*") -> None:
    """Lands the files of `sources` whose names match `only`."""
    for name in sources:
        paths = sorted(p for p in (company / "export" / name).rglob(only) if p.is_file())
        if paths:
            land(discover()[name], paths, WORKSPACE, settings)


def land_examples(settings: Settings) -> None:
    for workspace, name, file in EXAMPLES:
        given = [PROJECT / "orchestration" / "sources" / name / "fixtures" / file]
        source, mapping = choose(name, given)
        land(source, given, workspace, settings, mapping=mapping)


def load(settings: Settings, engine: str) -> None:
    load_pending(engine, settings, [table for source in discover().values() for table in source.tables])


def build(settings: Settings, engine: str, command: str = "run", select: tuple[str, ...] = ()) -> list[dbt.Node]:
    """Runs dbt and insists that every node is good."""
    nodes = dbt.run(command, settings, engine=engine, select=select)
    bad = [f"{n.name}: {n.status} {n.message}" for n in nodes if n.is_bad]
    assert not bad, "\n".join(bad)
    return nodes


def make(settings: Settings, company: Path) -> Built:
    # the tests of the pages may have made the same company in this home already
    if not (company / "truth").exists():
        generate(Options(customers=60, months=8, seed=11), company)
    land_export(settings, company, ("stripe", "paypal", "s3", "email_events", "okta"))
    land_examples(settings)
    for engine in ENGINES:
        load(settings, engine)
        build(settings, engine, "build")
    return Built(settings, company)
