"""The file of a candidate: all relations of the build, or the current version with what was written since.

Belongs here: what is copied whole, in part or not at all, and putting a part into a copy of the version before.
Does not belong here: reading rows of an engine (engines/<engine>/export.py), names, switching (publish.py).

Copying a file costs a tenth of writing its rows again. What was written since is told by the journal, so a version made
this way holds the rows of the build; their number is compared, and where it differs everything is copied anew.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import duckdb

from nexus.errors import NotFoundError
from warehouse import journal
from warehouse.engines import Session
from warehouse.journal import Contents, Delta
from warehouse.land.sql import literal, quoted

#: Share of free space in a version's file from which on a new one is written rather than a copy completed.
_WASTE = 0.5


@dataclass(frozen=True, slots=True)
class Base:
    """The version that may be completed: its file, and what it holds."""

    path: Path
    contents: Contents


class _UnlikeError(Exception):
    """The base cannot be completed: its tables are of another shape, or it came out with other rows."""


def write(
    session: Session, target: Path, schemas: Sequence[str], base: Base | None, only: Collection[str] | None = None
) -> Contents | None:
    """Writes the relations of `schemas` to `target`; what it holds then, None if there was nothing to write.

    With `only`, those are taken from the build and all others from `base`. Raises NotFoundError if `base` is missing then.
    """
    there = [r for r in session.relations(schemas) if only is None or r.partition(".")[2] in only]
    if not there:
        return None
    if only is not None and base is None:
        raise NotFoundError("nothing is published yet that could be completed", remedy="run: nexus build")
    book = journal.read(session)
    held = {relation: book.number for relation in there if book.holds(relation)}
    if only is not None and base is not None and base.contents.journal == book.name:
        held = {**base.contents.relations, **held}
    contents = book.contents(held) if book.name else Contents()
    wanted = {relation: book.since(relation, base.contents if base else Contents()) for relation in there}
    if base is not None and (only is not None or not all(lacking is True for lacking in wanted.values())):
        try:
            _completed(session, target, base, wanted, whole=only is None)
            return contents
        except _UnlikeError:
            for file in target.parent.glob(f"{target.name}*"):
                file.unlink()
            if only is not None:
                _completed(session, target, base, dict.fromkeys(there, True), whole=False)
                return contents
    session.export(target, there)
    return contents


def _completed(session: Session, target: Path, base: Base, wanted: Mapping[str, Delta | bool], whole: bool) -> None:
    """The base with what it lacks. If `whole`, it holds nothing but the relations in `wanted` afterwards."""
    part = target.with_name(f"{target.name}.part")
    lacking = {relation: some for relation, some in wanted.items() if some}
    deltas = {relation: some for relation, some in lacking.items() if isinstance(some, Delta)}
    if not lacking and not whole:
        _same(session, target, base, wanted.keys())
        return
    session.export(part, list(lacking), deltas)
    shutil.copyfile(base.path, target)
    with duckdb.connect() as file:
        file.execute(f"attach {literal(str(target))} as whole; attach {literal(str(part))} as part (read_only)")
        if whole and _wasteful(file):
            raise _UnlikeError
        there = _tables(file, "whole")
        for relation in sorted(there - wanted.keys()) if whole else ():
            file.execute(f"drop table whole.{_quoted(relation)}")
        for relation in lacking:
            name = _quoted(relation)
            if relation in deltas:
                if relation not in there or _columns(file, "whole", relation) != _columns(file, "part", relation):
                    raise _UnlikeError
                _apply(file, name, deltas[relation])
                continue
            file.execute(f"create schema if not exists whole.{quoted(relation.partition('.')[0])}")
            file.execute(f"create or replace table whole.{name} as from part.{name}")
        file.execute("checkpoint whole")
        kept = _tables(file, "whole")
        if not wanted.keys() <= kept or _counts(file, "whole", wanted) != session.counts(wanted):
            raise _UnlikeError
    part.unlink()


def _same(session: Session, target: Path, base: Base, wanted: Set[str]) -> None:
    """The base under another name: nobody writes into a version, so two may share what is on the disk."""
    try:
        target.hardlink_to(base.path)
    except OSError:  # not every file system can
        shutil.copyfile(base.path, target)
    with duckdb.connect() as file:
        file.execute(f"attach {literal(str(target))} as whole (read_only)")
        if not wanted <= _tables(file, "whole") or _counts(file, "whole", wanted) != session.counts(wanted):
            raise _UnlikeError


def _apply(file: duckdb.DuckDBPyConnection, name: str, delta: Delta) -> None:
    """Takes away the rows that were written, and puts in those that are there now."""
    mine = f"select workspace_id, key from part.main._written where relation = {literal(delta.relation)}"
    file.execute(f"delete from whole.{name} where (workspace_id, cast({quoted(delta.key)} as varchar)) in ({mine})")
    file.execute(f"insert into whole.{name} by name from part.{name}")


def _wasteful(file: duckdb.DuckDBPyConnection) -> bool:
    found = file.execute(
        "select free_blocks, total_blocks from pragma_database_size() where database_name = 'whole'"
    ).fetchone()
    return bool(found and found[1] and found[0] / found[1] > _WASTE)


def _tables(file: duckdb.DuckDBPyConnection, database: str) -> set[str]:
    rows = file.execute(
        f"select schema_name || '.' || table_name from duckdb_tables() where database_name = '{database}'"
    ).fetchall()
    return {row[0] for row in rows}


def _columns(file: duckdb.DuckDBPyConnection, database: str, relation: str) -> list[tuple[str, str]]:
    return [row[:2] for row in file.execute(f"describe {database}.{_quoted(relation)}").fetchall()]


def _counts(file: duckdb.DuckDBPyConnection, database: str, relations: Iterable[str]) -> dict[str, int]:
    found = {}
    for relation in relations:
        row = file.execute(f"select count(*) from {database}.{_quoted(relation)}").fetchone()
        found[relation] = int(row[0]) if row else 0
    return found


def _quoted(relation: str) -> str:
    return ".".join(quoted(word) for word in relation.split(".", 1))
