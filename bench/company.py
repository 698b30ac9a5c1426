"""The demo company as a history of any length, and its newest hundredth apart: what two rows of the bench build on.

Belongs here: generating, cutting off what is new, landing. Does not belong here: what is measured (rows/).

Up to a million records the company has fewer customers; beyond, several workspaces hold the same company.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from nexus.demo import Options, generate
from nexus.ids import new_id
from nexus.settings import Settings
from orchestration.sources import discover
from warehouse import ledger
from warehouse.land import land
from warehouse.land.sql import literal
from warehouse.land.write import OPTIONS, lake_path

SOURCES = ("stripe", "paypal", "s3", "email_events", "okta")
#: What two thousand customers leave behind in eighteen months.
_COMPANY, _CUSTOMERS = 1_057_444, 2000
#: Exports of the last month that grow by lines, each of them a fact that depends on no other: new records come of these.
_GROWING = ("okta/system_log-*", "email_events/ses-*", "s3/access/*")


def make(folder: Path, records: int, seed: int) -> list[str]:
    """Writes `folder/old` and `folder/new`, a hundredth of all records; names of the workspaces that hold them."""
    count = max(1, round(records / _COMPANY))
    customers = max(20, min(_CUSTOMERS, records * _CUSTOMERS // _COMPANY))
    generate(Options(customers=customers, seed=seed), folder / "company")
    export = folder / "company" / "export"
    (folder / "company" / "export").rename(folder / "old")
    _cut(folder / "old", folder / "new", min(records, _COMPANY) // 100)
    assert not export.exists()
    return [f"company-{n:02d}" for n in range(1, count + 1)]


def _cut(old: Path, new: Path, count: int) -> None:
    growing = [sorted(old.glob(pattern))[-1] for pattern in _GROWING]
    sizes = {path: sum(1 for _ in _lines(path)) for path in growing}
    share = min(1.0, count / sum(sizes.values()))
    for path in growing:
        lines = list(_lines(path))
        keep = round(len(lines) * (1 - share))
        _write(new / path.relative_to(old), lines[keep:])
        _write(path, lines[:keep])


def _lines(path: Path) -> Iterator[bytes]:
    with gzip.open(path, "rb") as handle:
        yield from handle


def _write(path: Path, lines: list[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wb", compresslevel=1) as handle:
        handle.writelines(lines)


def land_all(folder: Path, workspaces: list[str], settings: Settings) -> int:
    """Lands every export of `folder` in the first workspace, and what that gave in each of the others; records landed.

    Landing is measured elsewhere, and does the same for the same company: the others get its batches under other names.
    """
    first, *others = workspaces
    with ledger.connect(settings) as connection:
        before = {batch["batch_id"] for batch in _landed(connection, first)}
        landed = 0
        for source in SOURCES:
            if (folder / source).is_dir():
                landed += land(discover()[source], [folder / source], first, settings).landed
        batches = [batch for batch in _landed(connection, first) if batch["batch_id"] not in before]
        for other in others:
            for batch in batches:
                _copy(connection, settings, batch, other)
    return landed * len(workspaces)


def _landed(connection: ledger.Connection, workspace: str) -> list[dict[str, Any]]:
    return connection.execute(
        "select * from batch where workspace_id = %s and status = 'landed' order by seq", [workspace]
    ).fetchall()


def _copy(connection: ledger.Connection, settings: Settings, batch: dict[str, Any], workspace: str) -> None:
    """A batch of another workspace that holds the same records."""
    batch_id = new_id("bat")
    with connection.transaction():
        connection.execute(
            "insert into batch (batch_id, seq, kind, workspace_id, source, mapping, contract, status, landed_count)"
            " select %s, nextval('batch_seq'), kind, %s, source, mapping, contract, status, landed_count"
            " from batch where batch_id = %s",
            [batch_id, workspace, batch["batch_id"]],
        )
        for part in ledger.parts(connection, settings, batch["source"], workspace=batch["workspace_id"]):
            if part.batch_id != batch["batch_id"]:
                continue
            path = lake_path("raw", part.source, part.table, workspace, batch_id)
            (settings.lake / path).parent.mkdir(parents=True, exist_ok=True)
            duckdb.execute(
                f"copy (select * replace ({literal(workspace)} as workspace_id, {literal(batch_id)} as _batch_id)"
                f" from read_parquet({literal(str(part.path))}, hive_partitioning = false))"
                f" to {literal(str(settings.lake / path))} ({OPTIONS})"
            )
            connection.execute(
                "insert into batch_part values (%s, 'raw', %s, %s, %s, %s, %s, '')",
                [batch_id, part.source, part.table, path.as_posix(), part.rows, (settings.lake / path).stat().st_size],
            )
