"""A new version is asked what the one before was asked, before anybody waits for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb
import polars as pl
import pytest

from apps.streamlit.components import data
from warehouse import marts

READ = "select n from marts.fct_x where n = $wanted"


def test_the_next_version_answers_from_memory(
    tiny: Callable[[Mapping[str, str]], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data._questions.clear()
    version = tiny({"marts.fct_x": "select 1 as n", "marts.fct_gone": "select 1 as n"})
    assert data.read(READ, version, wanted=1)["n"].to_list() == [1]
    assert data.read("select n from marts.fct_gone", version)["n"].to_list() == [1]
    with duckdb.connect(str(tmp_path / "warehouse" / "versions" / "v000002.duckdb")) as connection:
        connection.execute("create schema marts; create table marts.fct_x as select unnest([1, 1]) as n")
    (tmp_path / "warehouse" / "current").write_text(json.dumps({"version": 2, "file": "v000002.duckdb"}))
    # the relation that is gone is no reason to leave out the others
    assert data.ask_again(data.version()) == 1

    def never(*_: object, **__: object) -> pl.DataFrame:
        raise AssertionError("it was read already")

    monkeypatch.setattr(marts, "query", never)
    assert data.read(READ, 2, wanted=1)["n"].to_list() == [1, 1]


def test_the_oldest_questions_are_forgotten(tiny: Callable[[Mapping[str, str]], int]) -> None:
    version = tiny({"marts.fct_x": "select 1 as n"})
    for wanted in range(data.MOST + 3):
        data.read(READ, version, wanted=wanted)
    assert len(data._questions) == data.MOST
    assert next(iter(data._questions))[1][1] == (("wanted", 3),)
