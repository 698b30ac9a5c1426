"""Where exports lie that every build looks into again: files and folders that were remembered.

Belongs here: the list `<home>/exports.json`, and whether anything is new since the last build.
Does not belong here: the inbox, whose files are taken once (inbox/); reading what lies there (warehouse.land). A file
that has landed is recognised by its content.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC
from pathlib import Path

from nexus.ids import workspace_slug
from nexus.settings import Settings


@dataclass(frozen=True, slots=True, order=True)
class Export:
    """A file or folder that holds exports of one source for one workspace. `mapping` as in `nexus ingest`."""

    workspace: str
    source: str
    path: str
    mapping: str | None = None


def remember(settings: Settings, export: Export) -> None:
    """Makes every later build look into `export.path`; remembering twice is once."""
    workspace_slug(export.workspace)
    wanted = Export(export.workspace, export.source, str(Path(export.path).resolve()), export.mapping)
    with _changing(settings):
        _write(settings, {*_remembered(settings), wanted})


def forget(settings: Settings, path: Path) -> bool:
    """No build looks into `path` any more; what has landed stays. False if it was not remembered."""
    with _changing(settings):
        kept = _remembered(settings)
        left = [e for e in kept if e.path != str(path.resolve())]
        _write(settings, left)
    return len(left) < len(kept)


def relocate(settings: Settings, before: Path, after: Path) -> None:
    """What was remembered below `before` is remembered below `after`."""
    with _changing(settings):
        if remembered := _remembered(settings):
            _write(settings, [replace(e, path=_below(e.path, before, after)) for e in remembered])


def _below(path: str, before: Path, after: Path) -> str:
    return str(after / Path(path).relative_to(before)) if Path(path).is_relative_to(before) else path


def known(settings: Settings, source: str) -> list[Export]:
    """Every remembered place of `source` that exists."""
    return [e for e in _remembered(settings) if e.source == source and Path(e.path).exists()]


def something_new(settings: Settings) -> bool:
    """Whether a file has come, or a batch has landed, since the newest version was published, or features lag."""
    from orchestration.inbox import settled
    from orchestration.sources import discover
    from warehouse.current import read_current
    from warehouse.versions import list_versions

    if settled(settings):
        return True
    current = read_current(settings)
    if current is None:
        return any(known(settings, source) for source in discover())
    version = next((v for v in list_versions(settings) if v.version == current.version), None)
    if version is None or version.published_at is None:
        return True
    published = version.published_at.replace(tzinfo=UTC).timestamp()
    if published > time.time():
        # the clock was set back: times say nothing until a version has one of the new time
        return True
    return (
        landed_lately(settings)
        or features_lag(settings)
        or any(
            _came(path) > published
            for source in discover()
            for export in known(settings, source)
            for path in _files(Path(export.path))
        )
    )


def landed_lately(settings: Settings) -> bool:
    """Whether a batch was committed after its source was last loaded and judged.

    A batch may slip in between loading and judging: the margin costs one build too many rather than one too few. What
    Nexus predicted itself is no news. A judgement of the future was given before the clock was set back: it says
    nothing of what has landed since.
    """
    from warehouse.ledger import connect

    query = """
        select 1 from batch b where b.status = 'landed' and b.source <> 'nexus' and not exists (
            select 1 from gate_result g where g.gate = 'contract' and split_part(g.relation, '__', 1) = 'raw_' || b.source
              and g.judged_at - interval '15 minutes' > b.landed_at
              and g.judged_at <= now() at time zone 'utc')
        limit 1"""
    with connect(settings) as connection:
        return connection.execute(query).fetchone() is not None


def features_lag(settings: Settings) -> bool:
    """Whether marts were built after the features: what is dropped reaches the marts alone, at first.

    Whatever builds marts takes the judgements back of the features that are made of them; building these judges them
    again. What is published carries the judgements from before.
    """
    from warehouse.current import read_current
    from warehouse.ledger import connect

    current = read_current(settings)
    query = """
        with judged as (select relation || '.' || gate as gate from gate_result where not is_set_aside),
        carried as (
            select gate ->> 'name' as gate from publish_version, jsonb_array_elements(gates) as gate
            where version = %s)
        select exists (select from judged) and not exists (select from judged where gate ~ '^feat_')
            or exists (select from carried where gate ~ '^feat_' and gate not in (select gate from judged)) as lag"""
    with connect(settings) as connection:
        row = connection.execute(query, [current.version if current else 0]).fetchone()
    return bool(row and row["lag"])


def _came(path: Path) -> float:
    """When a file came to where it is: moving or copying it here may have kept an older time of its content."""
    stat = path.stat()
    return max(stat.st_mtime, stat.st_ctime)


def _files(path: Path) -> Iterable[Path]:
    return [path] if path.is_file() else (p for p in path.rglob("*") if p.is_file())


@contextmanager
def _changing(settings: Settings) -> Iterator[None]:
    """Held from reading the list to writing it: two landings that remember at once would forget one of them."""
    settings.home.mkdir(parents=True, exist_ok=True)
    handle = os.open(settings.home / ".exports.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _remembered(settings: Settings) -> list[Export]:
    path = settings.home / "exports.json"
    return [Export(**entry) for entry in json.loads(path.read_text())] if path.exists() else []


def _write(settings: Settings, exports: Iterable[Export]) -> None:
    path = settings.home / "exports.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(f".{os.getpid()}.tmp")
    scratch.write_text(
        json.dumps([asdict(e) for e in sorted(exports, key=lambda e: (e.workspace, e.source, e.path))], indent=2)
    )
    scratch.replace(path)
