"""One call that lands files: the order of steps, and what happens when one of them fails.

Belongs here: batches, locks, the commit. Does not belong here: how a step works (its own module).

    begin (ledger) → read and stage → merge → write under temporary names → rename → commit (ledger)

Killed before the commit, a batch has not happened: the next landing of the source deletes its files.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from nexus.contracts import Source
from nexus.errors import NexusError
from nexus.ids import new_id, workspace_slug
from nexus.settings import Settings
from warehouse import ledger
from warehouse.land import commit
from warehouse.land.collect import collect
from warehouse.land.files import InputFile, discover, groups, sha256
from warehouse.land.merge import merge
from warehouse.land.read import read
from warehouse.land.report import Counts, LandingReport, Progress
from warehouse.land.stage import Stage, scratch_dir
from warehouse.land.write import remove, settle

#: Writes to the ledger in the transaction that commits; gets the counts of the whole call.
Also = Callable[[ledger.Connection, Counts], None]
#: Called with the name of each step as it is reached; tests stop the process there.
Checkpoint = Callable[[str], None]


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
    `mapping` names the mapping that made `source`, where there are several (source `tabular`).
    `also` runs in the transaction that commits the last batch, with the counts of the whole call: what it writes is
    true exactly if everything has landed. Without `once_by_content` a file of a content that has landed before is read
    again: what a provider answers today may be, to the byte, what it answered last week, and mean a change back.
    Raises NotFoundError and InputError for unusable paths, ContractError when a column changed its type.
    """
    workspace_slug(workspace)
    files, ignored = discover(source, paths)
    report = LandingReport(source.name, workspace, ignored_files=ignored)
    tell = _Teller(files, progress)
    with ledger.connect(settings) as connection, ledger.locked(connection, lock_name(workspace, source.name)):
        sweep(connection, settings, workspace, source.name)
        pieces = list(groups(files))
        for number, group in enumerate(pieces, 1):
            last = also if number == len(pieces) else None
            _land_group(
                source, group, workspace, mapping, settings, connection, report, tell, checkpoint, last, once_by_content
            )
    tell.finish()
    return report


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


def _land_group(
    source: Source,
    group: list[InputFile],
    workspace: str,
    mapping: str,
    settings: Settings,
    connection: ledger.Connection,
    report: LandingReport,
    tell: _Teller,
    checkpoint: Checkpoint,
    also: Also | None,
    once_by_content: bool,
) -> None:
    hashes: dict[int, str] = {}
    seen: dict[str, int] = {}
    repeats: dict[int, str] = {}
    for index, file in enumerate(group):
        digest = sha256(file.path)
        earlier = commit.landed_file(connection, workspace, source.name, mapping, digest) if once_by_content else None
        if earlier is not None:
            report.repeated_files.append(file.name)
            for name, counts in earlier.items():
                report.count(file.name, name, counts.as_repeat())
            tell.skip(file)
        elif once_by_content and digest in seen:
            repeats[index] = digest
            tell.skip(file)
        else:
            seen[digest] = index
            hashes[index] = digest
    if not hashes:
        if also:
            with connection.transaction():
                also(connection, report.total)
        return
    batch_id = new_id("bat")
    commit.begin(connection, batch_id, "landing", workspace, source, mapping)
    checkpoint("begun")
    names = {index: group[index].name for index in hashes}
    stage = Stage(source, settings, batch_id, names)
    try:
        for index in hashes:
            file = group[index]
            for chunk in read(file, tell.reading(file)):
                stage.add(chunk, index)
            checkpoint("read")
        stage.check_types(names)
        checkpoint("staged")
        for table in source.tables:
            merge(stage, table, ledger.parts(connection, settings, source.name, table.name, workspace))
        outcome = collect(stage, source, workspace, batch_id, settings, {i: group[i] for i in hashes})
        checkpoint("written")
        settle(settings.lake, outcome.files)
        checkpoint("renamed")
        whole = report.total.plus(outcome.total)
        commit.land(
            connection, batch_id, workspace, source, mapping, outcome,
            {i: (group[i], hashes[i]) for i in hashes} if once_by_content else {},
            also=(lambda c: also(c, whole)) if also else None,
        )  # fmt: skip
        checkpoint("committed")
    except BaseException as error:
        if commit.fail(connection, batch_id, error):
            remove(settings.lake, batch_id)
        raise
    finally:
        stage.close()
    report.batches.append(batch_id)
    for (index, name), counts in outcome.counts.items():
        report.count(group[index].name, name, counts)
    for index, digest in repeats.items():
        report.repeated_files.append(group[index].name)
        for (first, name), counts in outcome.counts.items():
            if first == seen[digest]:
                report.count(group[index].name, name, counts.as_repeat())
    for relation, fields in outcome.new_columns.items():
        known = report.new_columns.setdefault(relation, [])
        known.extend(field for field in fields if field not in known)
    for kind, count in outcome.outside.items():
        report.outside[kind] = report.outside.get(kind, 0) + count
    _must_balance(report.total, source)


def _must_balance(total: Counts, source: Source) -> None:
    if not total.balanced:
        raise NexusError(
            f"landing of {source.name} does not add up: {total.as_dict()}", remedy="report this as a defect"
        )


class _Teller:
    """Turns bytes read into progress."""

    def __init__(self, files: Sequence[InputFile], progress: Callable[[Progress], None] | None) -> None:
        self._progress = progress
        self._total = sum(file.size for file in files)
        self._count = len(files)
        self._done = 0
        self._bytes = 0
        self._within = 0

    def reading(self, file: InputFile) -> Callable[[int], None]:
        self._finish_file(file)

        def on_read(count: int) -> None:
            self._within = min(self._within + count, file.size)
            self._tell(file.name)

        return on_read

    def skip(self, file: InputFile) -> None:
        self._finish_file(file)
        self._tell(file.name)

    def finish(self) -> None:
        self._bytes, self._within, self._done = self._total, 0, self._count
        self._tell("")

    def _finish_file(self, file: InputFile) -> None:
        self._bytes += self._within
        self._within = 0
        self._done += 1

    def _tell(self, name: str) -> None:
        if self._progress:
            done = min(self._bytes + self._within, self._total)
            self._progress(Progress(name, min(self._done, self._count), self._count, done, self._total))
