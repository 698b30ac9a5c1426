"""What the build has written since a version was copied from it: the journal that dbt keeps (macros/incremental).

Belongs here: reading the journal, and what a version holds of it. Does not belong here: copying (publish.py, engines).

A relation that dbt does not note (a view, a table somebody made by hand) counts as written every time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from warehouse.land.sql import literal

#: The journal reaches back this many builds; `journal_reach` of the dbt project says the same.
REACH = 150


@dataclass(frozen=True, slots=True)
class Contents:
    """What a version holds: relations (`schema.name`) and the number of the build up to which each follows `journal`."""

    journal: str = ""
    relations: Mapping[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"journal": self.journal, "relations": dict(self.relations)}


@dataclass(frozen=True, slots=True)
class Delta:
    """Rows of a relation, named by `key` in their workspace, that builds after number `since` have written."""

    relation: str
    key: str
    since: int

    @property
    def keys(self) -> str:
        """SELECT of (workspace_id, key) of these rows, for either engine."""
        return (
            f"select distinct workspace_id, key from raw._written where relation = {literal(self.relation)}"
            f" and key is not null and number > {self.since}"
        )


@dataclass(frozen=True, slots=True)
class Journal:
    """The journal as it is now: its name, the number of the last build, and by relation what was written when."""

    name: str
    number: int
    written: Mapping[str, tuple[int, int, str]]

    def holds(self, relation: str) -> bool:
        return relation in self.written

    def written_since(self, relation: str, number: int) -> bool:
        """Whether anything of `relation` was written after build `number`, or that is not known."""
        return number <= self.number - REACH or self.written.get(relation, (0, number + 1, ""))[1] > number

    def since(self, relation: str, held: Contents) -> Delta | bool:
        """What a copy with the contents `held` lacks: some rows, or nothing (False), or it is to be copied whole (True)."""
        at = held.relations.get(relation)
        if held.journal != self.name or at is None or at > self.number or relation not in self.written:
            return True
        whole, last, key = self.written[relation]
        if at <= self.number - REACH or whole > at:
            return True
        return Delta(relation, key, at) if last > at else False

    def contents(self, relations: Mapping[str, int] | None = None) -> Contents:
        """Of a copy that holds every noted relation as it is now; those in `relations` as they were then."""
        return Contents(self.name, relations or dict.fromkeys(self.written, self.number))


def read(session: Any) -> Journal:
    """The journal of the build that is open; an empty one where dbt has kept none yet."""
    run = session.connection.execute
    there = run(
        "select count(*) as n from information_schema.tables where table_schema = 'raw' and table_name = '_written'"
    )
    if not _plain(there.fetchall())[0][0]:
        return Journal("", 0, {})
    name, number = _plain(run("select build_id, number from raw._build_number").fetchall())[0]
    rows = run(
        "select relation, coalesce(max(case when key is null then number end), 0) as whole,"
        " max(number) as last, coalesce(max(key_column), '') as key_column from raw._written group by relation"
    ).fetchall()
    return Journal(str(name), int(number), {str(r): (int(w), int(n), str(k)) for r, w, n, k in _plain(rows)})


def _plain(rows: list[Any]) -> list[tuple[Any, ...]]:
    """Rows as tuples, whatever form the driver gives them."""
    return [tuple(row.values()) if isinstance(row, dict) else tuple(row) for row in rows]
