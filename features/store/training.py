"""Point-in-time training sets: for each labelled moment, the newest feature values that were known by then.

Belongs here: the join (DuckDB's ASOF over the exported Parquet) and the file with its hash.
Does not belong here: what the label means, splits and models (ml). `tests/features` holds the join equal to Feast's
own `get_historical_features`, which takes many times as long.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from features import catalog
from features.store.exporting import export, sha256
from features.store.folders import Folder, root
from nexus.errors import NotFoundError
from nexus.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """A frozen table: keys, moment, the columns of the label relation and all features of the service."""

    path: Path
    sha256: str
    rows: int
    version: str
    service: str
    features: tuple[str, ...]
    labels: tuple[str, ...]

    def table(self) -> pa.Table:
        import pyarrow.parquet as pq

        return pq.read_table(self.path)


@dataclass(frozen=True, slots=True)
class Latest:
    """Keys, moment and features of all customers of one workspace at its last snapshot (`moment`, UTC)."""

    table: pa.Table
    features: tuple[str, ...]
    moment: datetime
    version: str


def training_set(
    settings: Settings, service: str, labels: str, workspace: str | None = None, version: str | int | None = None
) -> TrainingSet:
    """Joins the relation `labels` (keys, event_timestamp, anything else) with the features of a service.

    The file is named by its content's hash and kept: a model's training set can always be read again.
    """
    made = export(settings, version)
    if not made.parquet(labels).exists():
        raise NotFoundError(f"warehouse version {made.version} has no {labels}", remedy="build and publish again")
    where = "where workspace_id = $workspace" if workspace else ""
    spine = f"select * from read_parquet('{_quote(made.parquet(labels))}') {where}"
    table, names = join(made, service, spine, {"workspace": workspace} if workspace else {})
    import pyarrow.parquet as pq

    directory = root(settings) / "training"
    directory.mkdir(parents=True, exist_ok=True)
    scratch = directory / f".{os.getpid()}.parquet"
    pq.write_table(table, scratch, compression="zstd")
    digest = sha256(scratch)
    whose = f"-{workspace}" if workspace else ""
    path = directory / f"{service}{whose}-{made.version}-{digest[:12]}.parquet"
    scratch.replace(path)
    own = tuple(c for c in table.column_names if c not in {*names, *catalog.KEYS, catalog.EVENT})
    return TrainingSet(path, digest, int(table.num_rows), made.version, service, tuple(names), own)


def latest(settings: Settings, service: str, workspace: str, version: str | int | None = None) -> Latest:
    """The features of every customer who stands in the workspace's last snapshot.

    Raises NotFoundError when the workspace has no snapshot in that version.
    """
    made = export(settings, version)
    as_of = made.manifest().as_of.get(workspace)
    if as_of is None:
        raise NotFoundError(
            f"warehouse version {made.version} has no paying customer of workspace {workspace!r}",
            remedy="features are made of customers with recurring revenue: land their subscriptions and build again",
        )
    moment = datetime.fromisoformat(as_of)
    keys = ", ".join((*catalog.KEYS, catalog.EVENT))
    spine = " union ".join(
        f"select {keys} from read_parquet('{_quote(made.parquet(catalog.view(name).relation))}') "
        f"where workspace_id = $workspace and {catalog.EVENT} = $moment"
        for name in catalog.service(service).views
    )
    table, names = join(made, service, spine, {"workspace": workspace, "moment": moment})
    return Latest(table, tuple(names), moment, made.version)


def join(made: Folder, service: str, spine: str, parameters: dict[str, object]) -> tuple[pa.Table, list[str]]:
    """The rows of `spine` (SQL) in key order, each with the features known by then; and the names of the features."""
    import duckdb

    names: list[str] = []
    columns, joins = [], []
    with duckdb.connect() as connection:
        for name in catalog.service(service).views:
            view = catalog.view(name)
            path = made.parquet(view.relation)
            found = connection.execute("select name from parquet_schema(?) where num_children is null", [str(path)])
            own = [c for (c,) in found.fetchall() if c not in {*catalog.KEYS, catalog.EVENT, catalog.CREATED}]
            names += own
            # a value older than the view's ttl counts as unknown, as Feast has it
            limit = f"to_seconds({int(view.ttl.total_seconds())})"
            fresh = f"{name}.{catalog.EVENT} >= label.{catalog.EVENT} - {limit}"
            columns += [f'case when {fresh} then {name}."{c}" end as "{c}"' for c in own]
            keys = " and ".join(f"label.{k} = {name}.{k}" for k in catalog.KEYS)
            joins.append(
                f"asof left join ({_newest(str(path))}) as {name} "
                f"on {keys} and label.{catalog.EVENT} >= {name}.{catalog.EVENT}"
            )
        query = (
            f"select label.* {''.join(f', {c}' for c in columns)} from ({spine}) as label {' '.join(joins)} "
            f"order by {', '.join(f'label.{k}' for k in (*catalog.KEYS, catalog.EVENT))}"
        )
        return connection.execute(query, parameters).to_arrow_table(), names


def _newest(path: str) -> str:
    """One row for each key and moment: the one created last."""
    keys = ", ".join((*catalog.KEYS, catalog.EVENT))
    return (
        f"select * from read_parquet('{_quote(path)}') "
        f"qualify row_number() over (partition by {keys} order by {catalog.CREATED} desc) = 1"
    )


def _quote(path: Path | str) -> str:
    return str(path).replace("'", "''")
