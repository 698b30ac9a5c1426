"""Which shapes the documents of a table have, learnt from the first of a piece and kept while most are of them.

Belongs here: learning and forgetting them. Does not belong here: what a shape is good for (unnamed.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from nexus.contracts import Table
from warehouse.land.chunk import Spelling
from warehouse.land.paths import structure
from warehouse.land.rest import Rest
from warehouse.land.rows import one_shape, usual_rows
from warehouse.land.statements import Statements
from warehouse.land.unnamed import Shape, extra_of, keys, unnamed_of, whole

#: Documents that are looked at, the most shapes kept, and the share of documents that must be of them.
_SAMPLE, _MOST, _ENOUGH = 512, 4, 0.75


@dataclass(frozen=True, slots=True)
class Usual:
    """A statement for rows that are written as usual.

    Where `names` is a number, only documents of as many names may be, and it fails where one is of another shape. Then
    `unnamed` are the fields at the top of each that `_extra` holds.
    """

    query: str
    names: int | None = None
    unnamed: frozenset[str] = frozenset()


class Shapes:
    """The statement for the rows of `table`, by what the last pieces were like."""

    def __init__(self, table: Table, statements: Statements) -> None:
        self._table = table
        self._statements = statements
        self._known: tuple[Shape, ...] = ()
        self._thorough = False
        self._unlearnt, self._loose = Rest(), Rest()

    def statement(self, size: int, spelling: Spelling | None = None) -> Usual | None:
        """Rows of a piece of `size` documents that are written as usual; None where too few of the last ones were."""
        if not self._unlearnt.goes_on():
            self._thorough = False
            # where nothing is unnamed shapes are of no use
            if size > 2 * _SAMPLE and not self._known and not whole(self._table):
                self._known = self._learnt()
                if not self._known:
                    self._unlearnt.begin()
        if self._thorough:
            return None
        if spelling is None:
            return Usual(usual_rows(self._table, self._known))
        if not self._loose.goes_on() and len(self._known) == 1 and (names := one_shape(self._table, self._known[0])):
            query = usual_rows(self._table, self._known, strict=True, dense=spelling.dense, escapes=spelling.escapes)
            return Usual(query, names, unnamed_of(self._table, self._known[0]))
        return Usual(usual_rows(self._table, self._known, dense=spelling.dense, escapes=spelling.escapes))

    def seen(self, rows: int, odd: int, usual: Usual) -> bool:
        """Of the rows of a piece so many were odd; false where the next statement would serve the piece better."""
        many = odd > rows * (1 - _ENOUGH)
        if usual.names is not None:
            if odd:
                self.loosen()
            else:
                self._loose.forget()
            return not many
        if not many:
            return True
        if self._known:
            self._known = ()
        else:
            self._thorough = True
        self._unlearnt.begin()
        return True

    def loosen(self) -> None:
        """For some pieces documents are looked at one by one."""
        self._loose.begin()

    def _learnt(self) -> tuple[Shape, ...]:
        found = self._statements.run(
            f"""select k, count(*) as n, sum(count(*)) over () from
                (with picked as ({self._table.select}) select {keys(self._table)} as k from picked limit {_SAMPLE})
                group by k order by n desc, k limit {_MOST}""",
            f"table {self._table.name}",
            lambda result: result.fetchall(),
        )
        tree, _ = structure(self._table)
        known = [(Shape(tuple(names and tuple(names) for names in k)), n) for k, n, _ in found]
        kept = [(shape, n) for shape, n in known if extra_of(self._table, shape, tree) is not None]
        enough = bool(found) and sum(n for _, n in kept) >= _ENOUGH * found[0][2]
        return tuple(shape for shape, _ in kept) if enough else ()
