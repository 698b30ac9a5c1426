"""Landing records that are in memory: an iterable of dicts, by the same contract and with the same promises as files.

Belongs here: the spool through which they go. Does not belong here: landing (driver.py).

They are spooled because a batch has to be read as a whole before it can be said what of it lands; a spool also costs no
memory. Times are taken as UTC where they have no zone; decimals keep every digit.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import psutil

from nexus.contracts import Source
from nexus.errors import InputError
from nexus.ids import new_id
from nexus.settings import Settings
from warehouse.land.batch import Also
from warehouse.land.driver import land
from warehouse.land.report import LandingReport

_BUFFER = 1024 * 1024
_OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC


def land_records(
    source: Source,
    records: Iterable[Mapping[str, Any]],
    workspace: str,
    settings: Settings,
    *,
    name: str = "records.jsonl",
    mapping: str = "",
    also: Also | None = None,
    once_by_content: bool = True,
    checkpoint: Callable[[str], None] = lambda _: None,
) -> LandingReport:
    """Lands `records`, documents of `source`, in `workspace`: each exactly once, good ones typed, bad ones quarantined.

    `name` stands for the file in `_source_file`, and the number of the record for the line. `also` and
    `once_by_content` are those of `land`: unless the latter is false, the same records in the same order land once even
    where they have no id. Raises InputError for a record that cannot be written as JSON (nothing has landed then), and
    whatever `land` raises.
    """
    with _spool(settings) as folder:
        path = folder / name
        _write(path, records)
        if not path.stat().st_size:
            path.write_bytes(b"\n")  # no record is no mistake, and `also` has to run all the same
        as_lines = replace(source, readers={"*": "jsonl"})
        return land(
            as_lines, [path], workspace, settings,
            mapping=mapping, also=also, once_by_content=once_by_content, checkpoint=checkpoint,
        )  # fmt: skip


def _write(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    dumps = orjson.dumps
    with path.open("wb", buffering=_BUFFER) as handle:
        for number, record in enumerate(records, 1):
            try:
                handle.write(dumps(record, _exact, _OPTIONS))
            except TypeError as error:
                raise InputError(
                    f"record {number} cannot be written as JSON: {error}",
                    remedy="give records of text, numbers, booleans, times, lists and objects; nothing of them has landed",
                ) from error


def _exact(value: Any) -> Any:
    """What JSON has no type for, as text."""
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} {str(value)[:60]!r}")


@contextmanager
def _spool(settings: Settings) -> Iterator[Path]:
    """A folder that is gone afterwards. Those of processes that were killed go too."""
    place = settings.run_dir / "records"
    for left in place.glob("*-*"):
        if not psutil.pid_exists(int(left.name.split("-")[0])):
            shutil.rmtree(left, ignore_errors=True)
    folder = place / f"{os.getpid()}-{new_id('rec')}"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
