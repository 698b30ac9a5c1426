"""A data folder that the newest release made is opened by today's code: nothing is lost, nothing lands twice.

The release's own code makes the folder, from the commit that docs/releases.md records.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from nexus.settings import PROJECT, Settings
from orchestration.exports import Export, remember
from orchestration.sources import get
from tests import homes
from tests.orchestration import shared
from tests.orchestration.shared import UNCOMPARED
from warehouse import ledger, marts, quarantine
from warehouse.land import land
from warehouse.load import load_pending
from warehouse.versions import list_versions

pytestmark = pytest.mark.integration
RELEASES = PROJECT / "docs" / "releases.md"
SOURCES = ("okta", "stripe")


def newest_release() -> tuple[str, str]:
    """Version and commit of the last line of the table."""
    found = re.findall(r"^\| (\d+\.\d+\.\d+) \| `([0-9a-f]{7,40})` \|", RELEASES.read_text(), re.M)
    assert found, f"{RELEASES} records no release"
    return str(found[-1][0]), str(found[-1][1])


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of the newest release."""
    version, commit = newest_release()
    if subprocess.run(["git", "cat-file", "-e", f"{commit}^{{commit}}"], cwd=PROJECT, capture_output=True).returncode:
        shallow = subprocess.run(
            ["git", "rev-parse", "--is-shallow-repository"], cwd=PROJECT, capture_output=True, text=True
        ).stdout.strip()
        # `false` is a whole history: then the record is wrong
        assert shallow != "false", f"{RELEASES} records {commit} as release {version}, and there is no such commit"
        pytest.skip(f"this clone does not hold the commit of release {version}: git fetch --unshallow")
    root = tmp_path_factory.mktemp("release")
    with subprocess.Popen(["git", "archive", commit], cwd=PROJECT, stdout=subprocess.PIPE) as packed:
        assert packed.stdout is not None
        with tarfile.open(fileobj=packed.stdout, mode="r|") as tar:
            tar.extractall(root, filter="data")
    assert packed.returncode == 0
    return root


@pytest.fixture
def home() -> Iterator[Settings]:
    settings = shared.home(Path("none"))
    (settings.home / "exports.json").unlink()
    yield settings
    homes.discard(settings)


def run(root: Path, settings: Settings, *arguments: str) -> str:
    """Python in `root`, on the code that lies there."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=root, env={**os.environ, "NEXUS_HOME": str(settings.home)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


PUBLISH = """
from nexus.settings import get_settings
from tests.warehouse.test_publish import published
print(published(get_settings(), 7).version)
"""


def test_the_release_is_the_code_that_runs(old: Path, home: Settings) -> None:
    said = run(old, home, "-c", "import nexus, warehouse; print(nexus.__file__, warehouse.__file__)")
    assert said.split() == [str(old / layer / "__init__.py") for layer in ("nexus", "warehouse")]


@pytest.mark.long
def test_its_folder_is_opened(old: Path, home: Settings) -> None:
    exports = {name: old / "orchestration" / "sources" / name / "fixtures" for name in SOURCES}
    for name, folder in exports.items():
        run(old, home, "-m", "nexus", "ingest", name, str(folder), "--workspace", "demo")
    assert run(old, home, "-c", PUBLISH).split()[-1] == "1"
    with ledger.connect(home) as connection:
        known = {row["name"] for row in connection.execute("select name from warehouse_migration")}
        before = ledger.parts(connection, home)
    assert known == set(ledger.migrations()), "migrations of the ledger have run"
    assert {part.source for part in before} == set(SOURCES)
    for name, folder in exports.items():
        report = land(get(name), [folder], "demo", home)
        assert report.total.read > 0
        assert report.total.landed == 0, "what had landed lands no second time"
        turned_away = len(quarantine.read(home, workspace="demo", source=name))
        assert report.total.quarantined == report.still_quarantined == turned_away, "and is quarantined no second time"
    with ledger.connect(home) as connection:
        assert ledger.parts(connection, home) == before
    tables = [table for name in SOURCES for table in get(name).tables]
    loaded = load_pending("duckdb", home, tables)
    assert loaded.rows.keys() == {f"raw_{p.source}__{p.table}" for p in before}
    assert loaded.rows.keys() <= {table.relation for table in tables}
    assert marts.query("select max(n) as n from marts.fct_number", settings=home).item() == 7
    assert [v.version for v in list_versions(home, readable=True)] == [1]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_build_goes_on_from_it(old: Path, home: Settings, tmp_path: Path) -> None:
    """Marts that the release built, and what today's code makes of the same folder."""
    company = shared.company(tmp_path / "company")
    for source in shared.SOURCES:
        remember(home, Export(shared.WORKSPACE, source, str(company / "export" / source)))
    run(old, home, "-m", "nexus", "build", "--no-train")
    before, version = shared.marts(home), next(v for v in list_versions(home) if v.is_current)
    with ledger.connect(home) as connection:
        batches = connection.execute("select count(*) as n from batch where status = 'landed'").fetchone()
    code, output = shared.finish(home, "--no-train")
    assert code == 0, output
    with ledger.connect(home) as connection:
        after = connection.execute("select count(*) as n from batch where status = 'landed'").fetchone()
    assert after == batches, "nothing has landed a second time"
    newest = next(v for v in list_versions(home) if v.is_current)
    assert newest.version > version.version
    changed = [name for name in before if _rows_that_differ(version.path, newest.path, name)]
    assert not changed, f"marts that an upgrade changes: {changed}"
    assert version.version in {v.version for v in list_versions(home, readable=True)}
    old_rows = marts.query("select count(*) from marts.fct_payment", as_of=version.version, settings=home).item()
    assert old_rows == before["marts.fct_payment"][0]


def _rows_that_differ(old: Path, new: Path, relation: str) -> int:
    """In the columns that the release had: what is added beside them changes nothing for whoever reads these."""
    with duckdb.connect() as engine:
        engine.execute(f"attach '{old}' as old (read_only); attach '{new}' as new (read_only)")
        names = [row[0] for row in engine.execute(f"describe old.{relation}").fetchall()]
        listed = ", ".join(f'"{name}"' for name in names if name not in UNCOMPARED and name[0] != "_")
        both = [f"select {listed} from {which}.{relation}" for which in ("old", "new")]
        row = engine.execute(
            f"select count(*) from (({both[0]} except all {both[1]}) union all ({both[1]} except all {both[0]}))"
        ).fetchone()
    assert row is not None
    return int(row[0])
