"""A published warehouse for the tests that read one."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import duckdb
import pytest

from nexus.settings import Settings, get_settings
from tests.apps import shared
from warehouse import marts


@pytest.fixture(scope="session")
def published(session_settings: Settings) -> Settings:
    """A home with a published demo company."""
    shared.published(session_settings)
    return session_settings


@pytest.fixture
def at_home(published: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """This process reads the published home, as the pages do."""
    monkeypatch.setenv("NEXUS_HOME", str(published.home))
    get_settings.cache_clear()
    yield published
    get_settings.cache_clear()
    marts.reader(published).close()


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Mapping[str, str]], int]]:
    """`tiny({"marts.fct_x": SQL})` publishes a warehouse of a few rows, which this process then reads; its version.

    For the tests of one page: no company, no build, no database server.
    """

    def publish(relations: Mapping[str, str]) -> int:
        versions = tmp_path / "warehouse" / "versions"
        versions.mkdir(parents=True)
        with duckdb.connect(str(versions / "v000001.duckdb")) as connection:
            for name, query in relations.items():
                connection.execute(f"create schema if not exists {name.split('.')[0]}")
                connection.execute(f"create table {name} as {query}")
        (tmp_path / "warehouse" / "current").write_text(json.dumps({"version": 1, "file": "v000001.duckdb"}))
        monkeypatch.setenv("NEXUS_HOME", str(tmp_path))
        get_settings.cache_clear()
        return 1

    yield publish
    marts.reader(get_settings()).close()
    get_settings.cache_clear()


@pytest.fixture(autouse=True)
def own_main() -> Iterator[None]:
    """`AppTest` makes its script the process's `__main__`, which processes that later tests start would run again."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main
