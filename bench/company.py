"""The demo company as a history of any length, and its newest hundredth apart: what two rows of the bench build on.

Belongs here: generating, cutting off what is new, landing. Does not belong here: what is measured (rows/).

Up to a million records the company has fewer customers; beyond, several workspaces hold the same company.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

from nexus.demo import Options, generate
from nexus.settings import Settings
from orchestration.sources import discover
from warehouse.land import land

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
    """Lands every export of `folder` in each workspace; records landed."""
    landed = 0
    for workspace in workspaces:
        for source in SOURCES:
            if (folder / source).is_dir():
                landed += land(discover()[source], [folder / source], workspace, settings).landed
    return landed
