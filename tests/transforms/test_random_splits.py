"""Whatever comes in whatever order: after every build the marts equal those of a full refresh over the same rows."""

from __future__ import annotations

import random
import shutil
from collections.abc import Collection
from pathlib import Path

import duckdb
import pytest

from nexus.demo import Options, generate
from nexus.settings import Settings
from orchestration.lib import dbt_assets
from orchestration.sources import discover
from tests.transforms.shared import WORKSPACE, load
from warehouse import dbt
from warehouse.engines.duckdb.connect import build_path
from warehouse.land import land
from warehouse.publish import build_lock, publish

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

SOURCES = ("stripe", "paypal", "s3", "email_events", "okta")
BUILT = "config.schema:staging config.schema:intermediate config.schema:marts config.schema:features"


@pytest.mark.parametrize("seed", [1, 2])
def test_every_build_equals_a_full_refresh(settings: Settings, tmp_path: Path, seed: int) -> None:
    company, other = tmp_path / "company", settings.model_copy(update={"home": tmp_path / "other"})
    generate(Options(customers=25, months=3, seed=11), company)
    for number, files in enumerate(_shares(company, seed)):
        for source in SOURCES:
            paths = [path for path in files if path.is_relative_to(company / "export" / source)]
            if paths:
                land(discover()[source], paths, WORKSPACE, settings)
        load(settings, "duckdb")
        skipped = _build(settings)
        if number == 0:
            assert not skipped
        build_path(other).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(build_path(settings), build_path(other))
        nodes = dbt.run("run", other, select=BUILT.split(), arguments=["--full-refresh"])
        assert not [f"{n.name}: {n.message}" for n in nodes if n.is_bad]
        assert _differences(settings, build_path(other)) == [], f"after share {number} of seed {seed}"
        with build_lock(settings):
            published = publish(settings)
        assert _differences(settings, published.path) == [], f"version of share {number} of seed {seed}"


def _shares(company: Path, seed: int) -> list[list[Path]]:
    """Every export file in one of four shares, in any order; the last has files of one source alone."""
    files = sorted(path for path in (company / "export").rglob("*") if path.is_file())
    chance = random.Random(seed)
    chance.shuffle(files)
    source = chance.choice(SOURCES)
    last = [path for path in files if path.is_relative_to(company / "export" / source)][:2]
    rest = [path for path in files if path not in last]
    third = len(rest) // 3
    return [rest[:third], rest[third : 2 * third], rest[2 * third :], last]


def _build(settings: Settings) -> set[str]:
    """As a step of the graph builds; relations that it left as they were."""
    manifest = dbt_assets.manifest(settings)
    own = frozenset(n for n in dbt_assets.names(manifest, BUILT) if not n.startswith("raw_"))
    step = dbt_assets.Step(settings, manifest, "all", own, frozenset())
    nodes = step.run(lambda some, _: _run(settings, own if some is None else some))
    assert not [f"{n.name}: {n.message}" for n in nodes if n.is_bad]
    step.remember()
    return set(own - step.chosen)


def _run(settings: Settings, relations: Collection[str]) -> list[dbt.Node]:
    return dbt.run("run", settings, select=sorted(relations)) if relations else []


def _differences(settings: Settings, other: Path) -> list[str]:
    """Relations whose rows in the build are not those in the file `other`."""
    found = []
    with duckdb.connect() as engine:
        engine.execute(f"attach '{build_path(settings)}' as nexus (read_only)")
        engine.execute(f"attach '{other}' as fresh (read_only)")
        relations = engine.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = 'fresh'"
            " and schema_name in ('marts', 'features') order by 1, 2"
        ).fetchall()
        assert len(relations) > 20
        for schema, name in relations:
            ours, theirs = f"nexus.{schema}.{name}", f"fresh.{schema}.{name}"
            names = [row[0] for row in engine.execute(f"describe {theirs}").fetchall() if row[0] != "created_timestamp"]
            listed = ", ".join(f'"{column}"' for column in names)
            counts = engine.execute(
                f"select (select count(*) from (select {listed} from {ours} except all select {listed} from {theirs})),"
                f" (select count(*) from (select {listed} from {theirs} except all select {listed} from {ours}))"
            ).fetchone()
            if counts != (0, 0):
                found.append(f"{schema}.{name}: {counts}")
    return found
