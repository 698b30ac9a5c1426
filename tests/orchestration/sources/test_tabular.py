"""Tabular: mappings are checked with helpful messages, recognised by columns, and give canonical facts."""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from nexus.errors import InputError, NotFoundError
from orchestration.sources import choose
from orchestration.sources.tabular.contract import SOURCE
from orchestration.sources.tabular.extract import source_for
from orchestration.sources.tabular.mapping import Mapping, known, load

FIXTURES = Path(__file__).resolve().parents[3] / "orchestration" / "sources" / "tabular" / "fixtures"
RETAIL, CAMPAIGN = FIXTURES / "online_retail.csv", FIXTURES / "email_campaign.csv"
CARDS, TELCO = FIXTURES / "card_transactions.csv", FIXTURES / "telco_customers.csv"


def login_mapping(**columns: object) -> Mapping:
    return Mapping.model_validate(
        {
            "name": "logins", "title": "Logins",
            "facts": {"login": {"columns": {"login_at": "when", "outcome": {"constant": "success"}, **columns}}},
        }
    )  # fmt: skip


def test_known_mappings() -> None:
    assert list(known()) == ["card_transactions", "email_campaign", "online_retail", "telco_customers"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (RETAIL, "online_retail"), (CAMPAIGN, "email_campaign"), (CARDS, "card_transactions"),
        (TELCO, "telco_customers"),
    ],
)  # fmt: skip
def test_a_file_is_recognised_by_its_columns(path: Path, name: str, tmp_path: Path) -> None:
    assert choose("tabular", [path])[1] == name
    packed = tmp_path / "some.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert choose("tabular", [packed])[1] == name


def test_a_strange_file_is_told_what_is_lacking(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("Invoice,Quantity\n1,2\n")
    with pytest.raises(
        InputError, match=r"mine.csv: no known mapping fits its columns \(Invoice, Quantity\); 'online_retail'.*Price"
    ):
        choose("tabular", [tmp_path / "mine.csv"])


def test_files_of_two_kinds_are_not_landed_as_one() -> None:
    with pytest.raises(InputError, match=r"not of one kind.*email_campaign"):
        choose("tabular", [FIXTURES])


def test_canonical_facts_need_no_mapping(tmp_path: Path, parse) -> None:
    fact = {"fact": "login", "login_at": "2026-01-01T00:00:00Z", "outcome": "success", "mood": "good"}
    (tmp_path / "facts.jsonl").write_text(json.dumps(fact) + "\n")
    source, name = choose("tabular", [tmp_path / "facts.jsonl"])
    assert (source, name) == (SOURCE, "")
    assert parse(source, {"facts.jsonl": json.dumps(fact)}).one("login")["login_at"] == datetime(2026, 1, 1)


def test_a_mapping_of_ones_own_is_a_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.yml"
    path.write_text("name: mine\ntitle: Mine\nfacts: {customer: {columns: {customer_id: Nr}}}\n")
    (tmp_path / "table.csv").write_text("Nr,Name\n1,A\n")
    source, name = choose("tabular", [tmp_path / "table.csv"], str(path))
    assert (name, [t.name for t in source.tables]) == ("mine", ["customer"])
    with pytest.raises(InputError, match=r"online_retail\.csv lacks columns that mapping 'mine' needs: Nr"):
        choose("tabular", [RETAIL], str(path))


def test_an_unknown_mapping_is_told_the_known_ones() -> None:
    with pytest.raises(NotFoundError, match=r"'retail'[\s\S]*card_transactions, email_campaign, online_retail"):
        load("retail")


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ("{sale: {columns: {a: b}}}", "facts: 'sale' is no canonical fact; there are payment, card_transaction"),
        (
            "{login: {columns: {login_at: a, outcome: b, ip: c}}}",
            "facts.login.columns: 'ip' is no column of it; there are",
        ),
        ("{login: {columns: {outcome: b}}}", "facts.login.columns: login_at must be mapped"),
        (
            "{login: {columns: {login_at: {column: a, constant: b}, outcome: b}}}",
            "give exactly one of column, constant",
        ),
        ("{login: {columns: {login_at: {colunm: a}, outcome: b}}}", "login_at.colunm: Extra inputs are not permitted"),
        ("{login: {id: login_id, columns: {login_at: a, outcome: b}}}", "facts.login.id: 'login_id' is not among"),
        ("{login: {columns: {login_at: {column: a, zone: Berlin}, outcome: b}}}", "'Berlin' is no IANA time zone"),
        ("{login: {columns: {login_at: {constant: a, format: x}, outcome: b}}}", "format and form need a column"),
    ],
)
def test_a_wrong_mapping_says_where_and_what(facts: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.yml"
    path.write_text(f"name: wrong\ntitle: Wrong\nfacts: {facts}\n")
    with pytest.raises(InputError) as raised:
        load(str(path))
    assert message in str(raised.value)
    assert "wrong.yml" in str(raised.value)


def test_a_date_pattern_that_is_none_is_found_before_landing(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yml"
    facts = "{login: {columns: {login_at: {column: a, format: '%Q'}, outcome: b}}}"
    path.write_text(f"name: wrong\ntitle: Wrong\nfacts: {facts}\n")
    with pytest.raises(InputError, match=r"wrong.yml', fact login: .*format specifier"):
        choose("tabular", [RETAIL], str(path))


def test_invoice_lines_of_the_sample(parse) -> None:
    parsed = parse(source_for(load("online_retail")), {"retail.csv": RETAIL.read_text()})
    rows = parsed.rows["invoice_line"]
    assert [r["invoice_kind"] for r in rows] == ["invoice"] * 3 + ["credit_note", "adjustment", "invoice"]
    assert [r["amount_value"] for r in rows] == [
        Decimal("83.4"), Decimal("0.003"), Decimal("0.003"), Decimal("-6.95"), Decimal("-25111.09"), Decimal(0),
    ]  # fmt: skip
    assert rows[0]["description"] == 'LAMP, "OLD" STYLE'
    assert (rows[0]["customer_id"], rows[4]["customer_id"]) == ("15001", None)
    assert rows[0]["line_at"] == datetime(2010, 3, 1, 7, 45)
    assert {r["currency"] for r in rows} == {"gbp"}
    assert all(r["_extra"] is None and r["attributes"] is None for r in rows)


def test_lines_that_look_alike_stay_two(parse) -> None:
    source = source_for(load("online_retail"))
    rows = parse(source, {"retail.csv": RETAIL.read_text()}).rows["invoice_line"]
    assert rows[1]["_record_hash"] == rows[2]["_record_hash"]
    assert source.table("invoice_line").id is None


def test_a_value_that_cannot_be_read_is_shown(parse) -> None:
    bad = parse(source_for(load("online_retail")), {"retail.csv": RETAIL.read_text()}).bad
    reasons = [reason for table, reason, _ in bad if table == "invoice_line"]
    assert 'quantity: expected decimal, found "two"' in reasons[0]
    assert 'amount_value: expected decimal, found "two × 1.5"' in reasons[0]
    assert 'line_at: expected timestamp (iso), found "04/03/2010"' in reasons[1]
    assert len(reasons) == len(bad) == 2


def test_customers_of_the_lines_count_once(parse) -> None:
    rows = parse(source_for(load("online_retail")), {"retail.csv": RETAIL.read_text()}).rows["customer"]
    assert sorted((r["customer_id"], r["country_name"]) for r in rows) == [
        ("15001", "Norway"), ("15001", "United Kingdom"), ("15002", "France"),
    ]  # fmt: skip


def test_a_campaign_with_a_hold_out(parse) -> None:
    parsed = parse(source_for(load("email_campaign")), {"campaign.csv": CAMPAIGN.read_text()})
    rows = parsed.rows["email_message"]
    assert [(r["arm_code"], r["is_holdout"]) for r in rows] == [
        ("womens_email", False), ("none", True), ("mens_email", False), ("mens_email", False),
    ]  # fmt: skip
    assert [(r["is_visited"], r["is_converted"], r["spend_value"]) for r in rows[:3]] == [
        (False, False, 0), (True, False, 0), (True, True, Decimal("29.99")),
    ]  # fmt: skip
    assert json.loads(rows[0]["attributes"])["zip_code"] == "Surburban"
    ((_, reason, _),) = parsed.bad
    assert 'is_holdout: expected boolean, found "Childrens E-Mail"' in reason


def test_card_transactions_with_their_frauds(parse) -> None:
    parsed = parse(source_for(load("card_transactions")), {"cards.csv": CARDS.read_text()})
    rows = parsed.rows["card_transaction"]
    assert [(r["card_transaction_id"], r["is_fraud"], r["fraud_code"]) for r in rows] == [
        ("0", False, None), ("1", True, "large_amount"), ("2", True, "compromised_terminal"),
        ("2", True, "compromised_terminal"),
    ]  # fmt: skip
    assert (rows[0]["transacted_at"], rows[0]["amount_value"]) == (datetime(2018, 4, 1, 0, 0, 31), Decimal("57.16"))
    ((_, reason, _),) = parsed.bad
    assert reason == 'is_fraud: expected boolean, found "maybe"'


def test_a_customer_keeps_the_columns_of_the_table(parse) -> None:
    rows = parse(source_for(load("telco_customers")), {"telco.csv": TELCO.read_text()}).rows["customer"]
    one, new = (json.loads(r["attributes"]) for r in rows)
    assert [r["customer_id"] for r in rows] == ["0001-AAAAA", "0002-BBBBB"]
    assert (one["TotalCharges"], one["Churn"], len(one)) == ("358.20", "Yes", 20)
    assert "TotalCharges" not in new
    assert new["tenure"] == "0"


def test_columns_that_nobody_mapped_are_kept(parse) -> None:
    """A column called like a canonical one is not taken for it."""
    text = "when,reason,colour\n2026-01-01,because,green\n2026-01-02,,\n"
    first, second = parse(source_for(login_mapping()), {"a.csv": text}).rows["login"]
    assert first["reason"] is None
    assert json.loads(first["attributes"]) == {"reason": "because"}
    assert json.loads(first["_extra"]) == {"colour": "green"}
    assert second["attributes"] in (None, "{}")


@pytest.mark.parametrize(
    ("value", "written", "expected"),
    [
        ({"column": "x", "format": "%d.%m.%Y %H:%M"}, "31.12.2025 23:59", datetime(2025, 12, 31, 23, 59)),
        (
            {"column": "x", "format": "%d.%m.%Y %H:%M", "zone": "Europe/Berlin"},
            "01.07.2025 12:00",
            datetime(2025, 7, 1, 10),
        ),
        ({"column": "x", "zone": "America/New_York"}, "2025-01-01 00:00:00", datetime(2025, 1, 1, 5)),
        ({"column": "x", "format": "epoch"}, "1700000000", datetime(2023, 11, 14, 22, 13, 20)),
        ({"column": "x", "format": "epoch_ms"}, "1700000000123", datetime(2023, 11, 14, 22, 13, 20, 123000)),
        ({"column": "x"}, "2025-01-01T00:00:00+02:00", datetime(2024, 12, 31, 22)),
        # clocks go from 02:00 to 03:00, and in autumn from 03:00 back to 02:00: an hour that comes twice is its second
        ({"column": "x", "zone": "Europe/Berlin"}, "2026-03-29 01:59:59", datetime(2026, 3, 29, 0, 59, 59)),
        ({"column": "x", "zone": "Europe/Berlin"}, "2026-03-29 03:00:00", datetime(2026, 3, 29, 1)),
        ({"column": "x", "zone": "Europe/Berlin"}, "2026-10-25 02:30:00", datetime(2026, 10, 25, 1, 30)),
    ],
)
def test_times(value: dict[str, str], written: str, expected: datetime, parse) -> None:
    parsed = parse(source_for(login_mapping(login_at=value)), {"a.jsonl": json.dumps({"x": written})})
    assert parsed.bad == []
    assert parsed.one("login")["login_at"] == expected


def test_an_hour_that_no_clock_shows_is_turned_away(parse) -> None:
    value = {"column": "x", "format": "%d.%m.%Y %H:%M", "zone": "Europe/Berlin"}
    parsed = parse(source_for(login_mapping(login_at=value)), {"a.jsonl": json.dumps({"x": "29.03.2026 02:30"})})
    ((_, reason, _),) = parsed.bad
    assert reason == 'login_at: expected timestamp (iso), found "29.03.2026 02:30 does not exist in Europe/Berlin"'


@pytest.mark.parametrize(
    ("options", "value", "written", "expected"),
    [
        ({"decimal": ",", "thousands": "."}, {"column": "x"}, "1.234,56", "1234.56"),
        ({"thousands": ","}, {"column": "x"}, "1,234.56", "1234.56"),
        ({}, {"column": "x", "scale": -2}, "123456", "1234.56"),
        ({}, {"column": "x", "scale": 3}, "1.5", "1500"),
        ({}, {"multiply": ["x", "y"]}, "0.1", "0.3"),
        ({"decimal": ","}, {"multiply": ["x", "y"]}, "-0,1", "-0.3"),
        ({"thousands": ","}, {"column": "x", "form": "amount"}, "$1,200.50", "1200.50"),
        ({}, {"column": "x", "form": "amount"}, "-$ 3.99", "-3.99"),
        ({}, {"column": "x", "form": "amount"}, "($12.00)", "-12.00"),
        ({}, {"column": "x", "form": "amount"}, "$ (12.00)", "-12.00"),
        ({}, {"column": "x", "form": "amount"}, "(12.00) EUR", "-12.00"),
        ({}, {"column": "x", "form": "amount"}, "(USD 12.00)", "-12.00"),
        ({"decimal": ",", "thousands": "."}, {"column": "x", "form": "amount"}, "1.234,50- EUR", "-1234.50"),
        ({"decimal": ","}, {"column": "x", "form": "amount"}, "EUR 7,5-", "-7.5"),
    ],
)
def test_amounts(options: dict[str, str], value: dict[str, object], written: str, expected: str, parse) -> None:
    mapping = {
        "name": "p", "title": "P", **options,
        "facts": {"payment": {"columns": {
            "paid_at": {"constant": "2026-01-01"}, "status": {"constant": "succeeded"}, "currency": {"constant": "eur"},
            "amount_value": value,
        }}},
    }  # fmt: skip
    parsed = parse(source_for(Mapping.model_validate(mapping)), {"a.jsonl": json.dumps({"x": written, "y": "3"})})
    assert parsed.bad == []
    assert parsed.one("payment")["amount_value"] == Decimal(expected)


@pytest.mark.parametrize("written", ["12.00 CR", "12.00DR", "(12.00", "12-31", "--5", "abc"])
def test_what_is_no_amount_is_turned_away(written: str, parse) -> None:
    mapping = {
        "name": "m", "title": "M",
        "facts": {"email_message": {"columns": {"spend_value": {"column": "x", "form": "amount"}}}},
    }  # fmt: skip
    ((_, reason, _),) = parse(source_for(Mapping.model_validate(mapping)), {"a.jsonl": json.dumps({"x": written})}).bad
    assert reason.startswith("spend_value: expected decimal, found")


@pytest.mark.parametrize("written", ["", "  ", "n/a", None])
def test_spellings_of_null(written: str | None, parse) -> None:
    mapping = login_mapping(user_id="u").model_copy(update={"nulls": ("n/a",)})
    row = parse(source_for(mapping), {"a.jsonl": json.dumps({"when": "2026-01-01", "u": written})}).one("login")
    assert row["user_id"] is None


def test_ids_joined_of_two_columns_identify(parse) -> None:
    mapping = Mapping.model_validate(
        {
            "name": "m", "title": "M",
            "facts": {"login": {"id": "login_id", "columns": {
                "login_id": {"join": ["a", "b"]}, "login_at": "t",
                "outcome": {"column": "ok", "case": {1: "success", 0: "failure"}},
            }}},
        }
    )  # fmt: skip
    source = source_for(mapping)
    assert source.table("login").id == "login_id"
    row = parse(source, {"a.jsonl": json.dumps({"a": "x", "b": 7, "t": "2026-01-01", "ok": 0})}).one("login")
    assert (row["login_id"], row["outcome"]) == ("x/7", "failure")


def test_an_amount_too_large_is_turned_away_and_shown(parse) -> None:
    mapping = Mapping.model_validate(
        {
            "name": "m", "title": "M",
            "facts": {"email_message": {"columns": {"spend_value": {"column": "x", "scale": -2}}}},
        }
    )  # fmt: skip
    ((_, reason, _),) = parse(source_for(mapping), {"a.jsonl": json.dumps({"x": "9" * 40})}).bad
    assert "spend_value: expected decimal, found" in reason
    assert "is too large" in reason


def select_real(path: Path, mapping: str, table: str) -> duckdb.DuckDBPyConnection:
    """`facts(doc)` of a real file, by the select alone: landing itself is tested with less."""
    engine = duckdb.connect()
    engine.execute("set timezone = 'UTC'")
    reader = "read_csv(?, all_varchar = true)" if path.suffix == ".csv" else "read_parquet(?)"
    engine.execute(
        f"create table documents as select 0 as _line, '' as _text, to_json(t) as doc from {reader} t", [str(path)]
    )
    engine.execute(f"create table facts as {source_for(load(mapping)).table(table).select}")
    return engine


@pytest.mark.slow
def test_the_real_invoice_lines(real_data: Path) -> None:
    path = real_data / "payments" / "online_retail_2009_2010.parquet"
    assert choose("tabular", [path])[1] == "online_retail"
    with select_real(path, "online_retail", "invoice_line") as engine:
        found = engine.execute(
            """select count(*), count(distinct i), count(distinct i) filter (where k = 'credit_note'),
                      count(distinct i) filter (where k = 'adjustment'), count(distinct c), count(*) - count(c),
                      count(distinct n), count(*) - count(distinct d)
               from (select doc->>'$.invoice_id' as i, doc->>'$.invoice_kind' as k, doc->>'$.customer_id' as c,
                            doc->>'$.country_name' as n, doc as d from facts)"""
        ).fetchone()
    assert found == (525_461, 28_816, 4_592, 3, 4_383, 107_927, 40, 6_865)


def test_the_real_campaign(real_data: Path) -> None:
    path = real_data / "email" / "hillstrom.csv"
    assert choose("tabular", [path])[1] == "email_campaign"
    with select_real(path, "email_campaign", "email_message") as engine:
        arms = engine.execute(
            "select doc->>'$.arm_code', doc->>'$.is_holdout', count(*) from facts group by all order by 1"
        ).fetchall()
    assert arms == [("mens_email", "false", 21_307), ("none", "true", 21_306), ("womens_email", "false", 21_387)]
