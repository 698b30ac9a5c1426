"""What a new store takes over from the one that answers: the rows of customers that came out as they were.

Belongs here: comparing two exports, and writing what differs into a copy of Feast's online store, as Feast would.
Does not belong here: filling a store from nothing (repository.py), reading values (online.py).

Feast needs about a millisecond a customer, whatever has changed.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from typing import TYPE_CHECKING

from features import catalog
from features.store import online
from features.store.folders import Folder
from warehouse.land.sql import literal

if TYPE_CHECKING:
    import pyarrow as pa
    from feast import FeatureStore


def differing(made: Folder, base: Folder) -> dict[str, pa.Table] | None:
    """By view the newest rows of customers that `base` does not have like that; None if `base` cannot be completed: its
    definitions or types are others, it is unfinished, or one of its customers is gone.
    """
    if base == made or not online.ready(base) or not _alike(made, base):
        return None
    import duckdb

    found = {}
    with duckdb.connect() as engine:
        for view in catalog.VIEWS:
            for name, folder in (("new", made), ("old", base)):
                engine.execute(
                    f"create or replace temp view {name} as from read_parquet({literal(str(folder.parquet(view.relation)))})"
                    f" qualify row_number() over (partition by {', '.join(catalog.KEYS)} order by {catalog.EVENT} desc) = 1"
                )
            keys = ", ".join(catalog.KEYS)
            gone = engine.execute(f"select {keys} from old except select {keys} from new limit 1").fetchone()
            if gone is not None:
                return None
            found[view.name] = engine.execute("from new except from old").to_arrow_table()
    return found


def copy(base: Folder, made: Folder) -> None:
    """The online store of `base` as that of `made`, unfinished, and what Feast knows of its definitions."""
    shutil.copyfile(base.registry, made.registry)
    scratch = made.online.with_name(f".{made.online.name}.{os.getpid()}")
    shutil.copyfile(base.online, scratch)
    connection = sqlite3.connect(scratch)
    try:
        with connection:
            connection.execute(f"drop table {online.TABLE}")
    finally:
        connection.close()
    scratch.replace(made.online)


def write(store: FeatureStore, name: str, rows: pa.Table) -> None:
    """Puts `rows` of the view `name` in the place of what the store has of these customers."""
    from feast.utils import _convert_arrow_to_proto

    view = store.get_feature_view(f"customer_{name}")
    keys = {entity.name: entity.dtype.to_value_type() for entity in view.entity_columns}
    provider = store._get_provider()  # type: ignore[no-untyped-call]
    # of a table it would take the first batch alone
    for batch in rows.to_batches():
        provider.online_write_batch(store.config, view, _convert_arrow_to_proto(batch, view, keys), progress=None)


def _alike(made: Folder, base: Folder) -> bool:
    import pyarrow.parquet as pq

    if made.manifest().definitions != base.manifest().definitions:
        return False
    paths = [(made.parquet(v.relation), base.parquet(v.relation)) for v in catalog.VIEWS]
    return all(old.exists() and pq.read_schema(new).equals(pq.read_schema(old)) for new, old in paths)
