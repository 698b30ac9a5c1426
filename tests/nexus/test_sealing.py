"""What is sealed opens with its key, for its purpose and its row, and with nothing else."""

from __future__ import annotations

import stat
from pathlib import Path
from threading import Thread

import pytest
from pydantic import SecretStr

from nexus.sealing import Sealer, UnsealableError, path
from nexus.settings import Settings


def test_it_opens_for_its_purpose_and_row_alone(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    sealer = Sealer(settings, "a")
    sealed = sealer.seal(b"secret", "row_1")
    assert b"secret" not in sealed
    assert Sealer(settings, "a").open(sealed, "row_1") == b"secret"
    changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for other, text, about in (
        (sealer, sealed, "row_2"),
        (sealer, changed, "row_1"),
        (sealer, b"", "row_1"),
        (Sealer(settings, "b"), sealed, "row_1"),
        (Sealer(Settings(home=tmp_path / "other"), "a"), sealed, "row_1"),
    ):
        with pytest.raises(UnsealableError):
            other.open(text, about)


def test_codes(tmp_path: Path) -> None:
    sealer = Sealer(Settings(home=tmp_path), "a")
    assert sealer.verify("text", sealer.mac("text"))
    assert not sealer.verify("other", sealer.mac("text"))
    assert not sealer.verify("text", "")
    assert Sealer(Settings(home=tmp_path), "b").mac("text") != sealer.mac("text")


def test_the_key_is_its_owners_alone_and_made_once(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    made: list[bytes] = []
    threads = [Thread(target=lambda: made.append(Sealer(settings, "a").seal(b"x", "r"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {Sealer(settings, "a").open(sealed, "r") for sealed in made} == {b"x"}
    assert stat.S_IMODE(path(settings).stat().st_mode) == 0o600
    assert sorted(p.name for p in path(settings).parent.iterdir()) == ["sealing.key"]


def test_machines_that_share_a_database_share_a_key(tmp_path: Path) -> None:
    key = SecretStr("k" * 32)
    here, there = (Settings(home=tmp_path / name, sealing_key=key) for name in ("a", "b"))
    assert Sealer(there, "a").open(Sealer(here, "a").seal(b"x", "r"), "r") == b"x"
    assert not path(here).exists()
