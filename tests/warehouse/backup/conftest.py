"""Homes to be kept and homes to be filled again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from nexus import postgres
from nexus.settings import Settings
from tests.warehouse.backup.shared import Embedded, wreck
from tests.warehouse.test_publish import published
from warehouse.backup import backup


@pytest.fixture
def embedded() -> Iterator[Embedded]:
    """Homes with a PostgreSQL of their own."""
    made: list[Settings] = []

    def run() -> Settings:
        folder = Path(tempfile.mkdtemp(prefix="nexus-backup-"))
        folder.chmod(0o755)
        made.append(Settings(home=folder))
        return made[-1]

    yield run
    for settings in made:
        wreck(settings)


@pytest.fixture
def other(session_settings: Settings, settings: Settings, tmp_path: Path) -> Iterator[Settings]:
    """A second empty home with an empty database of its own."""
    server = postgres.dsn(session_settings, "postgres")
    assert settings.database_url is not None
    name = settings.database_url.get_secret_value().split("/")[3].split("?")[0] + "_other"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create database {name}".encode())
    yield Settings(home=tmp_path / "other", database_url=SecretStr(server.replace("/postgres?", f"/{name}?")))
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"drop database if exists {name} with (force)".encode())


@pytest.fixture(scope="module")
def good(session_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small sound backup."""
    folder = tmp_path_factory.mktemp("good")
    name = "backup_good"
    server = postgres.dsn(session_settings, "postgres")
    postgres.dsn(session_settings, name)
    settings = Settings(home=folder / "home", database_url=SecretStr(server.replace("/postgres?", f"/{name}?")))
    published(settings, 1)
    (settings.home / "exports.json").write_text("[]")
    return backup(settings, folder / "good.tar.zst").path
