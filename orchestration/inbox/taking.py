"""Takes what has arrived: lands it, writes the report, puts both into `done` or `failed`.

Belongs here: the order of these steps and what a crash between them means.
Does not belong here: landing itself, names in `done` and `failed` (putting.py).

    land (the ledger's commit) → note that a report waits for the marts → report → rename

Killed before the report, the file is taken again: its records are recognised, and the report says that they had landed
before. Killed before the rename, it has its report already and is only put away (putting.py).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from nexus.errors import InputError, Transient
from nexus.settings import Settings
from orchestration.inbox import outcome, putting, report, unforeseen
from orchestration.inbox.folder import DONE, FAILED, GIVEN_UP, Drop, drops, is_whole, settled
from orchestration.sources import choose
from warehouse import ledger, quarantine
from warehouse.land import LandingReport, Progress, land
from warehouse.land.refuse import Unreadable

_log = logging.getLogger("nexus.inbox")


def take(
    settings: Settings,
    source: str,
    progress: Callable[[Progress], None] | None = None,
    checkpoint: Callable[[str], None] = lambda _: None,
) -> list[LandingReport]:
    """Lands everything that has arrived whole for `source`; what cannot be landed is put into `failed`.

    Raises what is transient (a lock, a full disk, a lost database): then the file stays where it is, to be taken by the next run.
    """
    taken = []
    for drop in settled(settings, source):
        if written := putting.written_for(drop):
            putting.away(drop, written)
            continue
        refusal = drop.refusal()
        if refusal is None:
            try:
                if (landed := _land(settings, drop, progress, checkpoint)) is not None:
                    taken.append(landed)
            except InputError as error:
                if isinstance(error, Transient):
                    raise
                refusal = error
        if refusal is not None:
            _refuse(drop, refusal)
    return taken


def refuse_strays(settings: Settings) -> list[Path]:
    """Puts away what no source can ever take: unknown source, unusable workspace. Where the reports lie."""
    strays = [(drop, error) for drop in drops(settings) if (error := drop.refusal()) and is_whole(drop)]
    return [_refuse(drop, error) for drop, error in strays]


def _refuse(drop: Drop, error: InputError) -> Path:
    name, is_folder = drop.path.name, drop.path.is_dir()
    written = putting.written_for(drop) or putting.report_path(drop, FAILED)
    putting.write(drop, written, report.refused(name, drop.workspace, drop.source, error, is_folder=is_folder))
    putting.away(drop, written)
    return written


def _land(
    settings: Settings, drop: Drop, progress: Callable[[Progress], None] | None, checkpoint: Callable[[str], None]
) -> LandingReport | None:
    """None where somebody went on writing meanwhile: what was read has landed, and the rest will come next time."""
    before, unfinished = drop.fingerprint(), drop.unfinished()
    if not drop.files():
        raise InputError(
            f"nobody has finished what is in it, and nothing has changed for {GIVEN_UP}: {', '.join(unfinished[:10])}",
            remedy="upload it again; programs rename a file once it is complete",
        )
    try:
        source, mapping = choose(drop.source, [drop.path])
        landed = land(source, [drop.path], drop.workspace, settings, mapping=mapping, progress=progress)
    except Unreadable:
        if _changed(drop, before):
            return None
        raise
    except Exception as error:
        if isinstance(error, InputError) or unforeseen.may_pass(error):
            raise
        if _changed(drop, before):
            return None
        _log.exception("%s of %s could not be landed", drop.path.name, drop.source)
        raise unforeseen.refusal(drop.path.name, error) from error
    checkpoint("landed")
    if _changed(drop, before):
        return None
    reasons = quarantine.reasons(settings, landed.batches) if landed.quarantined else []
    with ledger.connect(settings) as connection:
        earlier = _earlier(connection, landed, drop) if landed.repeated_files else []
    text = report.landed(drop.path.name, landed, reasons, mapping, earlier, unfinished)
    good = not (landed.refused_files or landed.unread or unfinished) and (
        landed.total.landed + landed.total.duplicate > 0 or landed.total.read == 0
    )
    written = putting.report_path(drop, DONE if good else FAILED)
    if landed.batches:
        outcome.expect(settings, written, landed.batches)
    putting.write(drop, written, text)
    checkpoint("reported")
    putting.away(drop, written)
    return landed


def _changed(drop: Drop, before: tuple[tuple[str, int, int], ...]) -> bool:
    try:
        return drop.fingerprint() != before
    except FileNotFoundError:
        return True


def _earlier(connection: ledger.Connection, landed: LandingReport, drop: Drop) -> list[str]:
    from warehouse.land.files import sha256

    hashes = [sha256(path) for path in drop.files()]
    rows = connection.execute(
        "select distinct batch_id from landed_file where workspace_id = %s and source = %s and sha256 = any(%s)"
        " order by 1",
        [landed.workspace, landed.source, hashes],
    ).fetchall()
    return [row["batch_id"] for row in rows]
