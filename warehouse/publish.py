"""Write → audit → publish: a build becomes a version that readers see, or does not.

Belongs here: the build lock, candidates, the switch, retention, clearing up after a crash.
Does not belong here: what the audit checks (quality.py), how a file is filled (copying.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import psycopg
from psycopg.types.json import Jsonb

from nexus.errors import GateError, MachineError, NexusError
from nexus.settings import Settings
from warehouse import copying, ledger
from warehouse.current import read_current, switch
from warehouse.engines import open_engine
from warehouse.journal import Contents
from warehouse.land.write import sync_folder
from warehouse.versions import Version, file_name, list_versions, versions_dir

#: What a version holds. Raw rows and staging stay in the build.
SCHEMAS = ("intermediate", "marts", "features", "metrics")


@dataclass(frozen=True, slots=True)
class Gate:
    """Result of one check on a candidate; `detail` says to people what was found."""

    name: str
    passed: bool
    detail: str = ""


Audit = Callable[[Version], Sequence[Gate]]


#: Name of the lock of whoever works on the build.
BUILD = "nexus.build"


@dataclass(frozen=True, slots=True)
class BuildLock:
    """The right to work on the build, for as long as the connection that holds it lives."""

    connection: ledger.Connection

    def check(self) -> None:
        """Raises MachineError if PostgreSQL went away meanwhile: another build may have begun since."""
        try:
            self.connection.execute("select 1")
        except psycopg.OperationalError as error:
            raise MachineError(
                "PostgreSQL went away during this build, and the right to build with it",
                remedy="run nexus build again; readers keep the version they have",
            ) from error


@contextmanager
def build_lock(settings: Settings, *, wait: bool = False) -> Iterator[BuildLock]:
    """Only one build at a time. The lock falls with the process that holds it, so it is never stale.

    Raises ConflictError when another process builds and `wait` is false.
    """
    with (
        ledger.connect(settings) as connection,
        ledger.locked(connection, BUILD, wait=wait, holder="another build"),
    ):
        yield BuildLock(connection)


def prepare(
    settings: Settings,
    engine: str | None = None,
    checkpoint: Callable[[str], None] = lambda _: None,
    only: Sequence[str] | None = None,
) -> Version:
    """Copies the build into a candidate under a new name. The caller holds the build lock.

    With `only`, the candidate is the current version with just these relations taken from the build: nothing else that
    the build holds by now, judged or not, comes along. Also clears up candidates of publications that were killed.
    """
    engine = engine or settings.warehouse
    folder = versions_dir(settings)
    folder.mkdir(parents=True, exist_ok=True)
    with ledger.connect(settings) as connection:
        _reconcile(settings, connection)
        row = connection.execute(
            """insert into publish_version (version, engine, file, status, batch_seq)
               select n, %s, 'v' || lpad(n::text, 6, '0') || '.duckdb', 'candidate',
                      (select coalesce(max(seq), 0) from batch where status = 'landed')
               from (select greatest((select coalesce(max(version), 0) from publish_version), %s) + 1 as n) s
               returning version""",
            [engine, _highest_file(settings)],
        ).fetchone()
        version = int(row["version"]) if row else 1
        checkpoint("numbered")
        target = folder / file_name(version)
        temporary = folder / f".{target.name}.tmp"
        try:
            with open_engine(engine, settings) as session:
                contents = copying.write(session, temporary, SCHEMAS, _base(settings, engine), only)
            if contents is None:
                raise NexusError(
                    "the build holds nothing to publish", remedy="run dbt first: nexus build does it in the right order"
                )
            with temporary.open("rb+") as handle:
                os.fsync(handle.fileno())
            checkpoint("copied")
            temporary.replace(target)
            sync_folder(folder)
        except BaseException as error:
            # with what DuckDB put beside it: on a full disk every byte counts
            for leftover in folder.glob(f"{temporary.name}*"):
                leftover.unlink(missing_ok=True)
            connection.execute(
                "update publish_version set status = 'failed', reason = %s where version = %s",
                [str(error)[:4000], version],
            )
            raise
        connection.execute(
            "update publish_version set byte_count = %s, contents = %s where version = %s",
            [target.stat().st_size, Jsonb(contents.as_json()), version],
        )
    checkpoint("candidate")
    return next(v for v in list_versions(settings) if v.version == version)


def release(
    settings: Settings,
    candidate: Version,
    gates: Sequence[Gate] = (),
    checkpoint: Callable[[str], None] = lambda _: None,
) -> Version:
    """Makes `candidate` current if every gate passed; otherwise the old version goes on serving.

    Raises GateError, naming the gates that refused it. The caller holds the build lock.
    """
    results = Jsonb([asdict(gate) for gate in gates])
    refused = [gate for gate in gates if not gate.passed]
    with ledger.connect(settings) as connection:
        if refused:
            reason = "; ".join(f"{gate.name}: {gate.detail}" for gate in refused)
            connection.execute(
                "update publish_version set status = 'refused', gates = %s, reason = %s where version = %s",
                [results, reason[:4000], candidate.version],
            )
            candidate.path.unlink(missing_ok=True)
            serving = read_current(settings)
            raise GateError(
                f"version {candidate.version} is refused by {len(refused)} of {len(gates)} gates: {reason}",
                remedy=f"{f'version {serving.version} goes on serving' if serving else 'nothing is published yet'}; "
                "correct the data or the model and build again",
            )
        connection.execute("update publish_version set gates = %s where version = %s", [results, candidate.version])
        checkpoint("audited")
        switch(settings, candidate.version, candidate.path.name)
        checkpoint("switched")
        connection.execute(
            "update publish_version set status = 'published', published_at = now() at time zone 'utc' where version = %s",
            [candidate.version],
        )
        _retire(settings, connection)
    return next(v for v in list_versions(settings) if v.version == candidate.version)


def publish(
    settings: Settings,
    *,
    engine: str | None = None,
    audit: Audit | None = None,
    checkpoint: Callable[[str], None] = lambda _: None,
    only: Sequence[str] | None = None,
) -> Version:
    """`prepare`, `audit` on the candidate, `release`. The caller holds the build lock."""
    candidate = prepare(settings, engine, checkpoint, only)
    return release(settings, candidate, audit(candidate) if audit else (), checkpoint)


def _base(settings: Settings, engine: str) -> copying.Base | None:
    """The current version, if its file can be completed."""
    current = next((v for v in list_versions(settings, readable=True) if v.is_current), None)
    if current is None:
        return None
    # rows of another engine's version are of another journal: nothing of them is known to be the same
    return copying.Base(current.path, current.contents if current.engine == engine else Contents())


def _highest_file(settings: Settings) -> int:
    """Versions on disk count too: a name must never come back, even if the ledger was lost."""
    numbers = [int(p.stem[1:]) for p in versions_dir(settings).glob("v*.duckdb") if p.stem[1:].isdigit()]
    return max(numbers, default=0)


def _reconcile(settings: Settings, connection: ledger.Connection) -> None:
    """Ends what a killed publication left half done: the switch decides whether it happened."""
    current = read_current(settings)
    rows = connection.execute("select version, file from publish_version where status = 'candidate'").fetchall()
    for row in rows:
        if current and current.version == row["version"]:
            connection.execute(
                "update publish_version set status = 'published', published_at = created_at where version = %s",
                [row["version"]],
            )
            continue
        (versions_dir(settings) / row["file"]).unlink(missing_ok=True)
        connection.execute(
            "update publish_version set status = 'failed', reason = 'the process ended before the switch' where version = %s",
            [row["version"]],
        )
    for leftover in versions_dir(settings).glob(".*"):
        leftover.unlink(missing_ok=True)


def _retire(settings: Settings, connection: ledger.Connection) -> None:
    """Keeps the newest versions. Unlinking is safe: a reader that has one open goes on reading it."""
    rows = connection.execute(
        "select version, file from publish_version where status = 'published' order by version desc offset %s",
        [settings.keep_versions],
    ).fetchall()
    for row in rows:
        (versions_dir(settings) / row["file"]).unlink(missing_ok=True)
        connection.execute("update publish_version set status = 'retired' where version = %s", [row["version"]])
