"""A tiny company, a warm command line, a PostgreSQL of their own, and the marts of an undisturbed run."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from nexus import postgres
from nexus.demo import Options, generate
from nexus.settings import Settings
from tests import homes
from tests.faults import shared
from tests.faults.shared import Digest, Zygote

_numbers = count(1)
NewHome = Callable[..., Settings]


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exports of eight customers over three months: some 1,600 records in 40 files."""
    folder = tmp_path_factory.mktemp("faults") / "company"
    generate(Options(customers=8, months=3, seed=11), folder)
    return folder / "export"


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """For ingests and small builds."""
    warm = Zygote()
    yield warm
    warm.close()


@pytest.fixture(scope="session")
def whole() -> Iterator[Zygote]:
    """For `nexus build` as a whole."""
    warm = Zygote("dagster", "dagster_dbt", "orchestration.build", "orchestration.execution")
    yield warm
    warm.close()


@pytest.fixture(scope="session")
def server() -> Iterator[Settings]:
    """The home of the PostgreSQL on which the homes of most tests have a database each."""
    with homes.home("faults") as made:
        homes.hurry(made)
        yield made


def database(server: Settings, template: str = "template1") -> tuple[str, SecretStr]:
    """A new database on the server; its name and address."""
    name, url = f"faults_{next(_numbers)}", postgres.dsn(server, "postgres")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create database {name} template {template}".encode())
    return name, SecretStr(url.replace("/postgres?", f"/{name}?"))


@pytest.fixture(scope="session")
def new_home(server: Settings) -> Iterator[NewHome]:
    """Makes homes that share nothing but the server: empty ones, or copies of one that was made."""
    folders: list[Path] = []

    def make(of: Settings | None = None, **more: Any) -> Settings:
        before = (
            of.database_url.get_secret_value().partition("?")[0].rpartition("/")[2] if of and of.database_url else ""
        )
        _, url = database(server, before or "template1")
        folder = Path(tempfile.mkdtemp(prefix="nexus-faults-home-"))
        folders.append(folder)
        if of:
            shutil.copytree(of.home, folder, dirs_exist_ok=True)
        return Settings(home=folder, database_url=url, **more)

    yield make
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def home(new_home: NewHome) -> Settings:
    return new_home()


@pytest.fixture(scope="session")
def started(new_home: NewHome, zygote: Zygote, company: Path) -> Settings:
    """A home of which version 1 is published, made of two sources, while batches of the three others wait."""
    settings = new_home()
    shared.finish(zygote, settings, [*landings(company, "okta", "s3"), ["small-build"]])
    shared.finish(zygote, settings, landings(company, "stripe", "paypal", "email_events"))
    return settings


@pytest.fixture(scope="session")
def undisturbed(new_home: NewHome, zygote: Zygote, company: Path) -> Digest:
    """What a home holds in which everything landed at once and nothing was ever killed."""
    settings = new_home()
    shared.finish(zygote, settings, [*landings(company), ["small-build"]])
    return shared.digest(settings)


def landings(company: Path, *sources: str) -> list[list[str]]:
    """The commands that land the company's exports."""
    return [["ingest", s, str(company / s), "--workspace", "demo", "--remember"] for s in sources or shared.SOURCES]
