"""A restore happens whole or not at all, whatever became of the file, whoever is killed; the two commands."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from nexus import cli
from nexus.doctor import Finding
from nexus.errors import ConflictError, InputError, MachineError
from nexus.settings import PROJECT, Settings, get_settings
from nexus.supervise import exclusive
from tests.warehouse.backup.shared import Embedded
from tests.warehouse.conftest import killed
from tests.warehouse.test_publish import SQL, published
from warehouse import doctor
from warehouse.backup import backup, restore, verify
from warehouse.backup.archive import FORMAT, HEADER
from warehouse.marts import Reader
from warehouse.versions import list_versions


def _rewritten(source: Path, target: Path, change: Callable[[str, bytes], tuple[str, bytes]]) -> Path:
    """The backup with other names or bodies, in the same format."""
    with source.open("rb") as packed, target.open("wb") as out:
        reader = zstandard.ZstdDecompressor().stream_reader(packed)
        writer = zstandard.ZstdCompressor().stream_writer(out)
        with tarfile.open(fileobj=reader, mode="r|") as old, tarfile.open(fileobj=writer, mode="w|") as new:
            for entry in old:
                body = old.extractfile(entry)
                assert body is not None
                entry.name, content = change(entry.name, body.read())
                entry.size = len(content)
                new.addfile(entry, io.BytesIO(content))
        writer.close()
    return target


def _header(**other: object) -> Callable[[str, bytes], tuple[str, bytes]]:
    def change(name: str, body: bytes) -> tuple[str, bytes]:
        return name, json.dumps({**json.loads(body), **other}).encode() if name == HEADER else body

    return change


def _spoil(kind: str, good: Path, bad: Path) -> None:
    body = good.read_bytes()
    if kind == "text":
        bad.write_text("not a backup")
    elif kind == "empty":
        bad.write_bytes(b"")
    elif kind == "foreign":
        with zstandard.open(bad, "wb") as packed, tarfile.open(fileobj=packed, mode="w|") as tar:
            tar.add(good.parent, arcname="photos", recursive=False)
    elif kind == "cut":
        bad.write_bytes(body[: len(body) * 2 // 3])
    elif kind == "flipped":
        middle = len(body) // 2
        bad.write_bytes(body[:middle] + bytes([body[middle] ^ 0xFF]) + body[middle + 1 :])
    elif kind == "changed":
        _rewritten(good, bad, lambda n, b: (n, b"[1]" if n == "exports.json" else b))
    elif kind == "traversal":
        _rewritten(good, bad, lambda n, b: ("../outside" if n == "exports.json" else n, b))
    elif kind == "newer format":
        _rewritten(good, bad, _header(format=FORMAT + 1, nexus="9.0.0"))
    elif kind == "newer ledger":
        _rewritten(good, bad, _header(migrations=["0001_ledger", "9000_future"], nexus="9.0.0"))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("text", "no backup of Nexus"), ("empty", "no backup of Nexus"), ("foreign", "no backup of Nexus"),
        ("cut", "cut off|damaged"), ("flipped", "damaged"), ("changed", "damaged: 1 files differ, such as exports.json"),
        ("traversal", "'../outside', which no backup"), ("newer format", "made by Nexus 9.0.0.*update|does not know"),
        ("newer ledger", "newer Nexus .9.0.0.*9000_future"), ("absent", "there is no file"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_changes_nothing(
    good: Path, other: Settings, tmp_path: Path, kind: str, message: str
) -> None:
    bad = tmp_path / "bad.tar.zst"
    _spoil(kind, good, bad)
    for attempt in (lambda: verify(bad), lambda: restore(other, bad)):
        with pytest.raises(InputError, match=message) as caught:
            attempt()
        assert caught.value.remedy or kind == "text" or kind == "empty"
    assert not (tmp_path / "outside").exists()
    assert not other.home.exists() or {p.name for p in other.home.iterdir()} <= {"run"}
    restore(other, good)
    assert Reader(other).query(SQL).row(0) == (1, 1000)


def test_a_home_in_use_is_refused(good: Path, other: Settings) -> None:
    with exclusive(other), pytest.raises(ConflictError, match="already running"):
        restore(other, good)
    (other.home / "exports.json").write_text("[]")
    with pytest.raises(ConflictError, match=r"not empty: it holds exports\.json"):
        restore(other, good)
    assert (other.home / "exports.json").read_text() == "[]"
    (other.home / "exports.json").unlink()
    (other.home / ".exports.lock").touch()  # what looking at an empty home may leave
    list_versions(other)  # a ledger is made
    with pytest.raises(ConflictError, match="holds tables: nexus"):
        restore(other, good)


def test_a_restore_that_fails_leaves_nothing(good: Path, other: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(point: str) -> None:
        if point == "placed":
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk is full"):
        restore(other, good, checkpoint=fail)
    assert {p.name for p in other.home.iterdir()} == {"run"}
    restore(other, good)
    assert Reader(other).query(SQL).row(0) == (1, 1000)


@pytest.mark.integration
@pytest.mark.parametrize("point", ["unpacked", "databases", "placed"])
def test_a_killed_restore_can_be_repeated(good: Path, embedded: Embedded, point: str) -> None:
    home = embedded()
    script = f"""
import os, signal
from pathlib import Path
from nexus.settings import Settings
from warehouse.backup import restore
def die(reached):
    if reached == {point!r}:
        os.kill(os.getpid(), signal.SIGKILL)
restore(Settings(home=Path({str(home.home)!r})), Path({str(good)!r}), checkpoint=die)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    (finding,) = _troubles(home)
    assert (finding.level, str(good) in finding.message) == ("fail", True)
    restore(home, good)
    assert _troubles(home) == []
    assert Reader(home).query(SQL).row(0) == (1, 1000)
    assert [v.version for v in list_versions(home)] == [1]
    assert not (home.home / "restoring").exists()


def _troubles(home: Settings) -> list[Finding]:
    return [found for found in doctor.checks(home) if found.level != "ok"]


@pytest.mark.parametrize("point", ["held", "written"])
def test_a_killed_backup_leaves_no_file_with_its_name(settings: Settings, tmp_path: Path, point: str) -> None:
    published(settings, 1)
    target = tmp_path / "b.tar.zst"
    code = f"""
        from warehouse.backup import backup
        backup(settings, Path({str(target)!r}), checkpoint=die_at({point!r}))
    """
    assert killed(settings, code) == -9
    assert not target.exists()
    backup(settings, target)
    assert not (settings.run_dir / "backup").exists()
    verify(target)


def test_the_disk_is_full(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published(settings, 1)

    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("warehouse.backup.create.os.fsync", full)
    with pytest.raises(MachineError, match="No space left"):
        backup(settings, tmp_path / "b.tar.zst")
    assert [p for p in tmp_path.iterdir() if "b.tar" in p.name] == []


def test_commands(
    good: Path, other: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As their user runs them: one line that says what was done, JSON for programs, the exit code of each kind."""
    assert other.database_url is not None
    monkeypatch.setenv("NEXUS_HOME", str(other.home))
    monkeypatch.setenv("NEXUS_DATABASE_URL", other.database_url.get_secret_value())
    get_settings.cache_clear()

    def nexus(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["nexus", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        shown = capsys.readouterr()
        return int(ended.value.code or 0), shown.out.replace("\n", " "), shown.err

    try:
        code, out, _ = nexus("restore", str(good), "--check")
        assert (code, "is whole: " in out, "warehouse version 1" in out) == (0, True, True)
        code, out, _ = nexus("restore", str(good))
        assert code == 0
        assert f"→ {other.home}" in out
        code, _, err = nexus("restore", str(good))
        assert (code, "is not empty" in err, "Traceback" in err) == (5, True, False)
        code, out, _ = nexus("backup", str(tmp_path / "again.tar.zst"), "--no-secrets", "--json")
        assert code == 0
        told = json.loads(out)
        assert (told["version"], told["path"]) == (1, str(tmp_path / "again.tar.zst"))
        code, _, err = nexus("backup", str(tmp_path / "again.tar.zst"))
        assert (code, "never overwritten" in err) == (5, True)
        code, _, err = nexus("restore", str(tmp_path / "none.tar.zst"))
        assert (code, "there is no file" in err) == (2, True)
    finally:
        get_settings.cache_clear()
