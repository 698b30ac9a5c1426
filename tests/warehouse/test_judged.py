"""A gate reads what came since it passed, and what that shares a key with; whatever else it promises is judged whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from nexus.settings import Settings
from tests.warehouse.conftest import SHOP, Write, payment
from warehouse.engines import NAMES
from warehouse.judged import judged, passed
from warehouse.land import land
from warehouse.load import load_pending
from warehouse.quality import check_contract
from warehouse.quality.reads import reading

PAYMENT = next(t for t in SHOP.tables if t.name == "payment")
RELATION = PAYMENT.relation


@pytest.fixture(params=NAMES)
def build(request: pytest.FixtureRequest, settings: Settings, write: Write) -> Iterator[Any]:
    """Two loads of payments: p1 and p2, then p3."""
    home = settings.model_copy(update={"warehouse": request.param})
    for name, numbers in (("1.jsonl", (1, 2)), ("2.jsonl", (3,))):
        land(SHOP, [write(name, *map(payment, numbers))], "demo", home)
        load_pending(home.warehouse, home, SHOP.tables)
    with reading(home) as reads:
        yield reads


def _violations(build: Any, since: int | None) -> int:
    (result,) = check_contract([PAYMENT], build, {} if since is None else {RELATION: since})
    return result.violations


def test_sound_rows_pass_however_few_are_read(build: Any) -> None:
    assert [_violations(build, since) for since in (None, 0, 1, 2)] == [0, 0, 0, 0]


def test_a_row_that_came_since_is_judged_and_one_that_has_passed_is_not(build: Any) -> None:
    build.run(f"update raw.{RELATION} set status = 'lost' where id in ('p1', 'p3')")
    assert [_violations(build, since) for since in (None, 0, 1, 2)] == [2, 2, 1, 0]


def test_a_row_that_came_since_may_share_its_key_with_one_that_has_passed(build: Any) -> None:
    build.run(f"update raw.{RELATION} set id = 'p1' where id = 'p3'")
    assert [_violations(build, since) for since in (None, 1)] == [1, 1]


def test_a_gate_that_promises_something_else_has_judged_nothing(build: Any) -> None:
    stamps = {"a.contract": PAYMENT.fingerprint, "b.contract": "x"}
    assert judged(build, stamps) == {}
    passed(build, {"a.contract": 3, "b.contract": 4}, stamps)
    passed(build, {"a.contract": 5}, stamps)
    assert judged(build, stamps) == {"a.contract": 5, "b.contract": 4}
    changed = replace(PAYMENT, columns=PAYMENT.columns[:-1]).fingerprint
    assert judged(build, {**stamps, "a.contract": changed}) == {"b.contract": 4}


def test_a_table_that_is_made_anew_has_been_judged_by_nobody(settings: Settings, write: Write) -> None:
    from nexus.contracts import Kind

    for engine in NAMES:
        home = settings.model_copy(update={"warehouse": engine})
        land(SHOP, [write("1.jsonl", payment(1))], "demo", home)
        load_pending(engine, home, SHOP.tables)
        with reading(home) as reads:
            passed(reads, {"a": 1}, {"a": "x"})
        columns = tuple(replace(c, kind=Kind.string) if c.name == "amount" else c for c in PAYMENT.columns)
        load_pending(engine, home, [replace(PAYMENT, columns=columns)])
        with reading(home) as reads:
            assert judged(reads, {"a": "x"}) == {}
