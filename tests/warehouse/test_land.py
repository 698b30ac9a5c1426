"""Landing: every record once, whole, typed; what cannot be landed is kept and counted."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import duckdb
import polars as pl
import pytest

from nexus.contracts import Source
from nexus.errors import ContractError, InputError, NotFoundError
from nexus.settings import Settings
from tests.warehouse.conftest import Write, customer, payment
from warehouse import ledger, quarantine
from warehouse.land import LandingReport, land


def lake(settings: Settings, table: str) -> pl.DataFrame:
    """Rows of every committed batch, in the order of commits."""
    with ledger.connect(settings) as connection:
        files = [str(p.path) for p in ledger.parts(connection, settings, table=table)]
    if not files:
        return pl.DataFrame()
    return pl.concat([pl.read_parquet(f, hive_partitioning=False) for f in files], how="diagonal")


def counts(report: LandingReport) -> tuple[int, int, int, int]:
    return report.read, report.landed, report.duplicate, report.quarantined


def test_typed_and_complete(settings: Settings, shop: Source, write: Write) -> None:
    path = write(
        "a.jsonl",
        payment(
            1, address={"city": "Łódź", "street": "x"}, rate="1.5", booked_at=1767323045, is_test=False, day="2026-01-02",
            tags=["a", {"b": None}], surprise={"deep": [1]},
        ),
    )  # fmt: skip
    report = land(shop, [path], "demo", settings)
    row = lake(settings, "payment").row(0, named=True)
    assert counts(report) == (1, 1, 0, 0)
    assert str(row["paid_at"]) == "2026-01-02 03:04:05"
    assert str(row["booked_at"]) == "2026-01-02 03:04:05"
    assert (row["city"], str(row["rate"]), row["is_test"], str(row["day"])) == (
        "Łódź",
        "1.500000000",
        False,
        "2026-01-02",
    )
    assert json.loads(row["tags"]) == ["a", {"b": None}]
    assert json.loads(row["_extra"]) == {"kind": "payment", "address": {"street": "x"}, "surprise": {"deep": [1]}}
    assert (row["workspace_id"], row["_record_key"], row["_source_file"], row["_source_line"]) == (
        "demo",
        "p1",
        "a.jsonl",
        1,
    )
    assert row["_batch_id"] == report.batches[0]


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-03-01T12:00:00+02:00", "2026-03-01 10:00:00"),
        ("2026-03-01T12:00:00.5Z", "2026-03-01 12:00:00.500000"),
        ("2026-03-01 12:00:00", "2026-03-01 12:00:00"),
        ("2026-03-01", "2026-03-01 00:00:00"),
        ("1970-01-01T00:00:00Z", "1970-01-01 00:00:00"),
        ("2099-12-31T23:59:59-0700", "2100-01-01 06:59:59"),
    ],
)
def test_times_are_utc(settings: Settings, shop: Source, write: Write, text: str, utc: str) -> None:
    land(shop, [write("a.jsonl", payment(1, paid_at=text))], "demo", settings)
    assert str(lake(settings, "payment")["paid_at"][0]) == utc


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"amount": "twelve"}, 'amount: expected integer, found "twelve"'),
        ({"amount": 12.5}, 'amount: expected integer, found "12.5"'),
        ({"amount": -1}, "amount: -1 is below 0"),
        ({"paid_at": None}, "paid_at: required, but missing"),
        ({"paid_at": "infinity"}, 'paid_at: expected timestamp (iso), found "infinity"'),
        ({"status": "lost"}, 'status: "lost" is none of ok, failed'),
        ({"id": None}, "id: required, but missing"),
        ({"status": {"code": "ok"}}, 'status: expected string, found "{"code":"ok"}"'),
        ({"rate": "1,5"}, 'rate: expected decimal, found "1,5"'),
        ({"booked_at": 10**18}, f'booked_at: expected timestamp (epoch), found "{10**18}"'),
    ],
)
def test_a_broken_promise_is_quarantined(
    settings: Settings, shop: Source, write: Write, change: dict[str, object], reason: str
) -> None:
    bad = payment(2) | change
    report = land(shop, [write("a.jsonl", payment(1), bad, payment(3))], "demo", settings)
    assert counts(report) == (3, 2, 0, 1)
    entry = quarantine.read(settings).row(0, named=True)
    assert reason in entry["reason"]
    assert (entry["table_name"], entry["source_file"], entry["source_line"]) == ("payment", "a.jsonl", 2)
    assert json.loads(entry["raw_text"]) == bad


def test_text_that_is_no_document(settings: Settings, shop: Source, tmp_path: Path) -> None:
    path = tmp_path / "b.jsonl"
    good = json.dumps(payment(1)).encode()
    nul = json.dumps(payment(7)).encode().replace(b"ok", b"o\0k")
    path.write_bytes(
        b"\xef\xbb\xbf" + good + b"\r\n\n{\"kind\": \"paym\n" + b"\xff\xfe{}\n" + b"17\n" + b'{"kind": "other"}\n' + nul + b"\n"
        + b"[" + good.replace(b"p1", b"p8") + b", " + good.replace(b"p1", b"p9") + b"]"
    )  # fmt: skip
    report = land(shop, [path], "demo", settings)
    entries = {e["source_line"]: e for e in quarantine.read(settings).iter_rows(named=True)}
    assert counts(report) == (8, 3, 0, 5)
    assert sorted(lake(settings, "payment")["id"]) == ["p1", "p8", "p9"]
    assert sorted(entries) == [3, 4, 5, 6, 7]
    assert entries[3]["reason"] == "not JSON: malformed or cut off"
    assert entries[3]["raw_text"] == '{"kind": "paym'
    assert entries[4]["reason"].startswith("not UTF-8: byte 0xff")
    assert entries[6]["reason"] == "'other' is not part of the shop contract"
    assert report.outside == {"other": 1}


def test_the_nul_character_is_not_let_in(settings: Settings, shop: Source, write: Write) -> None:
    report = land(shop, [write("a.jsonl", payment(1), payment(2, address={"city": "a\0b"}))], "demo", settings)
    assert counts(report) == (2, 1, 0, 1)
    assert quarantine.read(settings)["reason"].to_list() == ["city: holds a NUL character"]


def test_a_cut_off_gz_lands_what_it_holds(settings: Settings, shop: Source, tmp_path: Path) -> None:
    text = "".join(json.dumps(payment(n, note="x" * (n % 97))) + "\n" for n in range(20_000)).encode()
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(text)[:-5000])
    report = land(shop, [path], "demo", settings)
    reasons = quarantine.read(settings)["reason"].to_list()
    assert report.landed > 1000
    assert reasons == ["the packed file is cut off before its end"]
    assert sorted(lake(settings, "payment")["id"]) == sorted(f"p{n}" for n in range(report.landed))


def test_of_a_cut_off_gz_whose_rows_have_no_id_nothing_lands(settings: Settings, shop: Source, tmp_path: Path) -> None:
    rows = "".join(
        json.dumps({"kind": "line", "item": f"i{n}", "quantity": n, "note": "x" * (n % 97)}) + "\n"
        for n in range(4_000)
    )
    path, good = tmp_path / "a.jsonl.gz", tmp_path / "b.jsonl"
    good.write_text(json.dumps(payment(1)) + "\n")
    path.write_bytes(gzip.compress(rows.encode())[:-500])
    report = land(shop, [tmp_path], "demo", settings)
    assert counts(report) == (1, 1, 0, 0)
    (error,) = report.refused_files.values()
    assert error.message.startswith("a.jsonl.gz: the packed file is cut off before its end. Its rows have no id")
    assert quarantine.read(settings).is_empty()
    path.write_bytes(gzip.compress(rows.encode()))
    assert land(shop, [path], "demo", settings).landed == 4_000
    assert lake(settings, "line")["item"].n_unique() == len(lake(settings, "line")) == 4_000


def test_pages_arrays_and_concatenated_documents(settings: Settings, shop: Source, tmp_path: Path) -> None:
    (tmp_path / "page.json").write_text(json.dumps({"page": [payment(1), payment(2)]}, indent=2))
    (tmp_path / "array.json").write_text(json.dumps([payment(3), payment(4)]))
    (tmp_path / "many.json").write_text(json.dumps(payment(5), indent=1) + json.dumps(payment(6)) + "\n{oops\n{}\n")
    report = land(shop, [tmp_path], "demo", settings)
    assert counts(report) == (8, 6, 0, 2)
    assert sorted(lake(settings, "payment")["id"]) == [f"p{n}" for n in range(1, 7)]


def test_csv_and_parquet(settings: Settings, shop: Source, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('kind,item,quantity\nline,"a, ""b""\nc",2\nline,,\nline,x\nline,y,two\n')
    frame = pl.DataFrame({"kind": ["line", "line"], "item": ["z", None], "quantity": [1, None]})
    frame.write_parquet(tmp_path / "b.parquet")
    report = land(shop, [tmp_path], "demo", settings)
    assert counts(report) == (6, 4, 0, 2)
    assert lake(settings, "line")["item"].to_list() == ['a, "b"\nc', None, "z", None]
    reasons = quarantine.read(settings)["reason"].to_list()
    assert reasons == ["2 fields where the header names 3", 'quantity: expected integer, found "two"']


def test_a_file_lands_once_whatever_it_is_called(settings: Settings, shop: Source, write: Write) -> None:
    first = land(shop, [write("a.jsonl", payment(1), {"kind": "line", "item": "x"})], "demo", settings)
    again = land(shop, [write("b.jsonl", payment(1), {"kind": "line", "item": "x"})], "demo", settings)
    assert counts(first) == (2, 2, 0, 0)
    assert counts(again) == (2, 0, 2, 0)
    assert again.repeated_files == ["b.jsonl"]
    assert again.batches == []


def test_two_files_of_one_content_in_one_go(settings: Settings, shop: Source, write: Write) -> None:
    path = write("a.jsonl", {"kind": "line", "item": "x"})
    write("b.jsonl", {"kind": "line", "item": "x"})
    assert counts(land(shop, [path.parent], "demo", settings)) == (2, 1, 1, 0)


def test_workspaces_do_not_see_each_other(settings: Settings, shop: Source, write: Write) -> None:
    path = write("a.jsonl", payment(1))
    assert counts(land(shop, [path], "one", settings)) == counts(land(shop, [path], "two", settings)) == (1, 1, 0, 0)


def test_rows_without_id_are_never_merged(settings: Settings, shop: Source, write: Write) -> None:
    row = {"kind": "line", "item": "x", "quantity": 1}
    assert counts(land(shop, [write("a.jsonl", row, row, row)], "demo", settings)) == (3, 3, 0, 0)
    assert counts(land(shop, [write("b.jsonl", row, payment(1))], "demo", settings)) == (2, 2, 0, 0)
    assert lake(settings, "line")["_record_key"].n_unique() == 4


def test_an_event_lands_once_and_another_body_is_a_conflict(settings: Settings, shop: Source, write: Write) -> None:
    dense = json.dumps(payment(1), separators=(",", ":"))
    report = land(shop, [write("a.jsonl", payment(1), dense, payment(1, amount=5))], "demo", settings)
    assert counts(report) == (3, 1, 1, 1)
    later = land(shop, [write("b.jsonl", payment(1), payment(1, amount=6), payment(2))], "demo", settings)
    assert counts(later) == (3, 1, 1, 1)
    entries = quarantine.read(settings)
    assert entries["reason"].unique().to_list() == ['id: "p1" has landed already with another body']
    assert [json.loads(raw)["amount"] for raw in entries["raw_text"]] == [5, 6]
    assert entries["source_line"].to_list() == [3, 2]


def test_versions_of_an_entity(settings: Settings, shop: Source, write: Write) -> None:
    a, b = customer(1, "A", "2026-01-01"), customer(1, "B", "2026-01-02")
    assert counts(land(shop, [write("a.jsonl", b, a, b)], "demo", settings)) == (3, 2, 1, 0)
    assert counts(land(shop, [write("b.jsonl", a, customer(2, "C", "2026-01-01"))], "demo", settings)) == (2, 1, 1, 0)


def test_an_entity_without_version_may_return_to_an_older_body(settings: Settings, shop: Source, write: Write) -> None:
    a, b = ({"kind": "product", "id": "x", "name": n} for n in "ab")
    assert counts(land(shop, [write("a.jsonl", a, a, b, a)], "demo", settings)) == (4, 3, 1, 0)
    assert counts(land(shop, [write("b.jsonl", a, b)], "demo", settings)) == (2, 1, 1, 0)
    assert counts(land(shop, [write("c.jsonl", a)], "demo", settings)) == (1, 1, 0, 0)


def test_a_changed_type_fails_the_batch(settings: Settings, shop: Source, write: Write) -> None:
    good = write("a.jsonl", *[payment(n) for n in range(30)])
    write("b.jsonl", *[payment(n, amount={"value": 1}) for n in range(100, 130)])
    with pytest.raises(
        ContractError, match=r"b\.jsonl: column 'amount' of raw_shop__payment has changed its type: 30 of 30"
    ):
        land(shop, [good.parent], "demo", settings)
    assert lake(settings, "payment").is_empty()
    assert quarantine.read(settings).is_empty()
    assert not list(settings.lake.rglob("*.parquet*"))
    with ledger.connect(settings) as connection:
        (row,) = ledger.batches(connection)
    assert row["status"] == "failed"
    assert "changed its type" in row["reason"]
    assert counts(land(shop, [good], "demo", settings)) == (30, 30, 0, 0)


def test_a_type_that_changes_over_many_small_files(settings: Settings, shop: Source, write: Write) -> None:
    for n in range(25):
        path = write(f"{n:02}.jsonl", payment(n, amount="x"))
    with pytest.raises(ContractError, match="25 of 25"):
        land(shop, [path.parent], "demo", settings)


def test_a_minority_of_bad_values_is_only_quarantined(settings: Settings, shop: Source, write: Write) -> None:
    path = write("a.jsonl", *[payment(n, amount="x" if n < 15 else 1) for n in range(40)])
    assert counts(land(shop, [path], "demo", settings)) == (40, 25, 0, 15)


def test_a_new_column_is_kept_and_told_once(settings: Settings, shop: Source, write: Write) -> None:
    first = land(shop, [write("a.jsonl", payment(1))], "demo", settings)
    second = land(shop, [write("b.jsonl", payment(2, colour="red"))], "demo", settings)
    third = land(shop, [write("c.jsonl", payment(3, colour="blue"))], "demo", settings)
    assert first.new_columns == {"raw_shop__payment": ["kind"]}
    assert second.new_columns == {"raw_shop__payment": ["colour"]}
    assert third.new_columns == {}
    with ledger.connect(settings) as connection:
        assert ledger.batches(connection)[1]["new_columns"] == {"raw_shop__payment": ["colour"]}


def test_what_cannot_be_read_at_all(settings: Settings, shop: Source, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        land(shop, [tmp_path / "nowhere"], "demo", settings)
    (tmp_path / "notes.pdf").write_text("x")
    with pytest.raises(InputError, match="nothing in"):
        land(shop, [tmp_path], "demo", settings)
    with pytest.raises(InputError, match="not usable as a name"):
        land(shop, [tmp_path], "../etc", settings)


def test_files_and_tables_tell_the_same_story(settings: Settings, shop: Source, write: Write) -> None:
    write("a.jsonl", payment(1), payment(1), "nonsense", customer(1, "A", "2026-01-01"))
    path = write("b.jsonl", payment(1), payment(2, amount="x"))
    report = land(shop, [path.parent], "demo", settings)
    assert all(c.balanced for c in [*report.files.values(), *report.tables.values()])
    assert sum(c.read for c in report.files.values()) == sum(c.read for c in report.tables.values()) == report.read == 6


def test_the_lake_is_readable_by_others(settings: Settings, shop: Source, write: Write) -> None:
    land(shop, [write("a.jsonl", payment(1))], "demo", settings)
    pattern = settings.lake / "raw" / "shop" / "payment" / "**" / "*.parquet"
    found = duckdb.execute(
        f"select workspace, count(*) from read_parquet('{pattern}', hive_partitioning=true) group by 1"
    )
    assert found.fetchall() == [("demo", 1)]
