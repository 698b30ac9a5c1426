"""Published versions of the warehouse: which there are, and which one a moment in time means.

Belongs here: the ledger rows of versions, their files, `resolve`, retention.
Does not belong here: making one (publish.py), reading one (marts.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from nexus.errors import NotFoundError
from nexus.settings import Settings
from warehouse import ledger
from warehouse.current import read_current
from warehouse.journal import Contents


@dataclass(frozen=True, slots=True)
class Version:
    """One version. `path` may be gone when `status` is not `published`. Times are UTC."""

    version: int
    status: str
    engine: str
    path: Path
    created_at: datetime
    published_at: datetime | None
    batch_seq: int
    bytes: int | None
    gates: list[dict[str, Any]]
    reason: str | None
    is_current: bool = False
    contents: Contents = field(default_factory=Contents)


def versions_dir(settings: Settings) -> Path:
    return settings.warehouse_dir / "versions"


def file_name(version: int) -> str:
    return f"v{version:06d}.duckdb"


def list_versions(settings: Settings, *, readable: bool = False) -> list[Version]:
    """Newest first; with `readable` only those that can be opened."""
    current = read_current(settings)
    with ledger.connect(settings) as connection:
        rows = connection.execute("select * from publish_version order by version desc").fetchall()
    found = [
        Version(
            version=row["version"],
            # the switch of `current` is the moment of publication, even if the ledger was not told any more
            status="published" if current and current.version == row["version"] else row["status"],
            engine=row["engine"],
            path=versions_dir(settings) / row["file"],
            created_at=row["created_at"],
            published_at=row["published_at"]
            or (row["created_at"] if current and current.version == row["version"] else None),
            batch_seq=row["batch_seq"],
            bytes=row["byte_count"],
            gates=row["gates"],
            reason=row["reason"],
            is_current=bool(current and current.version == row["version"]),
            contents=Contents(**row["contents"]),
        )
        for row in rows
    ]
    return [v for v in found if v.status == "published" and v.path.exists()] if readable else found


def parse_as_of(text: str) -> int | datetime:
    """`12`, `v12` or `v000012` is a version; a date means its end, a time is UTC unless it says otherwise.

    Raises NotFoundError for anything else.
    """
    digits = text.removeprefix("v")
    if digits.isdigit() and (text.startswith("v") or len(digits) < 8):
        return int(digits)
    try:
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text), time.max)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise NotFoundError(
            f"{text!r} is neither a version nor a time", remedy="write 12, 2026-03-31 or 2026-03-31T12:00:00"
        ) from None
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def resolve(settings: Settings, as_of: int | str | date | datetime | None = None) -> Version:
    """The version called `as_of`, or the one that was current at that time; without it the current one.

    Raises NotFoundError when there is none, or none any more.
    """
    readable = list_versions(settings, readable=True)
    if not readable:
        raise NotFoundError("nothing is published yet", remedy="run: nexus build")
    if as_of is None:
        return next((v for v in readable if v.is_current), readable[0])
    wanted = parse_as_of(as_of) if isinstance(as_of, str) else as_of
    if isinstance(wanted, date) and not isinstance(wanted, datetime):
        wanted = datetime.combine(wanted, time.max)
    if isinstance(wanted, datetime):
        moment = wanted.astimezone(UTC).replace(tzinfo=None) if wanted.tzinfo else wanted
        found = next((v for v in readable if v.published_at and v.published_at <= moment), None)
    else:
        found = next((v for v in readable if v.version == wanted), None)
    if found is None:
        have = ", ".join(f"v{v.version} ({v.published_at:%Y-%m-%d %H:%M:%S})" for v in reversed(readable))
        raise NotFoundError(f"no readable version for {as_of}", remedy=f"readable are: {have}")
    return found
