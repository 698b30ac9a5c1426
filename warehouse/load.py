"""Batches of the lake that a warehouse has not seen yet go into its raw tables.

Belongs here: what is pending, in which order. Does not belong here: SQL of an engine (engines/<engine>/load.py).

What was loaded is remembered in the engine's own transaction, so a load can be killed and repeated at any point.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from nexus.contracts import Table
from nexus.settings import Settings
from warehouse import ledger
from warehouse.engines import Session, open_engine


@dataclass(slots=True)
class LoadReport:
    """Rows written and batches seen, per relation that had something new."""

    sequence: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    batches: dict[str, int] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)


def load_pending(
    engine: str,
    settings: Settings,
    tables: Sequence[Table],
    *,
    on_table: Callable[[str, int, int], None] | None = None,
    checkpoint: Callable[[str], None] = lambda _: None,
) -> LoadReport:
    """Loads every committed batch that engine has not seen, and makes all raw tables, empty ones too.

    `on_table(relation, number, of)` hears of each relation before it is loaded. The caller holds the build lock.
    """
    with open_engine(engine, settings) as session:
        return _load(session, settings, tables, on_table, checkpoint)


def _load(
    session: Session,
    settings: Settings,
    tables: Sequence[Table],
    on_table: Callable[[str, int, int], None] | None,
    checkpoint: Callable[[str], None],
) -> LoadReport:
    report = LoadReport(changes=session.ensure(tables))
    checkpoint("schema")
    seen = session.loaded()
    report.sequence = session.next_sequence()
    with ledger.connect(settings) as connection:
        pending: dict[str, list[ledger.Part]] = {}
        by_name = {(table.source, table.name): table for table in tables}
        for part in ledger.parts(connection, settings):
            table = by_name.get((part.source, part.table))
            if table is not None and (part.batch_id, table.relation) not in seen:
                pending.setdefault(table.relation, []).append(part)
    by_relation = {table.relation: table for table in tables}
    for number, (relation, parts) in enumerate(sorted(pending.items()), 1):
        if on_table:
            on_table(relation, number, len(pending))
        report.rows[relation] = session.load(by_relation[relation], parts, report.sequence)
        report.batches[relation] = len(parts)
        checkpoint(f"loaded {relation}")
    return report
