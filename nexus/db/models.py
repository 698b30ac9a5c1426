"""What ORM models of every slice share.

Belongs here: the base with its naming of constraints, and columns that many tables have. Does not belong here: a table.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, DateTime, MetaData, Text, func
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

from nexus.db.roles import SCHEMA

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Base of every table in schema `app`. A slice's table is named `<domain>_<entity>`."""

    metadata = MetaData(schema=SCHEMA, naming_convention=_NAMES)
    # what the server makes comes back with the insert: a later look would be a hidden query
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012
    type_annotation_map = {datetime: DateTime(timezone=True), str: Text}  # noqa: RUF012


class Timestamps:
    """When the row was made and last changed, by the clock of the database (start of the transaction)."""

    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class Versioned:
    """Counts changes of the row: its ETag. A stale ORM object is refused at flush (StaleDataError → 409)."""

    version: Mapped[int] = mapped_column(BigInteger)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, object]:
        return {"version_id_col": cls.version, "eager_defaults": True}
