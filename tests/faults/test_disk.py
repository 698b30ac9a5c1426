"""A full disk (a small tmpfs) under an ingest, a build and a publication: one message, nothing half done, and on it goes.

Mounting needs root; elsewhere these tests are skipped and say so.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from nexus.errors import MachineError
from nexus.settings import Settings
from tests.faults import test_build
from tests.faults.conftest import NewHome, landings
from tests.faults.shared import Digest, Ended, Zygote, differences, digest, finish, readers
from tests.faults.test_ingest import assert_tidy
from warehouse import ledger

KB = 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(place)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no file system may be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@contextlib.contextmanager
def left(place: Path, size: int) -> Iterator[None]:
    """Only `size` bytes are free on the disk of `place`."""
    filler = place / "filler"
    disk = os.statvfs(place)
    with filler.open("wb") as handle:
        os.posix_fallocate(handle.fileno(), 0, max(disk.f_bavail * disk.f_frsize - size, 1))
    try:
        yield
    finally:
        filler.unlink()


def moved(settings: Settings, place: Path) -> Settings:
    shutil.copytree(settings.home, place / "home", dirs_exist_ok=True)
    return settings.model_copy(update={"home": place / "home"})


def assert_told(done: Ended) -> None:
    assert done.code == MachineError.exit_code, done.said
    assert done.said.count("the disk is full") == 1, done.said
    assert "free some space" in done.said
    assert "Traceback" not in done.said, done.said
    assert "Logging error" not in done.said, done.said


def test_while_landing(new_home: NewHome, small_disk: Path, zygote: Zygote, company: Path) -> None:
    settings = moved(new_home(), small_disk)
    finish(zygote, settings, landings(company, "paypal"))
    for size in (0, 20 * KB):
        with left(small_disk, size):
            assert_told(zygote.run(settings, *landings(company, "okta")[0]))
            with ledger.connect(settings) as connection:
                assert ledger.parts(connection, settings, source="okta") == []
    finish(zygote, settings, landings(company, "okta"))
    with ledger.connect(settings) as connection:
        assert ledger.parts(connection, settings, source="okta") != []
        connection.execute("update batch set status = 'abandoned' where status = 'failed'")
    assert_tidy(settings)


@pytest.mark.long
def test_while_building_and_publishing(
    started: Settings, new_home: NewHome, small_disk: Path, zygote: Zygote, undisturbed: Digest
) -> None:
    settings = moved(new_home(started), small_disk)
    before = digest(settings)
    with readers(settings) as seen:
        for size in (64 * KB, 600 * KB, 3000 * KB):
            with left(small_disk, size):
                done = zygote.run(settings, "small-build")
                assert_told(done)
                assert digest(settings) == before, "readers keep the version they had"
        finish(zygote, settings, [["small-build"]])
        after = digest(settings)
        assert differences(after, undisturbed) == []
        with left(small_disk, 200 * KB):
            assert_told(zygote.run(settings, "small-publish"))
            assert digest(settings) == after
        finish(zygote, settings, [["small-publish"]])
    seen.assert_whole()
    assert digest(settings) == after
    test_build.assert_tidy(settings)
