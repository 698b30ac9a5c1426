"""`nexus parity`: the warehouse built on DuckDB and on PostgreSQL from the same lake, and held equal row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nexus.settings import Settings

ENGINES = ("duckdb", "postgres")


def register(app: typer.Typer) -> None:
    @app.command()
    def parity(
        build: Annotated[bool, typer.Option(help="Load and build both first; else compare what is built.")] = True,
        show: Annotated[int, typer.Option(help="Rows shown of each side that differ.")] = 3,
    ) -> None:
        """Build every mart on both engines and compare them row by row. Exit code 1 if anything differs."""
        from importlib import import_module

        from nexus.progress import console, table
        from nexus.settings import get_settings

        # the kernel imports no layer: commands of the kernel that need one look it up
        checks = import_module("warehouse.parity")
        settings = get_settings()
        screen = console(stderr=False)
        with import_module("warehouse.publish").build_lock(settings):
            if build:
                _build(settings)
            results = checks.compare_builds(settings, show=show)
        rows = [("[green]=[/]" if r.is_equal else "[red]≠[/]", r.relation, r.row_count, r.note) for r in results]
        screen.print(table("DuckDB and PostgreSQL", ("", "relation", "rows", "difference"), rows))
        for result in results:
            for engine, row in result.difference.rows if result.difference else ():
                screen.print(f"[bold]{result.relation}[/] only on {engine}: {row}", soft_wrap=True, markup=True)
        if not results or any(not r.is_equal for r in results):
            raise typer.Exit(1)


def _build(settings: Settings) -> None:
    from importlib import import_module

    from nexus.progress import progress

    tables = [t for s in import_module("orchestration.sources").discover().values() for t in s.tables]
    with progress() as display:
        for engine in ENGINES:
            task = display.add_task(f"{engine}: loading", total=None, note="")
            import_module("warehouse.load").load_pending(engine, settings, tables)
            display.update(task, description=f"{engine}: building")

            def tell(step: object, task: object = task) -> None:
                display.update(task, completed=step.done, total=step.total, note=step.name)  # type: ignore[attr-defined,arg-type]

            nodes = import_module("warehouse.dbt").run("run", settings, engine=engine, on_node=tell)
            import_module("warehouse.parity").refuse_failures(engine, nodes)
            display.update(task, note="")
