"""Landing's own reading and staging over text in memory, without lake or ledger: what a contract makes of documents."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from nexus.contracts import Source
from nexus.settings import Settings
from warehouse.land.files import discover
from warehouse.land.read import read
from warehouse.land.sql import staging
from warehouse.land.stage import Stage

SOURCES = Path(__file__).resolve().parents[3] / "orchestration" / "sources"


@dataclass
class Parsed:
    """Good rows by table, bad ones as (table, reason, raw text)."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    bad: list[tuple[str, str, str]] = field(default_factory=list)

    def one(self, table: str) -> dict[str, Any]:
        (row,) = self.rows[table]
        return row


Parse = Callable[..., Parsed]


def _stage(source: Source, paths: list[Path], settings: Settings) -> Stage:
    files, _ = discover(source, paths)
    stage = Stage(source, settings, "test", {index: file.name for index, file in enumerate(files)})
    for index, file in enumerate(files):
        for chunk in read(file, lambda _: None):
            stage.add(chunk, index)
    stage.flush()
    return stage


@pytest.fixture
def stage_files(tmp_path: Path) -> Iterator[Callable[[Source, list[Path]], Stage]]:
    """Stages files; for counts over many rows ask the stage's engine."""
    stages: list[Stage] = []

    def run(source: Source, paths: list[Path]) -> Stage:
        stages.append(_stage(source, paths, Settings(home=tmp_path / "home")))
        return stages[-1]

    yield run
    for stage in stages:
        stage.close()


@pytest.fixture
def parse(tmp_path: Path, stage_files: Callable[[Source, list[Path]], Stage]) -> Parse:
    """`parse(source, {"name.json": text})` writes the files (packed if named .gz) and gives what became of them."""

    def run(source: Source, files: dict[str, str]) -> Parsed:
        folder = tmp_path / "export"
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        stage = stage_files(source, [folder])
        parsed = Parsed()
        for table in source.tables:
            cursor = stage.engine.execute(f"select * from {staging(table)} order by rowid")
            names = [d[0] for d in cursor.description or []]
            found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
            parsed.rows[table.name] = [row for row in found if row["_reason"] is None]
            parsed.bad += [(table.name, row["_reason"], row["_raw"]) for row in found if row["_reason"] is not None]
        parsed.bad += stage.run("select _table, _reason, _raw from faults order by _line")
        return parsed

    return run


_PARSED: dict[str, Parsed] = {}


@pytest.fixture
def fixtures(parse: Parse) -> Callable[[Source], Parsed]:
    """What becomes of all fixture files of a source; worked out once."""

    def run(source: Source) -> Parsed:
        if source.name not in _PARSED:
            folder = SOURCES / source.name / "fixtures"
            files = {p.relative_to(folder).as_posix(): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}
            _PARSED[source.name] = parse(source, files)
        return _PARSED[source.name]

    return run
