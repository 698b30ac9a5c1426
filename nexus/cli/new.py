"""`nexus new source|relation|mart|model|page|domain NAME`: a working piece to begin with.

Belongs here: arguments, and what to do next. Does not belong here: templates and rendering (nexus/scaffold).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nexus.scaffold import Piece

Name = Annotated[str, typer.Argument(help="lower-case words joined by '_' (docs/naming.md)", show_default=False)]
Title = Annotated[str | None, typer.Option(help="as people read it; default: the name")]

new = typer.Typer(no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(
        new,
        name="new",
        help="Begin a source, a relation, a model, a page or a domain of the API: its tests pass at once.",
    )


@new.command()
def source(
    name: Name,
    entity: Annotated[str, typer.Option(help="its first table: raw_<source>__<entity>")] = "record",
    title: Title = None,
) -> None:
    """A source: contract, extraction, fixtures, README, staging model, dbt declaration, test."""
    from nexus.errors import ConflictError
    from nexus.scaffold import Piece

    # the kernel imports no layer: commands of the kernel that need one look it up
    sources = import_module("orchestration.sources")
    piece = Piece("source", name, title, {"entity": entity})
    if piece.values["name"] in sources.discover():
        raise ConflictError(
            f"a source {name!r} is there already: orchestration/sources/{name}",
            remedy="choose another name, or add a table to its contract (docs/adding-a-source.md)",
        )
    written = _write(piece)
    sources.discover.cache_clear()
    declared = import_module("warehouse.dbt_sources").write([sources.get(name)])
    _tell(
        [*written, *declared],
        f"pytest tests/orchestration/sources/test_{name}.py",
        f"nexus ingest {name} orchestration/sources/{name}/fixtures --workspace try",
        f"describe your provider's documents in orchestration/sources/{name}/contract.py, then `nexus declare`",
    )


@new.command()
def relation(
    source: Annotated[str, typer.Argument(help="a source that is there", show_default=False)],
    entity: Annotated[str, typer.Argument(help="a table of its contract", show_default=False)],
) -> None:
    """The staging view of a table that was added to a source's contract: SQL and its sibling YAML."""
    from nexus.errors import NotFoundError
    from nexus.scaffold import accept_relation

    found = import_module("orchestration.sources").get(source)
    if entity not in {table.name for table in found.tables}:
        raise NotFoundError(
            f"the contract of {source!r} has no table {entity!r}: it has {', '.join(t.name for t in found.tables)}",
            remedy=f"add the table in orchestration/sources/{source}/contract.py first (docs/adding-a-source.md)",
        )
    table = found.table(entity)
    written = import_module("warehouse.dbt_staging").write(table)
    declared = import_module("warehouse.dbt_sources").write([found])
    _tell(
        [*written, *declared, *accept_relation(source, entity, [t.name for t in found.tables])],
        "pytest tests/transforms/test_declarations.py tests/architecture",
        "nexus build",
        f"rename and cast in transforms/dbt/models/staging/{source}/stg_{source}__{entity}.sql, no more",
    )


@new.command()
def mart(
    name: Name,
    domain: Annotated[str, typer.Option(help="folder of transforms/dbt/models/marts that it belongs to")],
    of: Annotated[str, typer.Option("--of", help="the relation that it reads: stg_…, int_…")],
    title: Title = None,
) -> None:
    """A mart, fct_<name>: SQL, and YAML with contract, key test and unit test."""
    from nexus.scaffold import Piece, mart_options

    written = _write(Piece("mart", name, title, mart_options(domain, of)))
    _tell(
        written,
        "pytest tests/architecture tests/orchestration/test_graph.py",
        "nexus build",
        f"write its grain and columns in transforms/dbt/models/marts/{domain}/fct_{name}.sql, and say the grain in the "
        "description of its .yml",
    )


@new.command()
def model(
    name: Name,
    service: Annotated[str, typer.Option(help="the feature service that it reads (features/catalog.py)")] = "churn_v1",
    title: Title = None,
) -> None:
    """A machine-learning model: values, training, judging, scoring, model card, test."""
    from nexus.scaffold import Piece

    import_module("features.catalog").service(service)
    written = _write(Piece("model", name, title, {"service": service}))
    _tell(
        written,
        f"pytest tests/ml/test_{name}.py",
        f"nexus train {name} --card",
        f"name your own label and features in ml/models/{name}/spec.py, and say in card.md what it is for",
    )


@new.command()
def page(name: Name, title: Title = None) -> None:
    """A Streamlit page: what it draws, what it reads, test."""
    from nexus.scaffold import Piece

    written = _write(Piece("page", name, title))
    _tell(
        written,
        f"pytest tests/apps/test_{name}.py",
        f"open /{name} in Streamlit: the menu finds it",
        f"write the question it answers in apps/streamlit/app_pages/{name}.py, and its SQL in reads/{name}.py",
    )


@new.command()
def domain(
    name: Name,
    entity: Annotated[str, typer.Option(help="its first entity: table <domain>_<entity>, ids <entity>_…")] = "record",
    title: Title = None,
) -> None:
    """A domain of the API: endpoints, service, repository, table with policy, events, permissions, migration, test."""
    from nexus.scaffold import Piece

    written = _write(Piece("domain", name, title, {"entity": entity}))
    _tell(
        written,
        f"pytest tests/api/test_{name}.py",
        "nexus migrate",
        f"write your own columns in api/{name}/models.py and its migration, then rules in service.py "
        "(docs/adding-a-domain.md)",
    )


def _write(piece: Piece) -> list[object]:
    from nexus.scaffold import accept, make

    return [*make(piece), *accept(piece)]


def _tell(files: list[object], *steps: str) -> None:
    from pathlib import Path

    from nexus.settings import PROJECT

    for file in files:
        path = Path(str(file))
        typer.echo(f"  {path.relative_to(PROJECT) if path.is_absolute() else path}")
    typer.echo("next:")
    for step in steps:
        typer.echo(f"  {step}")
