"""A published warehouse version's feature relations as Parquet files with hashes.

Belongs here: which relations, which types, in which order. Does not belong here: Feast, models.
Rows are written in key order with fixed settings, so the same version gives the same bytes.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

from features import catalog
from features.store.folders import Folder, Manifest, folder, root, writing
from features.store.source import published
from nexus.errors import NotFoundError
from nexus.settings import Settings

SCHEMA = "features"
_FLOATS = ("DECIMAL", "FLOAT", "REAL", "NUMERIC")
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")


def export(settings: Settings, version: str | int | None = None) -> Folder:
    """Writes every `feat_…` relation of a published version (default: the newest); does nothing if it is there.

    Raises NotFoundError when a relation that the catalogue names is not in that version.
    """
    with published(settings, version) as (name, connection), writing(settings):
        target = folder(settings, name)
        if (target.path / "manifest.json").exists():
            return target
        scratch = Path(tempfile.mkdtemp(prefix=".export-", dir=root(settings)))
        try:
            made = Folder(scratch)
            made.offline.mkdir()
            made.write(_export(connection, name, made))
            scratch.chmod(0o755)
            scratch.replace(target.path)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise
        return target


def sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _export(connection: Any, version: str, made: Folder) -> Manifest:
    rows = connection.execute(
        "select table_name, column_name, data_type from information_schema.columns "
        "where table_schema = ? and table_name like 'feat\\_%' escape '\\' and table_catalog = current_database() "
        "order by table_name, ordinal_position",
        [SCHEMA],
    ).fetchall()
    columns: dict[str, dict[str, str]] = {}
    for table, column, kind in rows:
        columns.setdefault(table, {})[column] = kind
    missing = [v.relation for v in catalog.VIEWS if v.relation not in columns]
    if missing:
        raise NotFoundError(
            f"warehouse version {version} has no {', '.join(missing)}",
            remedy="build and publish again (nexus build); features/catalog.py says which views there should be",
        )
    manifest = Manifest(version=version, definitions=catalog.fingerprint())
    for relation, kinds in columns.items():
        path = made.parquet(relation)
        count = _write(connection, relation, kinds, path)
        manifest.relations[relation] = {"rows": count, "sha256": sha256(path), "columns": list(kinds)}
    manifest.as_of.update(_last_snapshots(connection))
    return manifest


def _write(connection: Any, relation: str, kinds: dict[str, str], path: Path) -> int:
    import pyarrow.parquet as pq

    selected = ", ".join(_cast(name, kind) for name, kind in kinds.items())
    order = ", ".join(f'"{k}"' for k in (*catalog.KEYS, catalog.EVENT) if k in kinds)
    table = connection.execute(
        f'select {selected} from {SCHEMA}."{relation}"' + (f" order by {order}" if order else "")
    ).to_arrow_table()
    pq.write_table(table, path, compression="zstd")
    return int(table.num_rows)


def _cast(name: str, kind: str) -> str:
    quoted = f'"{name}"'
    if kind.startswith(_FLOATS):
        return f"cast({quoted} as double) as {quoted}"
    if kind in _INTEGERS:
        return f"cast({quoted} as bigint) as {quoted}"
    if kind.startswith("TIMESTAMP"):
        return f"cast({quoted} as timestamp) as {quoted}"
    return quoted


def _last_snapshots(connection: Any) -> dict[str, str]:
    union = " union all ".join(
        f'select workspace_id, {catalog.EVENT} from {SCHEMA}."{v.relation}"' for v in catalog.VIEWS
    )
    found = connection.execute(
        f"select workspace_id, max({catalog.EVENT}) from ({union}) group by 1 order by 1"
    ).fetchall()
    return {workspace: moment.isoformat() for workspace, moment in found}
