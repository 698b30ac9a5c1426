"""Which mapping a file is to be read with: the one that was named, or the one that knows its columns.

Belongs here: recognising. Does not belong here: what a mapping says (mapping.py), its SQL (extract.py).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import orjson

from nexus.contracts import Source
from nexus.errors import InputError
from orchestration.sources.tabular.contract import SOURCE
from orchestration.sources.tabular.extract import source_for
from orchestration.sources.tabular.mapping import Mapping, known, load
from warehouse.land.files import ARCHIVE, InputFile, discover
from warehouse.land.read import read
from warehouse.land.refuse import Unreadable
from warehouse.land.unpack import unpacked

_ENOUGH = 100


def choose(paths: Sequence[Path], mapping: str | None, encoding: str | None = None) -> tuple[Source, str]:
    """The source for `paths`, and the mapping's name ('' for files that are canonical already).

    Files that cannot be read have no say; landing names them. Raises InputError when no known mapping fits, or more
    than one, or not the same for all files; or when a table lacks columns that the mapping that was named needs.
    """
    chosen = load(mapping) if mapping is not None else None
    source = _bound(source_for(chosen), mapping or "") if chosen else SOURCE
    if encoding is not None:
        source = replace(source, dialect=replace(source.dialect, encoding=encoding))
    files, _ = discover(source, paths)
    with _members(files, source) as whole:
        if chosen is not None:
            for file in whole:
                _check_columns(file, chosen)
            return source, chosen.name
        found, refused = _recognised(whole)
    names = set(found.values())
    if not names:
        listed = ", ".join(file.name for file in whole[:5])
        raise refused or InputError(
            f"nothing in {listed} tells which table it is: it holds no row", remedy="give files with rows"
        )
    if len(names) > 1:
        which = "; ".join(f"{file}: {name or 'canonical facts'}" for file, name in found.items())
        raise InputError(f"these files are not of one kind ({which})", remedy="ingest each kind by itself")
    name = names.pop()
    return (source_for(load(name)), name) if name else (SOURCE, "")


def mapped(mapping: str) -> tuple[Source, str]:
    """The source for records of a mapping, and the mapping's name. Raises NotFoundError, or InputError with what is wrong."""
    chosen = load(mapping)
    return _bound(source_for(chosen), mapping), chosen.name


@contextmanager
def _members(files: Sequence[InputFile], source: Source) -> Iterator[list[InputFile]]:
    """`files`, with archives opened for as long as the context lasts."""
    whole: list[InputFile] = []
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        for file in files:
            try:
                archive = file.reader == ARCHIVE
                whole += stack.enter_context(unpacked(file, source, Path(scratch))).files if archive else [file]
            except Unreadable:
                whole.append(file)  # reading it says why
        yield whole


def _recognised(files: Sequence[InputFile]) -> tuple[dict[str, str], Unreadable | None]:
    """Mappings of the files that hold rows, by name of the file; and why one of the others cannot be read."""
    found: dict[str, str] = {}
    refused = None
    for file in files:
        try:
            if columns_of(file):
                found[file.name] = recognise(file)
        except Unreadable as error:
            refused = error
    return found, refused


def _check_columns(file: InputFile, mapping: Mapping) -> None:
    """Every row of a table has the same columns: where one that must be there is not, no row can be landed."""
    if file.reader not in ("csv", "parquet"):
        return
    try:
        present = columns_of(file)
    except Unreadable:
        return
    needed = {
        name
        for fact, table in ((f, SOURCE.table(n)) for n, f in mapping.facts.items())
        for column, value in fact.columns.items()
        if table.column(column).required
        for name in value.uses
    }
    if present and (lacking := sorted(needed - present)):
        raise InputError(
            f"{file.name} lacks columns that mapping {mapping.name!r} needs: {', '.join(lacking)}",
            remedy=f"it has {', '.join(sorted(present))}: take another mapping, or correct this one",
        )


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
