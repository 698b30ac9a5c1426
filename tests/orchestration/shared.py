"""A tiny company whose exports lie where builds look, and `nexus build` as its user runs it.

Belongs here: making homes, running and killing builds, comparing marts. Does not belong here: what is expected.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from nexus.demo import Options, generate
from nexus.settings import PROJECT, Settings
from orchestration.exports import Export, remember
from tests import homes
from warehouse.current import read_current
from warehouse.marts import open_file

WORKSPACE = "demo"
SOURCES = ("stripe", "paypal", "s3", "email_events", "okta")
#: When a row was built says nothing of what it says; predictions are made once and carry the moment.
UNCOMPARED = {"created_timestamp"}


def company(folder: Path) -> Path:
    generate(Options(customers=60, months=6, seed=11), folder)
    return folder


def home(folder: Path) -> Settings:
    """An empty home in which every build finds the company's exports."""
    settings = homes.make("build")
    for source in SOURCES:
        remember(settings, Export(WORKSPACE, source, str(folder / "export" / source)))
    return settings


def start(settings: Settings, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "nexus", "build", *options],
        cwd=PROJECT,
        env={**os.environ, "NEXUS_HOME": str(settings.home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(settings: Settings, *options: str) -> tuple[int, str]:
    """Exit code and output of a whole build."""
    child = start(settings, *options)
    output, _ = child.communicate(timeout=900)
    return child.returncode, output


def kill_after(settings: Settings, line: str, delay: float, *options: str) -> str:
    """Kills a build `delay` seconds after a line that contains `line`; returns what it had said until then."""
    child = start(settings, *options)
    said = []
    assert child.stdout is not None
    for text in child.stdout:
        said.append(text)
        if line in text:
            time.sleep(delay)
            break
    os.killpg(child.pid, signal.SIGKILL)
    child.stdout.close()
    child.wait()
    return "".join(said)


def marts(settings: Settings) -> dict[str, tuple[int, str]]:
    """Row count and content hash of every published relation that people read, whatever the order of rows."""
    current = read_current(settings)
    assert current is not None, "nothing is published"
    connection = open_file(current.path)
    found = {}
    try:
        relations = connection.execute(
            "select table_schema, table_name from information_schema.tables where table_schema in ('marts', 'features')"
        ).fetchall()
        for schema, name in relations:
            columns = [
                row[0]
                for row in connection.execute(f"describe {schema}.{name}").fetchall()
                if not row[0].startswith("_") and row[0] not in UNCOMPARED
            ]
            listed = ", ".join(f'"{c}"' for c in columns)
            rows = sorted(map(repr, connection.execute(f"select {listed} from {schema}.{name}").fetchall()))
            found[f"{schema}.{name}"] = (len(rows), hashlib.sha256("\n".join(rows).encode()).hexdigest())
    finally:
        connection.close()
    return found
