"""What became, in the marts, of files that the inbox has taken: the last line of their reports.

Belongs here: the list of reports that wait, `<home>/inbox/.waiting.json`. Does not belong here: publishing.
Only a run that holds the build writes the list, so one process at a time does.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from nexus.settings import Settings
from orchestration.inbox.folder import root
from orchestration.inbox.report import now, with_outcome


def expect(settings: Settings, report: Path, batches: Sequence[str]) -> None:
    """`report` is to be told when its batches are published."""
    _write(settings, {**_waiting(settings), str(report.relative_to(root(settings))): list(batches)})


def published(settings: Settings, version: int, sources: frozenset[str] | None = None) -> None:
    """A version with every batch loaded so far has been published (of `sources`; None: of all): the reports say so."""
    left = {}
    for name, batches in _waiting(settings).items():
        if sources is not None and Path(name).parts[1] not in sources:
            left[name] = batches
            continue
        _tell(settings, name, f"Published in version {version} on {now()}. Look: `nexus versions`.")
    _write(settings, left)


def conclude(settings: Settings, run: str = "") -> None:
    """A run has ended: the reports that still wait say why, and wait on."""
    waiting = _waiting(settings)
    if not waiting:
        return
    from warehouse.quality.record import recorded

    refusals = [r for r in recorded(settings) if not r.passed]
    if refusals:
        why = "; ".join(r.sentence() for r in refusals[:5])
        text = (
            f"Not published yet: {len(refusals)} gates refused the build ({why}). The records are safe in the lake and"
            " readers keep the version they had. `nexus gates --failed` shows the rows; after mending, the next build"
            f" publishes them. ({now()})"
        )
    else:
        text = (
            "Not published yet: the run ended before its publication; the records are safe in the lake and the next"
            f" build takes them along. Its pages: {run or 'Dagster, Runs'}. ({now()})"
        )
    for name in waiting:
        _tell(settings, name, text)


def _tell(settings: Settings, name: str, text: str) -> None:
    path = root(settings) / name
    if not path.exists():
        return  # somebody has tidied up
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    scratch.write_text(with_outcome(path.read_text(), text))
    scratch.replace(path)


def _waiting(settings: Settings) -> dict[str, list[str]]:
    path = root(settings) / ".waiting.json"
    content: dict[str, list[str]] = json.loads(path.read_text()) if path.exists() else {}
    return content


def _write(settings: Settings, waiting: dict[str, list[str]]) -> None:
    path = root(settings) / ".waiting.json"
    if not waiting and not path.exists():
        return
    scratch = path.with_suffix(f".{os.getpid()}.tmp")
    scratch.write_text(json.dumps(waiting, indent=2))
    scratch.replace(path)
