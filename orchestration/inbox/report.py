"""The report that lies beside a file which the inbox has taken: for the person who dropped it.

Belongs here: its words. Does not belong here: landing, moving files (taking.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from nexus.errors import InputError
from warehouse.land.remedies import UNREAD, unread

if TYPE_CHECKING:
    from warehouse.land import LandingReport
    from warehouse.quarantine import Reason

#: The last section: the only one that is written again.
MARTS = "## In the marts"
_REASONS = 20


def landed(
    name: str,
    report: LandingReport,
    reasons: Sequence[Reason],
    mapping: str,
    earlier: Sequence[str] = (),
    unfinished: Sequence[str] = (),
) -> str:
    """Report of a file of which something was read; `earlier` are batches that had brought the same files before,
    `unfinished` files of a folder that nobody has finished writing."""
    total = report.total
    good = total.landed + total.duplicate > 0 or total.read == 0
    lines = [
        *_head(
            name,
            _verdict(good, bool(report.refused_files or report.unread or unfinished)),
            report.workspace,
            report.source,
        ),
        *([f"| mapping | {_cell(mapping)} |"] if mapping else []),
        f"| batches | {', '.join(report.batches) or 'none: nothing in it was new'} |",
        "",
        f"**{total.read:,} read = {total.landed:,} landed + {total.duplicate:,} duplicate"
        f" + {total.quarantined:,} quarantined**",
        "",
        "| table | read | landed | duplicate | quarantined |",
        "|---|---:|---:|---:|---:|",
    ]
    for table, counts in sorted(report.tables.items()):
        lines.append(f"| {table or '(no table)'} | " + " | ".join(f"{n:,}" for n in counts.as_dict().values()) + " |")
    lines.append("")
    if report.repeated_files:
        brought = f" (batch {', '.join(earlier)})" if earlier else ""
        lines += [f"Landed before, with the same content{brought}: {_few(report.repeated_files)}.", ""]
    if report.still_quarantined:
        lines += [f"Still in quarantine since then: {report.still_quarantined:,} records.", ""]
    if ignored := [n for n in report.ignored_files if n not in unfinished]:
        lines += [f"Not read, because no reader takes files of such names: {_few(ignored)}.", ""]
    if report.empty_files:
        lines += [f"Without a record: {_few(report.empty_files)}.", ""]
    if unfinished:
        lines += [
            f"Not finished by whoever uploads it, as their names say, and so not read: {_few(unfinished)}."
            " Upload them again, and drop the folder again.", "",
        ]  # fmt: skip
    if report.refused_files:
        lines += [
            "## Not read", "", "Nothing of these files has landed. Mend them and drop them again.", "",
            "| why | what to do |", "|---|---|",
            *(f"| {_cell(e.message)} | {_cell(e.remedy or '')} |" for e in report.refused_files.values()), "",
        ]  # fmt: skip
    if report.unread:
        lines += [
            "## Not read whole", "", *(f"- {_cell(unread(n, size))}" for n, size in report.unread.items()), "",
            f"What to do: {UNREAD}.", "",
        ]  # fmt: skip
    for relation, fields in sorted(report.new_columns.items()):
        lines += [f"New fields in {relation}, kept in `_extra`: {_few(fields)}.", ""]
    if total.quarantined:
        lines += _quarantine(report.workspace, report.source, total.quarantined, reasons)
    return "\n".join([*lines, MARTS, "", _waits(total.landed), ""])


def refused(name: str, workspace: str, source: str, error: InputError, *, is_folder: bool = False) -> str:
    """Report of a file of which nothing has landed; of a folder, files read before the refused one may have."""
    lines = [
        *_head(name, "refused", workspace, source),
        "",
        "The files read before the one named below may have landed; it and the rest have not."
        if is_folder
        else "Nothing of it has landed.",
        "",
        "## Why",
        "",
        error.message,
        "",
        "## What to do",
        "",
        f"{error.remedy or 'Correct the file.'}",
        "",
        "Then drop it again: a record that has landed before is recognised, so nothing comes twice.",
        "",
    ]
    return "\n".join(lines)


def with_outcome(text: str, outcome: str) -> str:
    """The report `text` with another last section."""
    return f"{text.partition(MARTS)[0]}{MARTS}\n\n{outcome}\n"


def now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _verdict(good: bool, some_refused: bool) -> str:
    if not good:
        return "nothing could be landed"
    return "landed in part" if some_refused else "landed"


def _head(name: str, verdict: str, workspace: str, source: str) -> list[str]:
    return [
        f"# {name}: {verdict}",
        "",
        "| | |",
        "|---|---|",
        f"| workspace | {_cell(workspace) or 'none'} |",
        f"| source | {_cell(source) or 'none'} |",
        f"| taken | {now()} |",
    ]


def _quarantine(workspace: str, source: str, count: int, reasons: Sequence[Reason]) -> list[str]:
    lines = [
        "## In quarantine",
        "",
        "These records broke the contract of the source. They are kept, and can be tried again.",
        "",
        *(["| records | reason | first in | line |", "|---:|---|---|---:|"] if reasons else []),
        *(f"| {r.count:,} | {_cell(r.reason)} | {_cell(Path(r.file).name)} | {r.line} |" for r in reasons[:_REASONS]),
    ]
    if len(reasons) > _REASONS:
        rest = sum(r.count for r in reasons[_REASONS:])
        lines.append(f"| {rest:,} | {len(reasons) - _REASONS} more reasons | | |")
    return [
        *lines,
        "",
        f"All {count:,} with their text: `nexus quarantine list --workspace {workspace} --source {source}`, then"
        " `nexus quarantine show ID`. Correct them where they come from and drop the corrected file, or, if the"
        f" contract was wrong, correct it and run `nexus quarantine replay {source} --workspace {workspace}`.",
        "",
    ]


def _waits(landed: int) -> str:
    if not landed:
        return "Nothing new, so nothing to publish."
    return "On their way: the records are safe in the lake; this line changes once the gates have judged them."


def _few(names: Sequence[str], count: int = 10) -> str:
    rest = len(names) - count
    return ", ".join(f"`{_cell(n)}`" for n in names[:count]) + (f" and {rest:,} more" if rest > 0 else "")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
