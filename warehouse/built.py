"""What a build has to make again: only what is made of tables that have got rows since it was made last.

Belongs here: how far each step of a build has come, kept in the warehouse that is built, so that both vanish together.
Does not belong here: what is made of what (dbt knows), running dbt (dbt.py).

A step has come as far as the load whose rows all its relations hold. Nothing is noted before they do: a build that fails
or is killed leaves everything to be made again. A changed project makes everything anew.

A model that mostly comes out as it was (`stops` of the graph) counts like a raw table: what lies behind it is made again
only if it was written, which the journal of dbt tells. Its "load" is the build that wrote it last.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from nexus.settings import Settings
from warehouse import journal, judged
from warehouse.engines import open_engine
from warehouse.land.sql import literal


def newest_loads(settings: Settings, stops: Collection[str] = ()) -> dict[str, int]:
    """The newest load of every raw relation that has rows, and the last writing of each model in `stops`; higher is
    newer. The caller holds the build lock.
    """
    with open_engine(settings.warehouse, settings) as session:
        return loads(session, stops)


def unbuilt(settings: Settings, step: str, project: str, stops: Collection[str] = ()) -> set[str] | None:
    """Raw relations with rows, and models in `stops` with writings, that `step` has not seen; None where it has to make
    everything, as the first time.

    `project` is the fingerprint of the models that would be built. The caller holds the build lock.
    """
    with open_engine(settings.warehouse, settings) as session:
        run = session.connection.execute  # type: ignore[attr-defined]
        run(_TABLE)
        seen = _plain(
            run(
                "select relation, load_seq from raw._built_load"
                f" where step = {literal(step)} and project = {literal(project)}"
            ).fetchall()
        )
        if _WHOLE not in seen:
            return None
        return {relation for relation, load in loads(session, stops).items() if load > seen.get(relation, 0)}


def forget_looks(settings: Settings, relations: Collection[str], tests: Collection[str]) -> None:
    """Models among `relations` that take what was written since they looked last, and `tests` (unique ids), look at
    everything: they mean something else by now. Those of other steps, built by now or not, go on from where they are.
    """
    with open_engine(settings.warehouse, settings) as session:
        run = session.connection.execute  # type: ignore[attr-defined]
        run(judged.TABLE)
        run("create table if not exists raw._looked (relation text not null, number bigint not null)")
        run(f"delete from raw._looked where split_part(relation, '.', 2) in ({_listed(relations)})")
        run(f"delete from raw._judged where gate in ({_listed(tests)})")


def remember(
    settings: Settings, step: str, project: str, loads: Mapping[str, int], of: Collection[str] | None = None
) -> None:
    """`step` holds all rows of `loads` now: of every relation, or of those in `of` alone."""
    kept = {relation: load for relation, load in loads.items() if of is None or relation in of}
    if of is None:
        kept[_WHOLE] = 0
    if not kept:
        return
    rows = ", ".join(f"({literal(step)}, {literal(project)}, {literal(r)}, {load})" for r, load in kept.items())
    old = f"step = {literal(step)}"
    if of is not None:
        old += f" and relation in ({_listed(kept)})"
    with open_engine(settings.warehouse, settings) as session:
        run = session.connection.execute  # type: ignore[attr-defined]
        run("begin")
        try:
            run(_TABLE)
            run(f"delete from raw._built_load where {old}")
            run(f"insert into raw._built_load (step, project, relation, load_seq) values {rows}")
            run("commit")
        except BaseException:
            run("rollback")
            raise


def loads(session: Any, stops: Collection[str] = ()) -> dict[str, int]:
    """As `newest_loads`, of a build that is open."""
    query = "select relation, max(load_seq) as load_seq from raw._loaded_batch where row_count > 0 group by relation"
    newest = _plain(session.connection.execute(query).fetchall())
    written = journal.read(session).written if stops else {}
    return newest | {name: last for r, (_, last, _) in written.items() if (name := r.partition(".")[2]) in stops}


def _listed(names: Collection[str]) -> str:
    return ", ".join(map(literal, names)) or "null"


def _plain(rows: list[Any]) -> dict[str, int]:
    """Rows of two columns, whatever form the driver gives them."""
    pairs = [tuple(row.values()) if isinstance(row, dict) else row for row in rows]
    return {str(name): int(number) for name, number in pairs}


#: Stands for "every relation was made once by this project".
_WHOLE = "*"
_TABLE = """
    create schema if not exists raw;
    create table if not exists raw._built_load (
        step text not null, project text not null, relation text not null, load_seq bigint not null,
        primary key (step, relation))
"""
