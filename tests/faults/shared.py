"""Homes, commands that are killed, readers that never stop reading, and whether two homes hold the same marts.

Belongs here: doing it. Does not belong here: what is expected of it (the tests).
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from nexus.settings import PROJECT, Settings
from tests.orchestration.shared import UNCOMPARED
from warehouse.current import read_current
from warehouse.marts import open_file

SOURCES = ("stripe", "paypal", "s3", "email_events", "okta")
#: The same seed gives the same instants; change it by hand to look for others.
SEED = int(os.environ.get("NEXUS_TEST_SEED", "7"))
#: Rows and content of each relation that people read.
Digest = dict[str, tuple[int, str]]


def instants(count: int, longest: float, name: str) -> list[float]:
    """`count` instants between now and `longest` seconds, drawn anew for each `name`."""
    drawn = random.Random(f"{SEED}/{name}")
    return [round(drawn.uniform(0.0, longest), 3) for _ in range(count)]


def environment(settings: Settings, **more: str) -> dict[str, str]:
    found = {"NEXUS_HOME": str(settings.home), "NEXUS_KEEP_VERSIONS": str(settings.keep_versions), **more}
    if settings.database_url is not None:
        found["NEXUS_DATABASE_URL"] = settings.database_url.get_secret_value()
    return found


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: `code` as a shell sees it (negative: killed by that signal), and all it printed."""

    code: int
    said: str

    @property
    def was_killed(self) -> bool:
        return self.code == -signal.SIGKILL


class Zygote:
    """Runs `nexus …` in forks of a warm process (zygote.py), one at a time; kills them."""

    def __init__(self, *imports: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.zygote", *imports],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
            start_new_session=True,
        )
        assert self._answer() == {"ready": True}

    def run(
        self,
        settings: Settings,
        *argv: str,
        die_at: str = "",
        victim: str = "self",
        kill_after: float | None = None,
        env: dict[str, str] | None = None,
    ) -> Ended:
        """One command to its end, which is a kill at the step `die_at` or after `kill_after` seconds, if asked for.

        With `victim` "postgres" it is the home's server that is killed, and the command goes on.
        """
        with tempfile.NamedTemporaryFile("r", suffix=".log") as log:
            order = {
                "argv": argv,
                "env": environment(settings, **(env or {})),
                "die_at": die_at,
                "victim": victim,
                "log": log.name,
            }
            self._tell(order)
            pid = self._answer()["pid"]
            timer = threading.Timer(kill_after or 0, _kill_group, [pid])
            if kill_after is not None:
                timer.start()
            code = self._answer()["code"]
            timer.cancel()
            return Ended(code, log.read())

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()

    def _tell(self, order: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the warm process has ended"
        answer: dict[str, Any] = json.loads(line)
        return answer


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def command(settings: Settings, *argv: str, **env: str) -> subprocess.Popen[str]:
    """`nexus …` as a shell would start it."""
    return subprocess.Popen(
        [sys.executable, "-m", "nexus", *argv],
        cwd=PROJECT,
        env={**os.environ, **environment(settings), **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def ended(process: subprocess.Popen[str], timeout: float = 600) -> Ended:
    said, _ = process.communicate(timeout=timeout)
    return Ended(process.returncode, said)


def digest(settings: Settings) -> Digest:
    """Rows and content of every relation of the published version, whatever the order of its rows."""
    current = read_current(settings)
    assert current is not None, "nothing is published"
    return digest_of(current.path)


def digest_of(path: Path, where: str = "") -> Digest:
    """The same of a version's file; `where` restricts it to some rows, and `workspace_id` is left out then."""
    connection = open_file(path)
    try:
        return _digest(connection, "nexus", where)
    finally:
        connection.close()


def digest_build(path: Path, where: str = "") -> Digest:
    """The same of the private build, which nobody works on."""
    with duckdb.connect(str(path), read_only=True) as connection:
        return _digest(connection, path.stem, where)


def _digest(connection: duckdb.DuckDBPyConnection, catalog: str, where: str) -> Digest:
    found = {}
    relations = connection.execute(
        "select table_schema, table_name from information_schema.tables"
        " where table_schema in ('intermediate', 'marts', 'features') and table_catalog = $1 and table_type = 'BASE TABLE'",
        [catalog],
    ).fetchall()
    for schema, name in relations:
        dropped = UNCOMPARED | ({"workspace_id"} if where else set())
        columns = [
            row[0]
            for row in connection.execute(f"describe {schema}.{name}").fetchall()
            if not row[0].startswith("_") and row[0] not in dropped
        ]
        row = ", ".join(f'"{c}"' for c in columns)
        count, content = connection.execute(
            f"select count(*), coalesce(md5(string_agg(h, '' order by h)), '')"
            f" from (select md5(row({row})::varchar) as h from {schema}.{name} {where})"
        ).fetchall()[0]
        found[f"{schema}.{name}"] = (count, content)
    return found


def differences(one: Digest, other: Digest) -> list[str]:
    return [
        f"{n}: {one.get(n)} is not {other.get(n)}"
        for n in sorted(one.keys() | other.keys())
        if one.get(n) != other.get(n)
    ]


@dataclass(slots=True)
class Reading:
    """What readers in other processes saw: for each version the contents they found in it, and how often they read."""

    contents: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    reads: int = 0
    failures: list[str] = field(default_factory=list)

    def assert_whole(self) -> None:
        """They read, never failed, and found in each version one content only."""
        assert self.failures == []
        assert self.reads > 0
        torn = {version: len(found) for version, found in self.contents.items() if len(found) != 1}
        assert torn == {}, f"versions with more than one content: {torn}"


@contextlib.contextmanager
def readers(settings: Settings, count: int = 1, as_of: bool = False) -> Iterator[Reading]:
    """Processes that read all the while; what they saw is complete once the block has ended."""
    seen = Reading()
    arguments = ["--as-of"] if as_of else []
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.faults.reader", *arguments],
            cwd=PROJECT,
            env={**os.environ, **environment(settings)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    try:
        yield seen
        # one more look at what was published last
        time.sleep(0.3)
    finally:
        for process in processes:
            said, _ = process.communicate("stop\n", timeout=60)
            told = json.loads(said.splitlines()[-1])
            seen.reads += told["reads"]
            seen.failures += told["failures"]
            for version, contents in told["contents"].items():
                seen.contents[int(version)].update(contents)


def finish(zygote: Zygote, settings: Settings, commands: Sequence[Sequence[str]]) -> None:
    """Runs every command to its good end."""
    for argv in commands:
        done = zygote.run(settings, *argv)
        assert done.code == 0, f"nexus {' '.join(argv)}\n{done.said}"
