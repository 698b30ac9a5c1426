"""A home that has moved: MLflow keeps absolute addresses of its artifacts in every corner of its tables.

Belongs here: putting them right after a restore elsewhere. Does not belong here: restoring (warehouse/backup).
"""

from __future__ import annotations

from pathlib import Path

from ml.lib.tracking import DATABASE
from nexus import postgres
from nexus.settings import Settings

_COLUMNS = """
    select quote_ident(table_schema) || '.' || quote_ident(table_name), quote_ident(column_name)
      from information_schema.columns join information_schema.tables using (table_schema, table_name)
     where table_schema = 'public' and table_type = 'BASE TABLE' and data_type in ('text', 'character varying')
"""


def moved(settings: Settings, before: Path) -> None:
    """Addresses below the home's MLflow folder and feature stores name the present home instead of `before`."""
    import psycopg

    after = settings.home.resolve()
    with psycopg.connect(postgres.dsn(settings, DATABASE)) as connection:
        columns = connection.execute(_COLUMNS).fetchall()
        for folder in ("mlflow", "features"):
            old, new = str(before / folder) + "/", str(after / folder) + "/"
            for table, column in columns:
                connection.execute(
                    f"update {table} set {column} = replace({column}, %s, %s) where position(%s in {column}) > 0".encode(),
                    [old, new, old],
                )
