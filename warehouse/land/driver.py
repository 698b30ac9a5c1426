"""One call that lands files: which, in which batches, under which lock.

Belongs here: the call, and clearing up after one that was killed. Does not belong here: one batch (batch.py).

Killed before the commit, a batch has not happened: the next landing of the source deletes its files.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from nexus.contracts import Source
from nexus.ids import workspace_slug
from nexus.settings import Settings
from warehouse import ledger
from warehouse.land import unpack
from warehouse.land.batch import Also, Batches, Checkpoint
from warehouse.land.files import ARCHIVE, InputFile, groups, look
from warehouse.land.refuse import Unreadable
from warehouse.land.report import LandingReport, Progress
from warehouse.land.stage import scratch_dir
from warehouse.land.telling import Teller
from warehouse.land.write import remove


def _nowhere(_: str) -> None:
    return None


def lock_name(workspace: str, source: str) -> str:
    return f"nexus.land.{workspace}.{source}"


def land(
    source: Source,
    paths: Sequence[Path],
    workspace: str,
    settings: Settings,
    *,
    mapping: str = "",
    progress: Callable[[Progress], None] | None = None,
    checkpoint: Checkpoint = _nowhere,
    also: Also | None = None,
    once_by_content: bool = True,
) -> LandingReport:
    """Lands `paths` (files or folders) of `source` in `workspace`, every record exactly once.

    Files go into batches of bounded size; a batch lands whole or not at all, and batches before a failed one stay.
    A file that cannot be read at all is among the report's `refused_files`, and the others land. `mapping` names the
    mapping that made `source`, where there are several (source `tabular`).
    `also` runs in the transaction that commits the last batch, with the counts of the whole call: what it writes is
    true exactly if everything has landed. Without `once_by_content` a file of a content that has landed before is read
    again: what a provider answers today may be, to the byte, what it answered last week, and mean a change back.
    With `also`, a file that nobody will ever read is one record of quarantine: whoever moves a cursor is not given it again.
    Raises NotFoundError and InputError for unusable paths, and where no file can be read, or with `also` one cannot be
    read now; ContractError when a column changed its type.
    """
    workspace_slug(workspace)
    found = look(source, paths)
    report = LandingReport(source.name, workspace, ignored_files=found.ignored)
    report.refuse(found.refused)
    tell = Teller(found.files, progress)
    with ledger.connect(settings) as connection, ledger.locked(connection, lock_name(workspace, source.name)):
        sweep(connection, settings, workspace, source.name)
        batches = Batches(
            source, workspace, mapping, settings, connection, report, tell, checkpoint, once_by_content,
            sets_aside=also is not None,
        )  # fmt: skip
        *earlier, last = groups(found.files)
        for group in earlier:
            _land(batches, group)
        _land(batches, last, also)
    tell.finish()
    if report.refused_files and not report.files:
        raise _nothing_readable(report)
    return report


def _land(batches: Batches, group: list[InputFile], also: Also | None = None) -> None:
    """Lands a group; of an archive, its members."""
    archive = group[0]
    if archive.reader != ARCHIVE:
        batches.land(group, also)
        return
    try:
        with unpack.unpacked(archive, batches.source, scratch_dir(batches.settings)) as members:
            batches.report.ignored_files += members.ignored
            if batches.sets_aside and members.refused:
                left = "; ".join(error.message for error in list(members.refused.values())[:5])
                batches.aside[archive.name] = Unreadable(f"{archive.name} was not read whole: {left}")
            else:
                batches.report.refuse(members.refused)
            batches.tell.replace(archive, members.files)
            for inner in groups(members.files):
                batches.land(inner)
    except Unreadable as error:
        if batches.sets_aside and not error.passes:
            batches.aside[archive.name] = error
        else:
            batches.report.refuse({archive.name: error})
    if archive.name in batches.aside:
        batches.land(group, also)
    else:
        batches.conclude(also)


def _nothing_readable(report: LandingReport) -> Unreadable:
    """The error of a landing that could read none of its files."""
    first, *more = report.refused_files.values()
    if not more:
        return first
    names = "; ".join(error.message for error in (first, *more[:4])) + (
        f"; and {len(more) - 4} more" if len(more) > 4 else ""
    )
    return Unreadable(f"none of {len(more) + 1} files can be read: {names}", remedy=first.remedy)


def sweep(connection: ledger.Connection, settings: Settings, workspace: str, source: str) -> None:
    """Removes what a landing that was killed has left behind. The caller holds the lock of the source."""
    dead = connection.execute(
        "select batch_id from batch where workspace_id = %s and source = %s and status = 'landing'", [workspace, source]
    ).fetchall()
    for row in dead:
        remove(settings.lake, row["batch_id"])
        connection.execute(
            "update batch set status = 'abandoned', reason = 'the process ended before the commit' where batch_id = %s",
            [row["batch_id"]],
        )
    scratch = {folder.name: folder for folder in scratch_dir(settings).glob("bat_*")}
    over = connection.execute(
        "select batch_id from batch where batch_id = any(%s) and status <> 'landing'", [list(scratch)]
    ).fetchall()
    for row in over:
        shutil.rmtree(scratch[row["batch_id"]], ignore_errors=True)
    unpack.sweep(scratch_dir(settings))
