"""Which mapping a file is to be read with: the one that was named, or the one that knows its columns.

Belongs here: recognising. Does not belong here: what a mapping says (mapping.py), its SQL (extract.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import orjson

from nexus.contracts import Source
from nexus.errors import InputError
from orchestration.sources.tabular.contract import SOURCE
from orchestration.sources.tabular.extract import source_for
from orchestration.sources.tabular.mapping import known, load
from warehouse.land.files import InputFile, discover
from warehouse.land.read import read

_ENOUGH = 100


def choose(paths: Sequence[Path], mapping: str | None) -> tuple[Source, str]:
    """The source for `paths`, and the mapping's name ('' for files that are canonical already).

    Raises InputError when no known mapping fits, or more than one, or not the same for all files.
    """
    if mapping is not None:
        chosen = load(mapping)
        return _bound(source_for(chosen), mapping), chosen.name
    files, _ = discover(SOURCE, paths)
    found = {file.name: recognise(file) for file in files}
    names = set(found.values())
    if len(names) > 1:
        which = "; ".join(f"{file}: {name or 'canonical facts'}" for file, name in found.items())
        raise InputError(f"these files are not of one kind ({which})", remedy="ingest each kind by itself")
    name = names.pop()
    return (source_for(load(name)), name) if name else (SOURCE, "")


def _bound(source: Source, mapping: str) -> Source:
    """The source, if the engine understands what the mapping says; a wrong date pattern shows here, not half-way."""
    import duckdb

    with duckdb.connect() as engine:
        engine.execute("create table documents (_line bigint, _text varchar, doc json)")
        for table in source.tables:
            try:
                engine.sql(table.select)
            except duckdb.Error as error:
                raise InputError(
                    f"mapping {mapping!r}, fact {table.name}: {str(error).splitlines()[0]}",
                    remedy="check its formats against https://duckdb.org/docs/stable/sql/functions/dateformat",
                ) from error
    return source


def recognise(file: InputFile) -> str:
    """Name of the only known mapping whose columns `file` has; '' if it holds canonical facts."""
    present = columns_of(file)
    if "fact" in present:
        return ""
    signatures = {name: load(name).signature for name in known()}
    fitting = [name for name, signature in signatures.items() if signature <= present]
    if len(fitting) == 1:
        return fitting[0]
    shown = ", ".join(sorted(present)) or "none"
    if fitting:
        raise InputError(
            f"{file.name}: several mappings fit its columns: {', '.join(fitting)}",
            remedy="say which one: --mapping NAME",
        )
    nearest = min(signatures, key=lambda name: len(signatures[name] - present))
    lacking = ", ".join(sorted(signatures[nearest] - present))
    raise InputError(
        f"{file.name}: no known mapping fits its columns ({shown}); {nearest!r} comes nearest, it lacks {lacking}",
        remedy=f"`nexus map {file.path}` writes one, to be given with --mapping PATH; known: {', '.join(signatures)}",
    )


def columns_of(file: InputFile) -> set[str]:
    """Names of the columns, from the first rows."""
    for chunk in read(file, lambda _: None):
        if len(chunk.table):
            found: set[str] = set()
            for text in chunk.table.column("_text").slice(0, _ENOUGH).to_pylist():
                found |= _keys(text)
            return found
    return set()


def _keys(text: str) -> set[str]:
    try:
        row = orjson.loads(text)
    except orjson.JSONDecodeError:
        return set()
    return set(row) if isinstance(row, dict) else set()
