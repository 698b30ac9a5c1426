"""One group of files becomes one batch, whole or not at all.

Belongs here: the order of steps of a batch, and what happens when one of them fails.
Does not belong here: which files make a group (files.py), how a step works (its own module).

    begin (ledger) → read and stage → merge → write under temporary names → rename → commit (ledger)

A file that cannot be read, or that somebody writes to meanwhile, is taken out of its batch; the others land. Where a pull
would go on behind it (`also`), one that nobody will ever read is set aside instead: one record of quarantine.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from nexus.contracts import Source
from nexus.errors import InputError, NexusError
from nexus.ids import new_id
from nexus.settings import Settings
from warehouse import ledger
from warehouse.land import commit
from warehouse.land.ahead import ahead
from warehouse.land.changed_types import check_types
from warehouse.land.chunk import Bad, documents
from warehouse.land.collect import Outcome, collect
from warehouse.land.files import Digest, InputFile, mark, sha256
from warehouse.land.merge import merge
from warehouse.land.read import read
from warehouse.land.refuse import Unreadable, opened
from warehouse.land.remedies import unread_of
from warehouse.land.repeats import repeated
from warehouse.land.report import Counts, LandingReport
from warehouse.land.stage import Stage
from warehouse.land.telling import Teller
from warehouse.land.text import EXCERPT_BYTES, excerpt
from warehouse.land.write import remove, settle

#: Writes to the ledger in the transaction that commits; gets the counts of the whole call.
Also = Callable[[ledger.Connection, Counts], None]
#: Files of fewer bytes are hashed before they are read, which costs nothing to speak of.
_LARGE = 8 * 1024 * 1024
#: Called with the name of each step as it is reached; tests stop the process there.
Checkpoint = Callable[[str], None]


#: Reasons why a file was not read to its end.
_BREAKS_OFF = re.compile("the packed file |the Parquet file unpacks|not readable as Parquet")


def _refused_whole(name: str, why: str) -> Unreadable:
    """The error of a file whose rows have no id: given again mended, what had landed of it would land twice."""
    remedy = "copy or export the file again and ingest it"
    if "unpacks" in why:
        remedy = "if that is meant, unpack or export it in parts, and ingest those"
    return Unreadable(
        f"{name}: {why}. Its rows have no id to be known again by, so that nothing of it was taken", remedy=remedy
    )


class _Refused(InputError):
    """Files of a batch could not be read."""

    def __init__(self) -> None:
        super().__init__("a file could not be read")
        self.staged = False

    def note(self, report: LandingReport, name: str, error: Unreadable, staged: bool) -> None:
        report.refuse({name: error})
        self.staged = self.staged or staged
        self.message = error.message


@dataclass(slots=True)
class Batches:
    """What the batches of one landing have in common; the caller holds the lock of the source."""

    source: Source
    workspace: str
    mapping: str
    settings: Settings
    connection: ledger.Connection
    report: LandingReport
    tell: Teller
    checkpoint: Checkpoint
    once_by_content: bool
    #: Whether a file that nobody will ever read is set aside; those that are, by their names, and why.
    sets_aside: bool = False
    aside: dict[str, Unreadable] = field(default_factory=dict)

    def land(self, group: Sequence[InputFile], also: Also | None = None) -> None:
        """Lands `group` as one batch; `also` as in `driver.land`."""
        hashes, marks, repeats = self._new(group)
        if not hashes:
            self.conclude(also)
            return
        batch_id = new_id("bat")
        commit.begin(self.connection, batch_id, "landing", self.workspace, self.source, self.mapping)
        self.checkpoint("begun")
        names, size = {i: group[i].name for i in hashes}, sum(group[i].size for i in hashes)
        stage = Stage(self.source, self.settings, batch_id, names, self.workspace, size)
        refused = _Refused()
        try:
            for index in list(hashes):
                try:
                    hashes[index] = self._stage(stage, index, group[index], marks[index], hashes[index])
                except Unreadable as error:
                    if self.sets_aside and not error.passes:
                        self.aside[group[index].name] = error
                        refused.staged = refused.staged or stage.holds(index)
                        hashes[index] = self._set_aside(stage, index, group[index], error)
                    else:
                        refused.note(self.report, group[index].name, error, stage.holds(index))
                        del hashes[index]
                self.checkpoint("read")
            if also:
                self._all_read()
            if refused.staged or not hashes:
                raise refused
            files = {i: (group[i], digest or "") for i, digest in hashes.items()}
            outcome = self._commit(stage, batch_id, files, also)
        except BaseException as error:
            if commit.fail(self.connection, batch_id, error):
                remove(self.settings.lake, batch_id)
            if error is not refused:
                raise
        finally:
            stage.close()
        if refused.staged or not hashes:
            # some of it is among the rows of the others: those are read once more, without it (or with it set aside)
            self.land([group[i] for i in sorted({*hashes, *repeats})], also)
            return
        self.report.batches.append(batch_id)
        self._tell_counts(group, hashes, repeats, outcome)

    def conclude(self, also: Also | None) -> None:
        """Runs `also` where no batch is left to run it with."""
        if also:
            self._all_read()
            with self.connection.transaction():
                also(self.connection, self.report.total)

    def _all_read(self) -> None:
        """What `also` writes would be untrue if a file could not be read that may be readable later."""
        for error in self.report.refused_files.values():
            raise error

    def _new(
        self, group: Sequence[InputFile]
    ) -> tuple[dict[int, str | None], dict[int, tuple[int, int, int]], dict[int, int]]:
        """Hashes and marks of files that have not landed, by place; and of repeats within the group the first.

        A large file of a size that no other has is new, and hashed while it is read: its hash is None.
        """
        hashes: dict[int, str | None] = {}
        marks: dict[int, tuple[int, int, int]] = {}
        seen: dict[str, int] = {}
        repeats: dict[int, int] = {}
        alone = self._of_their_own_size(group)
        for index, file in enumerate(group):
            try:
                marks[index] = mark(file.path)
                if file.size in alone and file.size == marks[index][1]:
                    hashes[index] = None
                    continue
                digest = sha256(file.path)
            except Unreadable as error:
                self.report.refuse({file.name: error})
                self.tell.skip(file)
                continue
            earlier = self._landed(digest) if self.once_by_content else None
            if earlier is not None:
                self._repeated(file.name, repeated(self.connection, self.settings.lake, earlier))
                self.tell.skip(file)
            elif self.once_by_content and digest in seen:
                repeats[index] = seen[digest]
                self.tell.skip(file)
            else:
                seen[digest] = index
                hashes[index] = digest
        return hashes, marks, repeats

    def _of_their_own_size(self, group: Sequence[InputFile]) -> set[int]:
        """Sizes of large files that are not those of another of the group, or of one that has landed."""
        sizes = Counter(file.size for file in group)
        alone = {size for size, count in sizes.items() if count == 1 and size >= _LARGE}
        if not alone or not self.once_by_content:
            return alone
        return alone - commit.landed_sizes(self.connection, self.workspace, self.source.name, self.mapping, alone)

    def _landed(self, digest: str) -> commit.Landed | None:
        return commit.landed_file(self.connection, self.workspace, self.source.name, self.mapping, digest)

    def _stage(self, stage: Stage, index: int, file: InputFile, before: tuple[int, int, int], known: str | None) -> str:
        """Stages what `file` holds; its hash, unless `known`, made on the way.

        Raises Unreadable when it cannot be read to its end, or has changed meanwhile.
        """
        if file.name in self.aside:
            raise self.aside[file.name]
        digest = Digest()
        chunks = read(file, self.tell.reading(file), None if known else digest, lambda: not stage.scans())
        unread, ends = 0, None
        for chunk in ahead(chunks):
            stage.add(chunk, index)
            unread += chunk.unread
            ends = ends or next((bad.reason for bad in chunk.bad if _BREAKS_OFF.match(bad.reason)), None)
        if (unread or ends) and stage.holds_rows_without_id(index):
            raise _refused_whole(file.name, ends or unread_of(unread))
        self.report.unread.pop(file.name, None)
        if unread:
            self.report.unread[file.name] = unread
        found = known or digest.of(file.path)
        if mark(file.path) != before:
            changed = Unreadable(
                f"{file.name} was written to while it was read", remedy="ingest it again once it is complete"
            )
            changed.passes = True
            raise changed
        return found

    def _set_aside(self, stage: Stage, index: int, file: InputFile, error: Unreadable) -> str:
        """Stages the whole file as one record of quarantine; its hash."""
        with opened(file.path) as handle:
            head = handle.read(EXCERPT_BYTES)
        text = excerpt(head).replace("\0", "\\x00")
        if file.size > len(head):
            text = f"{text} … ({file.size:,} bytes, the first {len(head):,} are kept)"
        stage.add(documents([], [], [Bad(1, f"the file{error.message.removeprefix(file.name)}", text)]), index)
        self.tell.skip(file)
        return sha256(file.path)

    def _commit(
        self, stage: Stage, batch_id: str, files: dict[int, tuple[InputFile, str]], also: Also | None
    ) -> Outcome:
        check_types(stage, self.source, {i: file.name for i, (file, _) in files.items()})
        self.checkpoint("staged")
        for table in self.source.tables:
            parts = ledger.parts(self.connection, self.settings, self.source.name, table.name, self.workspace)
            merge(stage, table, parts)
        inputs = {i: file for i, (file, _) in files.items()}
        outcome = collect(stage, self.source, self.workspace, batch_id, self.settings, inputs)
        self.checkpoint("written")
        settle(self.settings.lake, outcome.files)
        self.checkpoint("renamed")
        whole = self.report.total.plus(outcome.total)
        commit.land(
            self.connection, batch_id, self.workspace, self.source, self.mapping, outcome,
            files if self.once_by_content else {}, also=(lambda c: also(c, whole)) if also else None,
        )  # fmt: skip
        self.checkpoint("committed")
        return outcome

    def _tell_counts(
        self, group: Sequence[InputFile], hashes: dict[int, str | None], repeats: dict[int, int], outcome: Outcome
    ) -> None:
        report = self.report
        for index in hashes:
            report.files.setdefault(group[index].name, Counts())
        for (index, name), counts in outcome.counts.items():
            report.count(group[index].name, name, counts)
        for index, first in repeats.items():
            if first in hashes:
                found = {name: counts.as_repeat() for (i, name), counts in outcome.counts.items() if i == first}
                self._repeated(group[index].name, found)
            else:
                report.refuse({group[index].name: report.refused_files[group[first].name]})
        for relation, fields in outcome.new_columns.items():
            known = report.new_columns.setdefault(relation, [])
            known.extend(field for field in fields if field not in known)
        for kind, count in outcome.outside.items():
            report.outside[kind] = report.outside.get(kind, 0) + count
        if not report.total.balanced:
            raise NexusError(
                f"landing of {self.source.name} does not add up: {report.total.as_dict()}",
                remedy="report this as a defect",
            )

    def _repeated(self, name: str, tables: dict[str, Counts]) -> None:
        self.report.repeated_files.append(name)
        self.report.files.setdefault(name, Counts())
        for table, counts in tables.items():
            self.report.count(name, table, counts)
            self.report.still_quarantined += counts.quarantined
