"""Quarantine: what was turned away can be looked at and lands once its contract allows it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nexus.contracts import Column, Source
from nexus.errors import ContractError, NotFoundError
from nexus.settings import Settings
from orchestration.commands import exit_code
from tests.warehouse.conftest import Write, killed, payment
from tests.warehouse.test_land import counts, lake
from warehouse import quarantine, replaying
from warehouse.land import land


def lenient(shop: Source) -> Source:
    """The contract after somebody allowed one more status."""
    first = shop.tables[0]
    columns = tuple(Column("status") if c.name == "status" else c for c in first.columns)
    return replace(shop, tables=(replace(first, columns=columns), *shop.tables[1:]))


def test_replay_lands_what_the_contract_allows_now(settings: Settings, shop: Source, write: Write) -> None:
    bad = [payment(n, status="open") for n in (1, 2)]
    land(shop, [write("a.jsonl", *bad, payment(3, amount="x"), "nonsense", payment(4))], "demo", settings)
    before = replaying.replay(settings, shop, "demo")
    assert (before.tried, before.landed, sum(before.still_bad.values())) == (4, 0, 4)
    done = replaying.replay(settings, lenient(shop), "demo")
    assert (done.tried, done.landed, done.duplicate, sum(done.still_bad.values())) == (4, 2, 0, 2)
    rows = lake(settings, "payment").sort("id")
    assert rows["id"].to_list() == ["p1", "p2", "p4"]
    assert rows["_source_line"].to_list() == [1, 2, 5]
    assert rows["_source_file"].to_list() == ["a.jsonl"] * 3
    assert len(quarantine.read(settings)) == 2
    assert len(quarantine.read(settings, include_replayed=True)) == 4
    assert replaying.replay(settings, lenient(shop), "demo").landed == 0


def test_a_file_that_comes_again_tells_what_of_it_is_in_quarantine_still(
    settings: Settings, shop: Source, write: Write
) -> None:
    bad = [payment(1, status="open"), payment(2, status="open"), payment(3, amount="x")]
    first = write("a.jsonl", *bad, "nonsense", payment(4))
    land(shop, [first, write("b.jsonl", payment(5, status="open"))], "demo", settings)
    again = land(shop, [first], "demo", settings)
    assert (counts(again), again.still_quarantined) == ((5, 0, 1, 4), 4)
    assert exit_code(again) == 0
    replaying.replay(settings, lenient(shop), "demo")
    again = land(shop, [first], "demo", settings)
    assert (counts(again), again.still_quarantined) == ((5, 0, 3, 2), 2)
    assert again.tables["payment"].as_dict() == {"read": 4, "landed": 0, "duplicate": 3, "quarantined": 1}


def test_a_bad_file_that_comes_again_or_twice_is_bad_still(settings: Settings, shop: Source, write: Write) -> None:
    twice = [write(f"two/{name}.jsonl", "nonsense") for name in "ab"]
    assert counts(land(shop, [twice[0].parent], "demo", settings)) == (2, 0, 0, 2)
    assert len(quarantine.read(settings)) == 1
    assert exit_code(land(shop, twice[:1], "demo", settings)) == ContractError.exit_code


def test_replay_of_rows_without_id_counts_once(settings: Settings, shop: Source, write: Write) -> None:
    land(shop, [write("a.jsonl", {"kind": "line", "item": ["x"]}, {"kind": "order", "item": "y"})], "demo", settings)
    line = shop.tables[3]
    wider = replace(line, select="select _line, _text, doc from documents where _kind in ('line', 'order')")
    newer = replace(shop, tables=(*shop.tables[:3], wider))
    assert replaying.replay(settings, newer, "demo").landed == 1
    assert replaying.replay(settings, newer, "demo").landed == 0
    assert lake(settings, "line")["item"].to_list() == ["y"]


def test_replay_of_some_records(settings: Settings, shop: Source, write: Write) -> None:
    land(shop, [write("a.jsonl", *[payment(n, status="open") for n in (1, 2)])], "demo", settings)
    chosen = quarantine.read(settings)["quarantine_id"][1]
    assert replaying.replay(settings, lenient(shop), "demo", ids=[chosen]).landed == 1
    assert lake(settings, "payment")["id"].to_list() == ["p2"]
    with pytest.raises(NotFoundError, match="not in quarantine"):
        replaying.replay(settings, lenient(shop), "demo", ids=[chosen])


def test_replay_of_something_that_landed_meanwhile(settings: Settings, shop: Source, write: Write) -> None:
    land(shop, [write("a.jsonl", payment(1, status="open"), payment(2, status="open"))], "demo", settings)
    land(lenient(shop), [write("b.jsonl", payment(1, status="open"), payment(2, status="ok"))], "demo", settings)
    done = replaying.replay(settings, lenient(shop), "demo")
    assert (done.landed, done.duplicate) == (0, 1)
    assert list(done.still_bad) == ["has landed already with another body"]


@pytest.mark.parametrize("point", ["begun", "renamed", "committed"])
def test_a_killed_replay(settings: Settings, shop: Source, write: Write, point: str) -> None:
    land(shop, [write("a.jsonl", {"kind": "order", "item": "y"})], "demo", settings)
    code = f"""
        from dataclasses import replace
        from warehouse import replaying
        wider = replace(SHOP.tables[3], select="select _line, _text, doc from documents where _kind in ('line', 'order')")
        newer = replace(SHOP, tables=(*SHOP.tables[:3], wider))
        replaying.replay(settings, newer, "demo", checkpoint=die_at({point!r}))
    """
    assert killed(settings, code) == -9
    wider = replace(shop.tables[3], select="select _line, _text, doc from documents where _kind in ('line', 'order')")
    replaying.replay(settings, replace(shop, tables=(*shop.tables[:3], wider)), "demo")
    assert lake(settings, "line")["item"].to_list() == ["y"]
    assert quarantine.read(settings).is_empty()


def test_show(settings: Settings, shop: Source, write: Write) -> None:
    land(shop, [write("a.jsonl", "nonsense")], "demo", settings)
    (entry,) = quarantine.read(settings)["quarantine_id"]
    assert quarantine.show(settings, entry)["raw_text"] == "nonsense"
    with pytest.raises(NotFoundError):
        quarantine.show(settings, "qua_unknown")
