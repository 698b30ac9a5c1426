"""The clock of the machine is set back an hour while Nexus runs: ids stay unique, order stays order, newest is newest."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import libfaketime
import pytest

from nexus.settings import PROJECT
from tests import homes

LIBRARY = Path(libfaketime.__file__).parent / "vendor" / "libfaketime" / "src" / "libfaketime.so.1"


@pytest.mark.skipif(not LIBRARY.exists(), reason="libfaketime has no library for this platform")
def test_an_hour_back(tmp_path: Path) -> None:
    for number, name in ((1, "old"), (2, "new")):
        record = {"kind": "product", "id": "p1", "name": name}
        (tmp_path / f"{number}.jsonl").write_text(json.dumps(record) + "\n")
    settings = homes.make("faults")
    try:
        # beside the home, where the account that PostgreSQL runs as can read both
        library, clock = settings.home / LIBRARY.name, settings.home / "clock"
        shutil.copyfile(LIBRARY, library)
        clock.write_text("+1h\n")
        faked = {
            "LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1", "NEXUS_HOME": str(settings.home),
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "tests.faults.clock", str(tmp_path)],
            cwd=PROJECT, env={**os.environ, **faked}, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout.splitlines()[-1])
    finally:
        homes.discard(settings)
    assert 3500 < told.pop("set_back") < 3700
    assert told == {
        "ids": 4000,
        "same_process": True,
        "landed": [1, 1],
        "news_after_landing": True,
        "seen": [1, 2],
        "versions": [2, 1],
        "current": [2],
        "by_default": 2,
        "as_of_now": 2,
        "as_of_versions": [1, 2],
        "newest": [["new"]],
        "sequence": [1, 2],
    }
