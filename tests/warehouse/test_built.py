"""A build is told which raw tables have rows that it has not seen; what it did not finish it is told again."""

from __future__ import annotations

import pytest

from nexus.settings import Settings
from tests.warehouse.conftest import SHOP, Write, customer, payment
from warehouse.built import forget_looks, newest_loads, remember, unbuilt
from warehouse.engines import NAMES, open_engine
from warehouse.land import land
from warehouse.load import load_pending


@pytest.fixture(params=NAMES)
def shop_home(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    return settings.model_copy(update={"warehouse": request.param})


def bring(settings: Settings, write: Write, name: str, *records: dict[str, object]) -> None:
    land(SHOP, [write(name, *records)], "demo", settings)
    load_pending(settings.warehouse, settings, SHOP.tables)


def test_only_tables_with_unseen_rows_are_named(shop_home: Settings, write: Write) -> None:
    bring(shop_home, write, "1.jsonl", payment(1), customer(1, "a", "2026-01-01T00:00:00Z"))
    assert unbuilt(shop_home, "marts", "p1") is None, "the first time everything is made"
    remember(shop_home, "marts", "p1", newest_loads(shop_home))
    assert unbuilt(shop_home, "marts", "p1") == set()
    assert unbuilt(shop_home, "features", "p1") is None, "each step comes as far as it comes"

    bring(shop_home, write, "2.jsonl", payment(2))
    assert unbuilt(shop_home, "marts", "p1") == {"raw_shop__payment"}
    assert unbuilt(shop_home, "marts", "p1") == {"raw_shop__payment"}, "a build that was killed has noted nothing"
    bring(shop_home, write, "3.jsonl", {"kind": "product", "id": "x", "name": "y"})
    assert unbuilt(shop_home, "marts", "p1") == {"raw_shop__payment", "raw_shop__product"}

    remember(shop_home, "marts", "p1", newest_loads(shop_home), {"raw_shop__payment"})
    assert unbuilt(shop_home, "marts", "p1") == {"raw_shop__product"}
    remember(shop_home, "marts", "p1", newest_loads(shop_home), set())
    assert unbuilt(shop_home, "marts", "p1") == {"raw_shop__product"}


def test_a_load_during_the_build_is_not_taken_for_built(shop_home: Settings, write: Write) -> None:
    bring(shop_home, write, "1.jsonl", payment(1))
    seen = newest_loads(shop_home)
    bring(shop_home, write, "2.jsonl", payment(2))
    remember(shop_home, "marts", "p1", seen)
    assert unbuilt(shop_home, "marts", "p1") == {"raw_shop__payment"}


def test_a_changed_project_makes_everything(shop_home: Settings, write: Write) -> None:
    bring(shop_home, write, "1.jsonl", payment(1))
    remember(shop_home, "marts", "p1", newest_loads(shop_home))
    assert unbuilt(shop_home, "marts", "p2") is None
    remember(shop_home, "marts", "p2", newest_loads(shop_home), {"raw_shop__payment"})
    assert unbuilt(shop_home, "marts", "p2") is None, "a part of it is not everything"
    remember(shop_home, "marts", "p2", newest_loads(shop_home))
    assert unbuilt(shop_home, "marts", "p2") == set()


def _write(settings: Settings, relation: str, number: int) -> None:
    """As dbt notes it: build `number` has written a row of `relation`."""
    with open_engine(settings.warehouse, settings) as session:
        run = session.connection.execute  # type: ignore[attr-defined]
        run("create table if not exists raw._build_number (build_id text, number bigint)")
        run("create table if not exists raw._written"
            " (relation text, number bigint, key_column text, workspace_id text, key text)")  # fmt: skip
        run("delete from raw._build_number")
        run(f"insert into raw._build_number values ('one', {number})")
        run(f"insert into raw._written values ('{relation}', {number}, 'id', 'demo', 'k')")


def test_a_model_that_stops_is_named_once_it_was_written(shop_home: Settings, write: Write) -> None:
    stops = {"int_day"}
    bring(shop_home, write, "1.jsonl", payment(1))
    _write(shop_home, "intermediate.int_day", 3)
    _write(shop_home, "intermediate.int_other", 3)
    assert newest_loads(shop_home, stops) == {"raw_shop__payment": 1, "int_day": 3}
    remember(shop_home, "marts", "p1", newest_loads(shop_home, stops))
    assert unbuilt(shop_home, "marts", "p1", stops) == set()

    bring(shop_home, write, "2.jsonl", payment(2))
    assert unbuilt(shop_home, "marts", "p1", stops) == {"raw_shop__payment"}
    _write(shop_home, "intermediate.int_day", 4)
    assert unbuilt(shop_home, "marts", "p1", stops) == {"raw_shop__payment", "int_day"}
    remember(shop_home, "marts", "p1", newest_loads(shop_home, stops), {"raw_shop__payment"})
    assert unbuilt(shop_home, "marts", "p1", stops) == {"int_day"}, "what lies behind it was not all built"


def test_a_step_that_makes_everything_leaves_the_looks_of_other_steps(shop_home: Settings) -> None:
    forget_looks(shop_home, [], [])
    with open_engine(shop_home.warehouse, shop_home) as session:
        run = session.connection.execute  # type: ignore[attr-defined]
        run("insert into raw._looked values ('marts.fact', 1), ('features.fact_of_day', 1)")
        run("insert into raw._judged values ('test.of_fact', 'b', 1), ('test.of_day', 'b', 1), ('fact.rule', 'b', 1)")
    forget_looks(shop_home, ["fact_of_day", "day"], ["test.of_day"])
    with open_engine(shop_home.warehouse, shop_home) as session:
        run = session.connection.execute  # type: ignore[attr-defined]
        held = run("select relation from raw._looked union all select gate from raw._judged order by 1").fetchall()
    names = [row["relation"] if isinstance(row, dict) else row[0] for row in held]
    assert names == ["fact.rule", "marts.fact", "test.of_fact"]


def test_a_table_that_is_made_anew_makes_everything(shop_home: Settings, write: Write) -> None:
    from dataclasses import replace

    from nexus.contracts import Kind

    bring(shop_home, write, "1.jsonl", payment(1))
    remember(shop_home, "marts", "p1", newest_loads(shop_home))
    changed = tuple(
        replace(t, columns=tuple(replace(c, kind=Kind.string) if c.name == "amount" else c for c in t.columns))
        for t in SHOP.tables
    )
    load_pending(shop_home.warehouse, shop_home, changed)
    assert unbuilt(shop_home, "marts", "p1") is None
