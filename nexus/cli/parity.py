"""`nexus parity`: the warehouse built on DuckDB and on PostgreSQL from the same lake, and held equal row by row.

Belongs here: the command. Does not belong here: comparing (warehouse.parity). The kernel imports no layer: commands of
the kernel that need one look it up. Where nothing has landed, a small demo company is made in a home of its own.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from nexus.settings import Settings

ENGINES = ("duckdb", "postgres")
#: Size of the company that is made where nothing has landed: all kinds of facts, and built within a minute.
CUSTOMERS, MONTHS = 60, 8


def register(app: typer.Typer) -> None:
    @app.command()
    def parity(
        build: Annotated[bool, typer.Option(help="Load and build both first; else compare what is built.")] = True,
        show: Annotated[int, typer.Option(help="Rows shown of each side that differ.")] = 3,
    ) -> None:
        """Build every mart on both engines and compare them row by row. Exit code 1 if anything differs."""
        from nexus.progress import console, table
        from nexus.settings import get_settings

        with _home(get_settings()) as settings, import_module("warehouse.publish").build_lock(settings):
            if build:
                _build(settings)
            results = import_module("warehouse.parity").compare_builds(settings, show=show)
        screen = console(stderr=False)
        rows = [("[green]=[/]" if r.is_equal else "[red]≠[/]", r.relation, r.row_count, r.note) for r in results]
        screen.print(table("DuckDB and PostgreSQL", ("", "relation", "rows", "difference"), rows))
        for result in results:
            for engine, row in result.difference.rows if result.difference else ():
                screen.print(f"{result.relation} on {engine} only: {row}", soft_wrap=True, markup=False)
        if not results or any(not r.is_equal for r in results):
            raise typer.Exit(1)


@contextmanager
def _home(settings: Settings) -> Iterator[Settings]:
    """The home to compare: this one, or, where nothing has landed in it, one for the time being with a small company."""
    if (settings.lake / "raw").exists():
        yield settings
        return
    from nexus import postgres
    from nexus.settings import Settings as Fresh

    folder = Path(tempfile.mkdtemp(prefix="nexus-parity-"))
    # PostgreSQL may run under an account of its own and must reach its data
    folder.chmod(0o755)
    fresh = Fresh(home=folder)
    server = postgres.describe(fresh)
    try:
        _land_company(fresh)
        yield fresh
    finally:
        postgres.release(fresh)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(server.data, ignore_errors=True)


def _land_company(settings: Settings) -> None:
    from nexus.demo import Options, generate
    from nexus.progress import console

    console().print("nothing has landed yet: comparing a small demo company", style="dim")
    report = generate(Options(customers=CUSTOMERS, months=MONTHS), settings.home / "demo" / "parity")
    for name, source in import_module("orchestration.sources").discover().items():
        export = report.folder / "export" / name
        if export.exists():
            import_module("warehouse.land").land(source, [export], "demo", settings)


def _build(settings: Settings) -> None:
    from nexus.progress import progress

    tables = [t for s in import_module("orchestration.sources").discover().values() for t in s.tables]
    with progress() as display:
        for engine in ENGINES:
            task = display.add_task(f"{engine}: loading", total=None, note="")
            import_module("warehouse.load").load_pending(engine, settings, tables)
            display.update(task, description=f"{engine}: building")

            def tell(step: Any, task: Any = task) -> None:
                display.update(task, completed=step.done, total=step.total, note=step.name)

            nodes = import_module("warehouse.dbt").run("run", settings, engine=engine, on_node=tell)
            import_module("warehouse.parity").refuse_failures(engine, nodes)
            display.update(task, note="")
