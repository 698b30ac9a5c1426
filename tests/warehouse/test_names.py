"""Names of fields that PostgreSQL cannot keep as they are keep no record from landing."""

from __future__ import annotations

import json
from random import Random

import pytest

from nexus.contracts import Source
from nexus.settings import Settings
from tests.warehouse.conftest import Write, payment
from tests.warehouse.test_land import counts, lake
from warehouse import ledger
from warehouse.land import land
from warehouse.land.names import MOST, escaped, storable

LONG = "".join(Random(7).choices("abcdefghijklmnopqrstuvwxyz0123456789äß漢😀", k=6000))


@pytest.mark.parametrize("name", ["colour", "Größe (cm)", "漢字", "a\\b", "x" * MOST, "", " "])
def test_a_usual_name_stays_as_it_is(name: str) -> None:
    assert storable(name) == name


@pytest.mark.parametrize(
    ("name", "stored"),
    [("a\0b", "a\\u0000b"), ("a\nb\x7f", "a\\u000ab\\u007f"), ("\x85", "\\u0085"), ("\ud800", "\\ud800")],
)
def test_a_control_character_is_written_out(name: str, stored: str) -> None:
    assert storable(name) == stored


def test_long_names_are_cut_and_stay_apart() -> None:
    stored = storable(LONG)
    assert len(stored) == MOST
    assert stored.startswith(LONG[:150])
    assert stored == storable(LONG)
    assert stored != storable(LONG + "x")
    assert len(storable("\0" * MOST)) == MOST


@pytest.mark.parametrize("name", ["a\0b", LONG], ids=["NUL", "long"])
def test_a_record_with_a_field_of_a_strange_name_lands_beside_the_others(
    settings: Settings, shop: Source, write: Write, name: str
) -> None:
    found = [payment(1), payment(2, **{name: 5})]
    report = land(shop, [write("a.jsonl", *found, payment(3))], "demo", settings)
    assert counts(report) == (3, 3, 0, 0)
    assert report.new_columns == {"raw_shop__payment": sorted(["kind", storable(name)])}
    assert json.loads(lake(settings, "payment")["_extra"][1])[name] == 5
    again = land(shop, [write("b.jsonl", payment(4, **{name: 6}))], "demo", settings)
    assert (counts(again), again.new_columns) == ((1, 1, 0, 0), {})


@pytest.mark.parametrize("message", ["a\0b", "half of a pair: \ud83d", "\0" * 5000])
def test_what_a_batch_failed_with_is_noted_whatever_it_holds(
    settings: Settings, shop: Source, write: Write, message: str
) -> None:
    def fails(step: str) -> None:
        if step == "staged":
            raise RuntimeError(message)

    with pytest.raises(RuntimeError):
        land(shop, [write("a.jsonl", payment(1))], "demo", settings, checkpoint=fails)
    with ledger.connect(settings) as connection:
        (batch,) = ledger.batches(connection)
    assert (batch["status"], batch["reason"]) == ("failed", escaped(message)[:4000])


def test_a_table_with_a_strange_name_of_a_column_lands(settings: Settings, shop: Source, write: Write) -> None:
    report = land(shop, [write("a.csv", "kind,item,a\0b", "line,x,1", "line,y,2")], "demo", settings)
    assert counts(report) == (2, 2, 0, 0)
    assert "a\\u0000b" in report.new_columns["raw_shop__line"]
