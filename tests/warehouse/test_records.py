"""Records in memory land like those of files: by contract, once, and whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from nexus.contracts import Source
from nexus.errors import InputError
from nexus.settings import Settings
from tests.warehouse.conftest import killed, payment
from tests.warehouse.test_land import counts, lake
from warehouse import quarantine
from warehouse.land import Counts, land_records
from warehouse.ledger import Connection


def test_records_are_typed_merged_and_quarantined(settings: Settings, shop: Source) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    records = [payment(1, paid_at=moment, rate=Decimal("1.000000001")), payment(2, status="lost"), payment(1, amount=7)]
    report = land_records(shop, iter(records), "demo", settings)
    assert counts(report) == (3, 1, 0, 2)
    row = lake(settings, "payment").row(0, named=True)
    assert (str(row["paid_at"]), str(row["rate"])) == ("2026-01-02 03:04:05", "1.000000001")
    assert (row["_source_file"], row["_source_line"]) == ("records.jsonl", 1)
    assert quarantine.read(settings)["source_line"].to_list() == [2, 3]
    again = land_records(shop, [payment(3), *records[:1]], "demo", settings)
    assert counts(again) == (2, 1, 1, 0)


def test_the_same_records_land_once_unless_content_does_not_count(settings: Settings, shop: Source) -> None:
    rows = [{"kind": "line", "item": "x"}] * 2
    assert counts(land_records(shop, rows, "demo", settings)) == (2, 2, 0, 0)
    assert counts(land_records(shop, rows, "demo", settings)) == (2, 0, 2, 0)
    assert counts(land_records(shop, rows, "demo", settings, once_by_content=False)) == (2, 2, 0, 0)


def test_what_also_writes_is_true_exactly_if_the_records_have_landed(settings: Settings, shop: Source) -> None:
    told: list[Counts] = []

    def also(_: Connection, total: Counts) -> None:
        told.append(total)

    land_records(shop, [payment(1)], "demo", settings, also=also)
    land_records(shop, [], "demo", settings, also=also, once_by_content=False)
    assert [total.landed for total in told] == [1, 0]


def test_a_record_that_is_no_json_lands_nothing(settings: Settings, shop: Source) -> None:
    def records() -> Iterator[dict[str, Any]]:
        yield payment(1)
        yield payment(2, note={1, 2})

    with pytest.raises(InputError, match=r"record 2 cannot be written as JSON: .*: set"):
        land_records(shop, records(), "demo", settings)
    assert lake(settings, "payment").is_empty()
    assert not list((settings.run_dir / "records").iterdir())


def test_a_killed_landing_of_records_leaves_no_spool_for_long(settings: Settings, shop: Source) -> None:
    code = """
        from warehouse.land import land_records
        land_records(SHOP, [{"kind": "line", "item": "x"}], "demo", settings, checkpoint=die_at("read"))
    """
    assert killed(settings, code) == -9
    assert len(list((settings.run_dir / "records").iterdir())) == 1
    assert counts(land_records(shop, [{"kind": "line", "item": "x"}], "demo", settings)) == (1, 1, 0, 0)
    assert not list((settings.run_dir / "records").iterdir())
