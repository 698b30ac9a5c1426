"""Feature values by customer id, fast: one row a customer in the same SQLite file that Feast's online store is.

Belongs here: the table `nexus_online`, projected from what Feast wrote (never from anything else), and its reader.
Does not belong here: Feast's tables and their encoding beyond that projection, models.

Feast keeps one row for each feature value, protobuf in a blob; that costs it hundreds of microseconds a customer. The
projection holds the same values as columns. `tests/features` holds both equal.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from features import catalog
from features.store.folders import Folder, current, root
from nexus.errors import MachineError
from nexus.settings import Settings

if TYPE_CHECKING:
    from feast import FeatureStore

TABLE = "nexus_online"
#: SQLite's default limit of parameters is far higher; this keeps one statement's plan small.
CHUNK = 500
#: Seconds between two looks at whether another store has become current.
LOOK_EVERY = 1.0


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of one customer. `event_timestamp` (UTC) is the oldest moment any of its views speaks of."""

    customer_id: str
    event_timestamp: datetime
    features: dict[str, Any]


class _Opened:
    """One store, open for reading by one thread."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.manifest = folder.manifest()
        # a finished store never changes, so SQLite need neither lock nor watch the file
        self.connection = sqlite3.connect(f"file:{folder.online}?mode=ro&immutable=1", uri=True)
        found = self.connection.execute(f"select name, type from pragma_table_info('{TABLE}') order by cid").fetchall()
        self.columns = tuple(name for name, _ in found[3:])
        # SQLite knows no booleans
        self.booleans = frozenset(name for name, kind in found if kind.lower() == "boolean")


class Online:
    """Reader of the store that is current; notices within a second that another has become so. Safe among threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pointer = root(settings) / "current"
        self._local = threading.local()

    @property
    def version(self) -> str:
        """The warehouse version whose features answer."""
        return self._opened().folder.version

    @property
    def features(self) -> tuple[str, ...]:
        """Names of all features there are, in the order of the store."""
        return self._opened().columns

    def as_of(self, workspace: str) -> datetime | None:
        """The last snapshot of a workspace (UTC); None if the workspace is unknown."""
        found = self._opened().manifest.as_of.get(workspace)
        return datetime.fromisoformat(found).replace(tzinfo=UTC) if found else None

    def get(self, workspace: str, customers: Sequence[str]) -> dict[str, Row]:
        """Values by customer id; ids that the workspace does not have are absent."""
        names, booleans = self.features, self._opened().booleans
        found: dict[str, Row] = {}
        for customer, moment, *values in self.raw(workspace, customers, names):
            features = dict(zip(names, values, strict=True))
            for name in booleans:
                features[name] = None if features[name] is None else bool(features[name])
            found[customer] = Row(customer, datetime.fromtimestamp(moment, UTC), features)
        return found

    def raw(self, workspace: str, customers: Sequence[str], features: Sequence[str]) -> list[tuple[Any, ...]]:
        """Tuples (customer_id, epoch seconds, *values in the order of `features`): the fast path of prediction."""
        opened = self._opened()
        unknown = set(features).difference(opened.columns)
        if unknown:
            raise MachineError(
                f"the feature store {opened.folder.path.name} has no feature {', '.join(sorted(unknown))}",
                remedy="train again on the present features: nexus train churn",
            )
        selected = ", ".join(f'"{name}"' for name in features)
        rows: list[tuple[Any, ...]] = []
        for start in range(0, len(customers), CHUNK):
            part = customers[start : start + CHUNK]
            marks = ",".join("?" * len(part))
            rows += opened.connection.execute(
                f"select customer_id, event_at{', ' if features else ''}{selected} from {TABLE} "
                f"where workspace_id = ? and customer_id in ({marks})",
                (workspace, *part),
            ).fetchall()
        return rows

    def count(self) -> dict[str, int]:
        """Customers by workspace."""
        rows = self._opened().connection.execute(f"select workspace_id, count(*) from {TABLE} group by 1 order by 1")
        return dict(rows.fetchall())

    def customers(self, workspace: str, limit: int = 20, *, lapsed: bool = False) -> list[str]:
        """Some customer ids of a workspace, in order: of its last snapshot, or those that had left by then."""
        as_of = self.as_of(workspace)
        rows = self._opened().connection.execute(
            f"select customer_id from {TABLE} where workspace_id = ? and (event_at < ?) = ? order by 1 limit ?",
            (workspace, int(as_of.timestamp()) if as_of else 0, lapsed, limit),
        )
        return [r[0] for r in rows]

    def _opened(self) -> _Opened:
        local = self._local
        now = time.monotonic()
        opened: _Opened | None = getattr(local, "opened", None)
        if opened is not None and now - local.looked < LOOK_EVERY:
            return opened
        there = current(self._settings)
        if opened is None or opened.folder != there:
            if opened is not None:
                opened.connection.close()
            local.opened = opened = _Opened(there)
        local.looked = now
        return opened


def ready(folder: Folder) -> bool:
    """Whether the online store of a folder was finished."""
    if not folder.online.exists():
        return False
    connection = sqlite3.connect(folder.online)
    try:
        return bool(connection.execute("select 1 from sqlite_master where name = ?", [TABLE]).fetchone())
    finally:
        connection.close()


def project(folder: Folder, store: FeatureStore) -> int:
    """Writes `nexus_online` from Feast's tables, in one transaction that marks the store as finished."""
    from feast.infra.key_encoding_utils import deserialize_entity_key
    from feast.protos.feast.types.Value_pb2 import Value
    from feast.types import Bool

    names: list[str] = []
    columns = ""
    values: dict[bytes, dict[str, Any]] = {}
    moments: dict[bytes, int] = {}
    # a customer has few values that no other has, and decoding one costs more than all else that is done with it
    decoded: dict[bytes, Any] = {}
    connection = sqlite3.connect(folder.online)
    try:
        for known_view in catalog.VIEWS:
            view = store.get_feature_view(f"customer_{known_view.name}")
            # Feast keeps a view's features in no order; the warehouse's order is everybody's
            order = list(folder.manifest().relations[known_view.relation]["columns"])  # type: ignore[call-overload]
            fields = sorted(view.features, key=lambda field: order.index(field.name))
            names += [f.name for f in fields]
            columns += "".join(f', "{f.name}"{" boolean" if f.dtype == Bool else ""}' for f in fields)
            table = f"{store.project}_{view.name}"
            message = Value()
            for key, feature, blob, moment in connection.execute(
                f'select entity_key, feature_name, value, cast(event_ts as integer) from "{table}"'
            ):
                if blob not in decoded:
                    message.ParseFromString(blob)
                    kind = message.WhichOneof("val")
                    decoded[blob] = getattr(message, kind) if kind else None
                values.setdefault(key, {})[feature] = decoded[blob]
                moments[key] = min(moment, moments.get(key, moment))
        rows: list[tuple[Any, ...]] = []
        for key, known in values.items():
            entity = deserialize_entity_key(key, entity_key_serialization_version=3)
            ids = dict(zip(entity.join_keys, (v.string_val for v in entity.entity_values), strict=True))
            rows.append((*(ids[k] for k in catalog.KEYS), moments[key], *(known.get(n) for n in names)))
        with connection:
            connection.execute(
                f"create table {TABLE} (workspace_id text, customer_id text, event_at integer{columns}, "
                "primary key (workspace_id, customer_id)) without rowid"
            )
            marks = ",".join("?" * (len(names) + 3))
            connection.executemany(f"insert into {TABLE} values ({marks})", sorted(rows, key=itemgetter(0, 1)))
    finally:
        connection.close()
    return len(rows)
