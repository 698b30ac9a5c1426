"""Runs a row: generates its data, measures every side in a process of its own, compares what they left.

Belongs here: processes, homes, databases, memory. Does not belong here: what a row does (rows/), printing (show.py).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg

from bench.row import Measured, Row
from bench.side import COMPARE, PREPARE
from nexus import postgres
from nexus.errors import NexusError
from nexus.ids import new_id
from nexus.settings import PROJECT, Settings

#: A look takes two milliseconds of the two cores that are measured.
_SAMPLE_S = 0.1
#: How long a side may take to end what it has started.
_GRACE_S = 40


@dataclass(slots=True)
class Result:
    """What a row came to. `differences` is empty where all outputs are equal."""

    measures: dict[int, dict[str, Measured]] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)


class Server:
    """A PostgreSQL of the bench's own, with a database for each side."""

    def __init__(self, url: str) -> None:
        self._url = url

    def database(self) -> str:
        name = new_id("bench")
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(f"create database {name}".encode())
        return self._url.replace("/postgres?", f"/{name}?")


@contextmanager
def workshop() -> Iterator[tuple[Path, Server]]:
    """A folder and a server that are gone afterwards."""
    # readable for all, because under root PostgreSQL runs as another account
    folder = Path(tempfile.mkdtemp(prefix="nexus-bench-"))
    folder.chmod(0o755)
    settings = Settings(home=folder / "server", database_url=None)
    server = postgres.describe(settings)
    try:
        yield folder, Server(postgres.dsn(settings, "postgres"))
    finally:
        postgres.release(settings)
        postgres.stop(server)
        shutil.rmtree(server.data, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def measure(
    name: str, row: Row, sizes: tuple[int, ...], repeat: int, folder: Path, server: Server, seed: int,
    tell: Callable[[str], None],
) -> Result:  # fmt: skip
    """Every side at every size, the best of `repeat` turns; sides take turns, so that a slow minute hits all."""
    result = Result()
    for size in sizes:
        place = folder / f"{name}-{size}"
        place.mkdir()
        try:
            _measure_size(name, row, size, 1 if row.one_home else repeat, place, server, seed, tell, result)
        finally:
            shutil.rmtree(place, ignore_errors=True)
    return result


def _measure_size(
    name: str, row: Row, size: int, repeat: int, place: Path, server: Server, seed: int,
    tell: Callable[[str], None], result: Result,
) -> None:  # fmt: skip
    database = server.database()

    def step(what: str, home: Path, url: str) -> tuple[dict[str, Any], int]:
        tell(f"{name}, {size:,} {row.unit}: {what}")
        return _process([name, what, str(place), str(size), str(seed)], home, url)

    common = place / "home"
    step(PREPARE, common, database)
    best: dict[str, Measured] = {}
    for _ in range(repeat):
        for side in row.sides:
            home = common if row.one_home else place / f"home-{list(row.sides).index(side)}"
            if not row.one_home:
                shutil.rmtree(home, ignore_errors=True)
            told, sampled = step(side, home, database if row.one_home else server.database())
            found = Measured(told["rows"], told["seconds"], max(told["peak"], sampled), told["figures"])
            drawn = f", {row.curve} {found.figures[row.curve]:,.1f}" if row.curve else ""
            # sizes take minutes: whoever stops it keeps what it has found
            tell(f"{name}, {size:,} {row.unit}: {side} took {found.seconds:,.2f} s{drawn}")
            if side not in best or found.seconds < best[side].seconds:
                best[side] = found
    result.measures[size] = best
    told, _ = step(COMPARE, common, database)
    result.differences += [f"at {size:,} {row.unit}: {text}" for text in told["differences"]]


def _process(arguments: list[str], home: Path, url: str) -> tuple[dict[str, Any], int]:
    """What `bench.side` told, and the most memory that it and its children were seen to hold together."""
    # compiled once, as wherever Nexus is installed, not by every process again
    unwanted = {"PYTHONDONTWRITEBYTECODE"}
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NEXUS_") and k not in unwanted}
    environment |= {"NEXUS_HOME": str(home), "NEXUS_DATABASE_URL": url}
    with tempfile.TemporaryFile("w+") as output:
        command = [sys.executable, "-m", "bench.side", *arguments]
        process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=output)
        peak = 0
        try:
            while process.poll() is None:
                peak = max(peak, _held(process.pid))
                time.sleep(_SAMPLE_S)
        except BaseException:
            process.terminate()
            try:
                process.wait(_GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            raise
        output.seek(0)
        lines = output.read().splitlines()
    if process.returncode:
        raise NexusError(f"bench {arguments[0]}, {arguments[1]}: ended with {process.returncode}; see above")
    told: dict[str, Any] = json.loads(lines[-1])
    return told, peak


def _held(pid: int) -> int:
    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    total = 0
    for member in family:
        try:
            total += member.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total
