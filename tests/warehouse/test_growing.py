"""A file that is followed while it is written ends with the hash of all of it, durable."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from random import Random

import pytest

from warehouse.land import growing
from warehouse.land.growing import Growing


@pytest.mark.parametrize("step", [1, 3_000, 1 << 30])
def test_the_hash_of_a_file_that_grew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    monkeypatch.setattr(growing, "_STEP", step)
    monkeypatch.setattr(growing, "_BLOCK", 700)
    durable: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: durable.append(os.fstat(handle).st_size))
    path, random = tmp_path / "file", Random(1)
    with path.open("wb", buffering=0) as handle:
        file = Growing(path)
        for _ in range(50):
            handle.write(random.randbytes(random.randrange(1_000)))
            file.grown()
    assert file.whole() == hashlib.sha256(path.read_bytes()).hexdigest()
    assert durable[-1] == path.stat().st_size
    assert (len(durable) > 1) == (step < 1 << 30)


def test_what_cannot_be_made_durable_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(handle: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(growing, "_STEP", 1)
    monkeypatch.setattr(os, "fsync", refuse)
    path = tmp_path / "file"
    path.write_bytes(b"x")
    file = Growing(path)
    file.grown()
    with pytest.raises(OSError, match="no space left"):
        file.whole()
    file.close()
