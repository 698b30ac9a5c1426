"""What a source table promises: the one description from which every gate and schema is made.

Belongs here: `Column`, `Table`, `Source` and how names are built from them.
Does not belong here: reading files (orchestration/sources), writing the lake (warehouse), SQL of an engine.

A `Table` generates the lake schema, the dbt source YAML, the Great Expectations suite and the freshness policy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Literal


class Kind(StrEnum):
    """Types of a raw column. `timestamp` is UTC without zone; `decimal` is exact to nine places, (38,9),
    and rounded to them; `json` is kept as text."""

    string = "string"
    integer = "integer"
    decimal = "decimal"
    boolean = "boolean"
    timestamp = "timestamp"
    date = "date"
    json = "json"


#: Largest amounts of money, in minor and in major units: ten trillion dollars, or a quadrillion yen.
MOST_MINOR, MOST_VALUE = 10**15, 10**13


@dataclass(frozen=True, slots=True)
class Column:
    """One promised column.

    `path` is where the value stands in the provider's document (JSONPath without `$.`, default: the name);
    `format` says how a timestamp is written: `iso` (RFC 3339 or date), `epoch` (seconds), `epoch_ms`,
    or a strptime pattern. `required` forbids null; `values` lists the only allowed ones.
    """

    name: str
    kind: Kind = Kind.string
    path: str | None = None
    required: bool = False
    values: tuple[str, ...] = ()
    minimum: int | None = None
    format: str = "iso"
    description: str = ""

    @property
    def limit(self) -> int | None:
        """Greatest magnitude of an amount of money, which its name tells; sums of thousands still fit 64 bits."""
        if self.kind is Kind.integer and self.name.endswith("_minor"):
            return MOST_MINOR
        return MOST_VALUE if self.kind is Kind.decimal and self.name.endswith("_value") else None


@dataclass(frozen=True, slots=True)
class Table:
    """One raw table of a source.

    `id` names the column with the provider's id: records are merged by it and by nothing else; None means that
    rows have no identity and are never merged. `nature`: an `event` never changes (a second body under one id is
    a conflict and goes to quarantine); of an `entity` the newest version wins, by `version` (a column) where the
    provider writes one, else by order of landing.
    `select` is SQL over the relation `documents(_line, _text, doc, _kind, _file)` giving `_line, _text, doc`, one row
    for each record of this table; documents that no table selects go to quarantine. `_kind` is `Source.kind` of the
    document, worked out once; `_file` is the name of its file below the folder that was given; `_text` is the line
    for reader `lines`, and null for other readers, whose `doc` says the same.
    `freshness` is how old the newest batch may be before the table counts as stale.
    """

    source: str
    name: str
    columns: tuple[Column, ...]
    id: str | None
    select: str
    nature: Literal["event", "entity"] = "event"
    version: str | None = None
    description: str = ""
    event_at: str | None = None
    freshness: timedelta = timedelta(hours=36)

    @property
    def relation(self) -> str:
        """Name in warehouse, lake and asset graph: `raw_<source>__<entity>`."""
        return f"raw_{self.source}__{self.name}"

    @property
    def fingerprint(self) -> str:
        """Version of the contract: changes when any promise changes."""
        promise = repr(
            [(c.name, c.kind.value, c.path, c.required, c.values, c.minimum, c.format) for c in self.columns]
        )
        return hashlib.sha256(f"{self.relation}{self.id}{self.nature}{self.version}{promise}".encode()).hexdigest()[:12]

    def column(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How text files of a source are written, where somebody has said so; None is found out from each file.

    `encoding` is a codec of Python; `delimiter` and `quote` are one character each, and an empty `quote` means that
    the file quotes nothing. They matter to the readers `csv` and `rows`, the encoding also to `jsonl` and `lines`.
    """

    encoding: str | None = None
    delimiter: str | None = None
    quote: str = '"'


#: Nobody has said anything: UTF-8, and the delimiter is found out.
PLAIN = Dialect()


@dataclass(frozen=True, slots=True)
class Source:
    """A provider: its tables and how its files become documents.

    `readers` maps a file-name pattern (fnmatch on the name without .gz/.zst, first match wins) to a reader:
    `json` (one document, an array, or concatenated documents), `jsonl`, `csv`, `parquet`, `lines`
    (doc is {"line": text}), `rows` (CSV without header: c1, c2, …). `unwrap` is SQL over `documents(_line, _text, doc)`
    applied first, e.g. to open list pages. `kind` is an SQL expression over `doc` that says what a document is; the
    `select` of each table then compares `_kind` instead of parsing the document again, and a document that no table
    takes is named by it. `dialect` is that of the source's text files.
    """

    name: str
    title: str
    tables: tuple[Table, ...]
    readers: Mapping[str, str] = field(default_factory=dict)
    unwrap: str | None = None
    kind: str | None = None
    description: str = ""
    owner: str = "data-platform"
    dialect: Dialect = PLAIN

    def table(self, name: str) -> Table:
        return next(t for t in self.tables if t.name == name)


#: Columns that landing adds to every raw row, in lake and warehouse alike.
META: tuple[tuple[str, Kind], ...] = (
    ("workspace_id", Kind.string),
    ("_record_key", Kind.string),  # id of the record where it has one, else batch id and row: unique in a workspace
    ("_record_hash", Kind.string),
    ("_batch_id", Kind.string),
    ("_source_file", Kind.string),
    ("_source_line", Kind.integer),
    ("_landed_at", Kind.timestamp),
    ("_extra", Kind.json),  # fields that the contract does not name, kept as they came
)
#: Added when a batch is loaded into a warehouse: rises with every build, so that incremental models see what is new.
LOAD_SEQUENCE = "_load_seq"
