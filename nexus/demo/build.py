"""Generates the company and writes its export and its truth into a folder, all or nothing.

Belongs here: the order of writing, and replacing a folder only when the new one is complete.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import orjson

from nexus.demo.options import Options
from nexus.demo.truth import write_truth
from nexus.demo.wire.okta import write_okta
from nexus.demo.wire.paypal import write_paypal
from nexus.demo.wire.s3 import write_s3
from nexus.demo.wire.sendgrid import write_sendgrid
from nexus.demo.wire.ses import write_ses
from nexus.demo.wire.stripe import write_stripe
from nexus.demo.wire.text import Folder
from nexus.demo.world.company import make_company
from nexus.errors import ConflictError

#: Written last: says that a folder is a complete demo company, and from which options.
MARKER = "demo.json"
STEPS = 10
Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Report:
    """Where it was written and how many records each file holds."""

    folder: Path
    options: Options
    records: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.records.values())

    def by_source(self) -> dict[str, tuple[int, int]]:
        """Files and records of each source."""
        found: dict[str, tuple[int, int]] = {}
        for name, count in self.records.items():
            files, records = found.get(source := name.split("/")[0], (0, 0))
            found[source] = files + 1, records + count
        return found


def generate(options: Options, folder: Path, *, replace: bool = False, step: Step = lambda _: None) -> Report:
    """Writes `folder/export` and `folder/truth`.

    `step` is told what begins, `STEPS` times. Raises ConflictError when `folder` holds something already, unless
    `replace` is given and what it holds is an earlier demo company.
    """
    folder = Path(folder)
    _check(folder, replace)
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        report = _write(options, partial, folder, step)
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return report


def _write(options: Options, partial: Path, folder: Path, step: Step) -> Report:
    company = make_company(options, step)
    export = Folder(partial / "export")
    try:
        for title, write in (
            ("Stripe", write_stripe),
            ("PayPal", write_paypal),
            ("S3", write_s3),
            ("SES", write_ses),
            ("SendGrid", write_sendgrid),
            ("Okta", write_okta),
        ):
            step(f"writing {title}")
            write(company, export)
    finally:
        export.close()
    step("writing the truth")
    write_truth(company, partial / "truth")
    report = Report(folder, options, dict(sorted(export.records.items())))
    settings = {**asdict(options), "until": options.until.isoformat()}
    body = {"options": settings, "records": report.records, "total": report.total}
    (partial / MARKER).write_bytes(orjson.dumps(body, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    return report


def _check(folder: Path, replace: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise ConflictError(f"{folder} is not a folder", remedy="give another --out")
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / MARKER).exists():
        raise ConflictError(f"{folder} holds other files", remedy="give an empty folder with --out")
    if not replace:
        raise ConflictError(
            f"{folder} holds a demo company already",
            remedy="pass --force to replace it, or give another --name or --out",
        )
