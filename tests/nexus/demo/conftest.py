"""A small demo company, generated once for all tests of its formats, and readers of what it wrote.

The readers are written from the providers' documentation and know nothing of nexus.demo.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from nexus.demo import Options, Report, generate

Json = dict[str, Any]


def read_text(path: Path) -> str:
    body = path.read_bytes()
    return (gzip.decompress(body) if path.suffix == ".gz" else body).decode()


@dataclass(frozen=True)
class Written:
    """One generated folder."""

    report: Report

    @property
    def options(self) -> Options:
        return self.report.options

    def paths(self, pattern: str) -> list[Path]:
        return sorted((self.report.folder / "export").glob(pattern))

    def text(self, path: Path) -> str:
        return read_text(path)

    def jsonl(self, pattern: str) -> Iterator[Json]:
        for path in self.paths(pattern):
            for line in read_text(path).splitlines():
                yield json.loads(line)

    def documents(self, pattern: str) -> list[Any]:
        return [json.loads(read_text(path)) for path in self.paths(pattern)]

    def truth(self, name: str) -> pl.DataFrame:
        path = self.report.folder / "truth" / name
        return pl.read_csv(path, try_parse_dates=True) if path.suffix == ".csv" else pl.read_parquet(path)

    @cached_property
    def events(self) -> list[Json]:
        return list(self.jsonl("stripe/events-*"))

    @cached_property
    def charges(self) -> list[Json]:
        return list(self.jsonl("stripe/charges-*"))

    @cached_property
    def invoices(self) -> list[Json]:
        return list(self.jsonl("stripe/invoices-*"))

    @cached_property
    def log(self) -> list[Json]:
        return list(self.jsonl("okta/system_log-*"))


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """150 customers over 8 months: every kind of record occurs."""
    return Written(generate(Options(customers=150, months=8), tmp_path_factory.mktemp("demo") / "company"))
