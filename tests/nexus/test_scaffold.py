"""`nexus new`: what it makes works at once, unchanged; what is taken or badly named is refused; nothing is overwritten."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nexus.errors import ConflictError, InputError
from nexus.scaffold import KINDS, Piece, make, snapshots
from nexus.scaffold.render import remove
from nexus.settings import PROJECT

pytestmark = pytest.mark.integration


def listed() -> list[str]:
    """Every file of the project that is not ignored."""
    found = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    return [name for name in found if (PROJECT / name).is_file()]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the project as it is now, in a repository of its own, where one of each kind was begun."""
    root = tmp_path_factory.mktemp("tree")
    root.chmod(0o755)
    for name in listed():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(PROJECT / name, root / name)
    for command in (
        ["new", "source", "help_desk", "--entity", "ticket"],
        ["new", "mart", "stored_objects", "--domain", "files", "--of", "stg_s3__inventory"],
        ["new", "model", "vip"],
        ["new", "page", "cash"],
        ["new", "domain", "notes", "--entity", "note"],
        ["new", "domain", "orders2", "--entity", "line_item"],
    ):
        said = run(root, "-m", "nexus", *command)
        assert "next:" in said
    widen(root)
    assert "next:" in run(root, "-m", "nexus", "new", "relation", "help_desk", "reply")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    subprocess.run(["git", "add", "-A"], cwd=root, check=True)
    yield root
    shutil.rmtree(root)


def widen(root: Path) -> None:
    """Adds a table to the contract of the source that was begun, as a person would."""
    contract = root / "orchestration" / "sources" / "help_desk" / "contract.py"
    text = contract.read_text()
    table = text[text.index("TICKET = Table(") : text.index("SOURCE = ")]
    table = table.replace("extract.TICKET", '"select _line, _text, doc from documents where false"')
    text = text.replace("SOURCE = ", table.replace("TICKET =", "REPLY =").replace('"ticket"', '"reply"') + "SOURCE = ")
    contract.write_text(text.replace("tables=(TICKET,)", "tables=(TICKET, REPLY)"))


def run(root: Path, *arguments: str, code: int = 0) -> str:
    """Runs Python in `root`, on the code that lies there; its output."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=root, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert done.returncode == code, done.stdout
    return done.stdout


def pytest_in(root: Path, *arguments: str) -> str:
    return run(root, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments)


@pytest.mark.long
def test_a_source_and_a_page_pass_their_tests_at_once(tree: Path) -> None:
    mine = "help_desk or cash or test_imports or test_names or test_text or test_raw_relations or test_pages_and"
    said = pytest_in(
        tree, "tests/architecture", "tests/orchestration/sources/test_registry.py",
        "tests/orchestration/sources/test_help_desk.py", "tests/transforms/test_declarations.py",
        "tests/apps/test_cash.py", "tests/apps/test_pages.py", "-k", mine, "-m", "not slow",
    )  # fmt: skip
    assert "passed" in said
    assert "failed" not in said


def test_a_domain_passes_its_tests_at_once_and_needs_no_change_elsewhere(tree: Path) -> None:
    said = pytest_in(
        tree, "tests/api/test_notes.py", "tests/architecture", "tests/nexus/db/test_migrations.py",
        "tests/api/test_edge.py::test_routes", "-m", "not slow",
    )  # fmt: skip
    assert "passed" in said
    assert "failed" not in said
    changed = [name for name in listed() if (tree / name).read_bytes() != (PROJECT / name).read_bytes()]
    assert {Path(name) for name in changed} == {snapshots.ROUTES, snapshots.GRAPH, snapshots.RELATIONS, snapshots.PAGES}


def test_of_what_is_there_a_domain_changes_the_list_of_routes_alone(tree: Path) -> None:
    def differing() -> set[str]:
        """Files that are not as they are in the index, or not in it."""
        asked = ["git", "ls-files", "--modified", "--others", "--exclude-standard"]
        return set(subprocess.run(asked, cwd=tree, capture_output=True, text=True, check=True).stdout.splitlines())

    before = differing()
    run(tree, "-m", "nexus", "new", "domain", "later")
    made = {name for name in differing() - before if name.startswith("api/later/") or name == "tests/api/test_later.py"}
    try:
        assert len(made) > 5
        assert differing() - before - made == {snapshots.ROUTES.as_posix()}
    finally:
        remove([Path(name) for name in made], tree)
        subprocess.run(["git", "checkout", "-q", "--", str(snapshots.ROUTES)], cwd=tree, check=True)


@pytest.mark.long
def test_another_tenant_gets_at_nothing_of_a_new_domain(tree: Path) -> None:
    """Its ids are tried by themselves, whatever their entity is called."""
    said = pytest_in(
        tree, "tests/api/test_orders2.py", "tests/api/test_every_route.py",
        "-k", "orders2 or one_of_everything or says_its_kind", "-m", "not slow",
    )  # fmt: skip
    assert re.search(r"\b2\d passed", said), said
    assert "failed" not in said
    # a kind that is not seen is not tried either, and nothing above would say so
    asked = run(tree, "-c", """
from tests.api.test_every_route import OPERATIONS, kinds
print(sorted({kind for _, path, operation in OPERATIONS if "orders2" in path for kind in kinds(operation)}))
""")  # fmt: skip
    assert asked.strip() == "['line_item']"


@pytest.mark.parametrize(
    "name", ["x", "a_name_of_twenty_letter", "the_longest_name_that_the_grammar_allows_"[:40].strip("_")]
)
def test_what_is_made_keeps_the_style(tree: Path, name: str) -> None:
    """Whatever the length of a name."""
    for kind in KINDS:
        written = make(
            Piece(
                kind,
                name,
                options={"service": "churn_v1", "entity": name, "domain": "files", "of": "stg_x__y", "group": "files"},
            ),
            tree,
        )
        try:
            files = [str(path) for path in written if path.suffix == ".py"]
            run(tree, "-m", "ruff", "format", "--check", *files)
            run(tree, "-m", "ruff", "check", *files)
        finally:
            remove(written, tree)


@pytest.mark.long
def test_a_model_passes_its_tests_at_once(tree: Path) -> None:
    assert "failed" not in pytest_in(tree, "tests/ml/test_vip.py")


@pytest.mark.long
def test_a_mart_and_a_staging_view_pass_their_tests_at_once(tree: Path, tmp_path: Path) -> None:
    said = run(tree, "-c", f"""
from pathlib import Path
from nexus.settings import Settings
from orchestration.sources import discover
from warehouse import dbt
from warehouse.load import load_pending
settings = Settings(home=Path({str(tmp_path)!r}))
load_pending("duckdb", settings, [t for s in discover().values() for t in s.tables])
select = ["+fct_stored_objects", "+stg_help_desk__reply"]
for node in dbt.run("build", settings, engine="duckdb", select=select):
    print(node.name, node.status)
""")  # fmt: skip
    for name in (
        "fct_stored_objects success",
        "fct_stored_objects_counts_by_workspace pass",
        "stg_help_desk__reply success",
    ):
        assert name in said


@pytest.mark.slow
def test_the_asset_graph_is_the_one_that_the_snapshot_says(tree: Path) -> None:
    assert "failed" not in pytest_in(tree, "tests/orchestration/test_graph.py::test_snapshot")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["source", "help_desk"], "is there already"),
        (["source", "stripe"], "is there already"),
        (["page", "overview"], "is there already"),
        (["mart", "payment", "--domain", "billing", "--of", "stg_stripe__charge"], "is there already"),
        (["relation", "stripe", "charge"], "is there already"),
        (["model", "churn"], "is there already"),
    ],
)
def test_a_taken_name_is_refused_and_nothing_is_written(tree: Path, arguments: list[str], message: str) -> None:
    before = state(tree)
    said = run(tree, "-m", "nexus", "new", *arguments, code=5)
    assert message in said
    assert "Traceback" not in said
    assert state(tree) == before


def state(root: Path) -> str:
    return subprocess.run(["git", "status", "--porcelain"], cwd=root, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["Stripe", "2fast", "a-b", "a__b", "_a", "a_", "class", "../x", "", "a" * 41])
def test_a_name_outside_the_grammar_is_refused(tmp_path: Path, kind: str, name: str) -> None:
    with pytest.raises(InputError, match=rf"cannot name a {kind}") as caught:
        make(Piece(kind, name, options={"service": "x"}), tmp_path)
    assert "docs/naming.md" in (caught.value.remedy or "")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["mart", "x", "--domain", "nowhere", "--of", "stg_stripe__charge"], 3, "there are access, billing, customers"),
        (["mart", "x", "--domain", "billing", "--of", "stg_stripe__nothing"], 3, "there is no relation"),
        (["mart", "x", "--domain", "billing", "--of", "raw_stripe__charge"], 2, "reads one layer down"),
        (["relation", "stripe", "nothing"], 3, "it has customer, product, price"),
        (["relation", "nowhere", "x"], 3, "known sources"),
    ],
)
def test_what_a_relation_stands_on_must_be_there(arguments: list[str], code: int, message: str) -> None:
    assert message in run(PROJECT, "-m", "nexus", "new", *arguments, code=code)


def test_an_unknown_service_is_told_the_known_ones(tmp_path: Path) -> None:
    said = run(PROJECT, "-m", "nexus", "new", "model", "x", "--service", "nope", code=3)
    assert "churn_v1" in said


def test_one_taken_file_is_enough_to_write_none(tmp_path: Path) -> None:
    there = tmp_path / "apps" / "streamlit" / "reads" / "cash.py"
    there.parent.mkdir(parents=True)
    there.write_text("mine\n")
    with pytest.raises(ConflictError, match=r"reads/cash\.py"):
        make(Piece("page", "cash"), tmp_path)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [there]
    assert there.read_text() == "mine\n"


def test_a_failure_half_way_takes_everything_back(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "apps").write_text("not a folder\n")
    with pytest.raises(OSError):
        make(Piece("page", "cash"), tmp_path)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [tmp_path / "tests" / "apps"]
