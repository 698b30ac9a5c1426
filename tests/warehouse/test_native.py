"""The compiled part of the scan: made once and kept, and nothing is otherwise where there is no compiler."""

from __future__ import annotations

import sys
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from nexus.settings import Settings
from tests.warehouse.conftest import Write
from tests.warehouse.test_land import counts, lake
from tests.warehouse.test_stencils import SOURCE, THING, USUAL, as_texts, spelt, written
from warehouse import quarantine
from warehouse.land import land, native
from warehouse.land.arrow import hexadecimal
from warehouse.land.stencils import Stencils

pytestmark = pytest.mark.usefixtures("library")


def done(value: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(value)
    return future


def test_an_engine_that_reckons_hashes_otherwise_is_asked_for_them(library: Any) -> None:
    with duckdb.connect() as engine:
        assert native.agrees(library, engine)
        engine.execute("create macro hash(t) as 7::ubigint")
        assert not native.agrees(library, engine)
        assert Stencils(THING, engine).rows(as_texts([written(spelt(USUAL))])) is None


def test_hashes_are_written_alike_with_and_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.array([0, 1, 2**63, 2**64 - 1, 0x0123456789ABCDEF, 0xFEDCBA9876543210], np.uint64)
    expected = [f"{value:016x}" for value in values.tolist()]
    assert hexadecimal(values).to_pylist() == expected
    assert hexadecimal(values[::-2]).to_pylist() == expected[::-2]
    monkeypatch.setattr(native, "at_hand", lambda: None)
    assert hexadecimal(values).to_pylist() == expected
    assert hexadecimal(values[::-2]).to_pylist() == expected[::-2]


def test_the_library_is_compiled_once_and_kept_beside_bytecode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for compiler, message in [("no-such-compiler", "No such file"), ("false", "false failed: no message")]:
        with monkeypatch.context() as patched:
            patched.setattr(native, "compiler", lambda compiler=compiler: compiler)
            assert native._library() is None
            assert message in caplog.text
    assert native._library() is not None
    (kept,) = tmp_path.rglob("scan-*.so")
    monkeypatch.setattr(native, "compiler", lambda: None)
    assert native._library() is not None
    damaged = tmp_path / "scan-0.so"
    damaged.write_bytes(kept.read_bytes()[:100])
    assert native._intact(damaged) is None


@pytest.mark.usefixtures("every_file")
@pytest.mark.parametrize("compiled", [True, False])
def test_a_file_lands_alike_with_and_without_a_compiler(
    settings: Settings, write: Write, monkeypatch: pytest.MonkeyPatch, compiled: bool
) -> None:
    if not compiled:
        monkeypatch.setattr(native, "library", lambda: done(None))
        monkeypatch.setattr(native, "at_hand", lambda: None)
    values = spelt(USUAL)
    lines = [written(values | {"id": f'"x{n}"', "rate": f"{n}.25"}) for n in range(300)]
    lines[40], lines[41] = "nonsense", lines[42].replace('"ok":true', '"ok":"perhaps"')
    lines[100] = lines[99]
    lines[150] = lines[149].replace('"more":"plain"', '"more":"other"')
    lines[200] = lines[200].replace('"more"', '"rare"')
    report = land(SOURCE, [write("a.jsonl", *lines)], "demo", settings)
    assert counts(report) == (300, 296, 1, 3)
    assert report.new_columns == {"raw_plain__thing": ["list", "more", "rare"]}
    rows = lake(settings, "thing")
    kept = [n for n in range(300) if n not in (40, 41, 100, 150)]
    assert rows["id"].to_list() == [f"x{n}" for n in kept]
    assert [float(r) for r in rows["rate"]] == [n + 0.25 for n in kept]
    assert rows["_source_line"].to_list() == [n + 1 for n in kept]
    assert quarantine.read(settings)["source_line"].sort().to_list() == [41, 42, 151]
    assert counts(land(SOURCE, [write("b.jsonl", *lines[:30], *lines[297:])], "demo", settings)) == (33, 0, 33, 0)
