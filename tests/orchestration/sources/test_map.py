"""`nexus map`: dialects are told, the guess is shown and changed, and what it writes lands."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from click.testing import Result
from typer.testing import CliRunner

from nexus.contracts import Source
from nexus.errors import ConflictError, InputError, NotFoundError
from nexus.settings import Settings
from orchestration.map_command import map_table
from orchestration.sources.tabular.extract import source_for
from orchestration.sources.tabular.guess.columns import nulls_of, number_style, profile
from orchestration.sources.tabular.guess.dialect import sniff
from orchestration.sources.tabular.guess.match import plain
from orchestration.sources.tabular.mapping import Mapping, load
from warehouse.land.sql import staging
from warehouse.land.stage import Stage

FIXTURES = Path(__file__).resolve().parents[3] / "orchestration" / "sources" / "tabular" / "fixtures"
Run = Callable[..., Result]

GERMAN = """Belegnummer;Buchungstag;Kundennummer;Firma;Betrag;Zahlart;Zahlungsstatus
B1;31.12.2025;K1;Müller & Söhne;1.234,56 €;Überweisung;bezahlt
B2;01.02.2026;K2;"Größe; GmbH";12,00 €;Karte;offen
B3;15.03.2026;K1;Müller & Söhne;-5,50 €;Karte;abgelehnt
"""
QUOTED = "timestamp\tusername\tip\tresult\tcomment\n" + "".join(
    f'2026-01-{day:02d}T10:00:00Z\tu{day}@x.example\t203.0.113.{day}\t{how}\t"one\nline {day}, ""so"""\n'
    for day, how in [(1, "ok"), (2, "denied"), (3, "ok")]
)
AMERICAN = """Transaction ID,Date,Customer,Amount (USD),Status
t1,12/31/2025,c1,"1,234.50",paid
t2,01/02/2026,c2,8.00,paid
t3,N/A,c2,8.00,paid
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr("nexus.settings.get_settings", lambda: Settings(home=tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    application = typer.Typer()
    application.command("map")(map_table)
    application.command("other")(lambda: None)

    def invoke(*arguments: str, said: str | None = None) -> Result:
        return CliRunner().invoke(application, ["map", *arguments], input=said)

    return invoke


@pytest.fixture
def landed(stage_files: Callable[[Source, list[Path]], Stage]) -> Callable[..., list[dict[str, Any]]]:
    """What landing makes of a file with a mapping: the good rows of one fact."""

    def rows(mapping: Path, path: Path, fact: str) -> list[dict[str, Any]]:
        stage = stage_files(source_for(load(str(mapping))), [path])
        cursor = stage.engine.execute(f"select * from {staging(stage.source.table(fact))} where _reason is null")
        names = [d[0] for d in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    return rows


def test_semicolons_a_decimal_comma_and_another_encoding(run: Run, landed: Any, tmp_path: Path) -> None:
    (tmp_path / "zahlungen.csv").write_bytes(GERMAN.replace("\n", "\r\n").encode("cp1252"))
    result = run("zahlungen.csv", "--zone", "Europe/Berlin", "--yes")
    assert result.exit_code == 0, result.output
    written = yaml.safe_load((tmp_path / "zahlungen.yml").read_text())
    assert (written["encoding"], written["delimiter"], written["decimal"], written["thousands"]) == (
        "cp1252", ";", ",", ".",
    )  # fmt: skip
    assert "taken as cp1252" in result.output
    assert "3 as payment would land, 0 would not" in result.output
    one, two, three = landed(tmp_path / "zahlungen.yml", tmp_path / "zahlungen.csv", "payment")
    assert (one["payment_id"], one["paid_at"], one["payment_method"]) == (
        "B1", datetime(2025, 12, 30, 23), "Überweisung",
    )  # fmt: skip
    assert [r["amount_value"] for r in (one, two, three)] == [Decimal("1234.56"), Decimal(12), Decimal("-5.5")]
    assert [r["status"] for r in (one, two, three)] == ["succeeded", "pending", "failed"]
    assert {r["currency"] for r in (one, two, three)} == {"eur"}
    assert "Größe; GmbH" in two["attributes"]


def test_tabs_and_newlines_within_quotes_in_a_packed_file(run: Run, landed: Any, tmp_path: Path) -> None:
    (tmp_path / "logins.tsv.gz").write_bytes(gzip.compress(QUOTED.encode()))
    result = run("logins.tsv.gz", "--yes", "--out", "mine.yml")
    assert "3 as login would land, 0 would not" in result.output
    rows = landed(tmp_path / "mine.yml", tmp_path / "logins.tsv.gz", "login")
    assert [(r["user_email"], r["outcome"]) for r in rows] == [
        ("u1@x.example", "success"), ("u2@x.example", "failure"), ("u3@x.example", "success"),
    ]  # fmt: skip
    assert 'one\\nline 2, \\"so\\"' in rows[1]["attributes"]


def test_utf_16_as_a_spreadsheet_writes_it(run: Run, landed: Any, tmp_path: Path) -> None:
    (tmp_path / "payments.csv").write_bytes(AMERICAN.encode("utf-16"))
    assert run("payments.csv", "--yes").exit_code == 0
    rows = landed(tmp_path / "payments.yml", tmp_path / "payments.csv", "payment")
    assert [r["amount_value"] for r in rows] == [Decimal("1234.5"), Decimal(8)]


def test_day_and_month_are_told_by_the_values(run: Run, tmp_path: Path) -> None:
    (tmp_path / "payments.csv").write_text(AMERICAN)
    result = run("payments.csv", "--yes")
    columns = yaml.safe_load((tmp_path / "payments.yml").read_text())["facts"]["payment"]["columns"]
    assert columns["paid_at"] == {"column": "Date", "format": "%m/%d/%Y"}
    assert columns["currency"] == {"constant": "usd"}
    assert "2 as payment would land, 1 would not" in result.output
    assert "1 × paid_at: required, but missing (first in line 4)" in result.output


def test_a_date_that_may_be_two_days_is_doubted(run: Run, tmp_path: Path) -> None:
    (tmp_path / "payments.csv").write_text(AMERICAN.replace("12/31/2025", "03/04/2025"))
    first = run("payments.csv", "--yes")
    assert "is read as %d/%m/%Y, but may be %m/%d/%Y" in first.output
    run("payments.csv", "--yes", "--force", "--set", "Date@%m/%d/%Y")
    columns = yaml.safe_load((tmp_path / "payments.yml").read_text())["facts"]["payment"]["columns"]
    assert columns["paid_at"]["format"] == "%m/%d/%Y"


def test_a_person_is_asked_and_changes_it(run: Run, tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text("Nr,When,Sum\nr1,2026-01-02,9.99\nr2,2026-01-03,1.50\n")
    said = "\nNr=invoice_id\nnonsense=x\ncurrency:=eur\nNr=\n\n"
    result = run("sales.csv", "--fact", "payment", said=said)
    assert result.exit_code == 0, result.output
    assert "still open: currency" in result.output
    assert "'nonsense=x' is no change" in result.output
    written = yaml.safe_load((tmp_path / "sales.yml").read_text())
    assert written["attributes"] == ["Nr"]
    assert written["facts"]["payment"]["columns"]["currency"] == {"constant": "eur"}


def test_quitting_and_silence_write_nothing(run: Run, tmp_path: Path) -> None:
    assert run(str(FIXTURES / "telco_customers.csv"), said="q\n").exit_code == 1
    silent = run(str(FIXTURES / "telco_customers.csv"), said="")
    assert isinstance(silent.exception, InputError)
    assert "--yes" in str(silent.exception)
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".yml"] == []


def test_what_nothing_fills_is_asked_for(run: Run) -> None:
    result = run(str(FIXTURES / "card_transactions.csv"), "--yes")
    assert isinstance(result.exception, InputError)
    assert "nothing fills currency" in str(result.exception)
    assert run(str(FIXTURES / "card_transactions.csv"), "--yes", "--set", "currency:=eur").exit_code == 0


@pytest.mark.parametrize(
    ("name", "fact", "columns"),
    [
        ("online_retail.csv", "invoice_line", {"invoice_id": "Invoice", "item_code": "StockCode", "quantity": "Quantity"}),
        ("card_transactions.csv", "card_transaction", {"terminal_id": "TERMINAL_ID", "is_fraud": "TX_FRAUD"}),
        ("telco_customers.csv", "customer", {"customer_id": "customerID"}),
        ("email_campaign.csv", "email_message", {"is_converted": "conversion", "spend_value": "spend"}),
    ],
)  # fmt: skip
def test_tables_of_the_known_mappings_are_understood(
    name: str, fact: str, columns: dict[str, str], run: Run, tmp_path: Path
) -> None:
    said = ["--set", "currency:=gbp"] if fact in ("invoice_line", "card_transaction") else []
    result = run(str(FIXTURES / name), "--yes", "--out", "out.yml", *said)
    assert result.exit_code == 0, (result.output, result.exception)
    facts = yaml.safe_load((tmp_path / "out.yml").read_text())["facts"]
    assert list(facts) == [fact]
    assert facts[fact]["columns"].items() >= columns.items()


def test_a_yaml_that_is_there_is_not_replaced(run: Run, tmp_path: Path) -> None:
    (tmp_path / "telco_customers.yml").write_text("mine")
    result = run(str(FIXTURES / "telco_customers.csv"), "--yes")
    assert isinstance(result.exception, ConflictError)
    assert (tmp_path / "telco_customers.yml").read_text() == "mine"
    nowhere = run(str(FIXTURES / "telco_customers.csv"), "--yes", "--out", "absent/x.yml")
    assert isinstance(nowhere.exception, NotFoundError)


def test_a_file_that_is_none(run: Run, tmp_path: Path) -> None:
    assert isinstance(run("absent.csv").exception, NotFoundError)
    (tmp_path / "notes.pdf").write_text("x")
    assert "name does not tell" in str(run("notes.pdf").exception)
    (tmp_path / "empty.csv").write_text("")
    assert "is empty" in str(run("empty.csv").exception)
    (tmp_path / "titled.csv").write_text("Report of 2026\n\nNr;Date;Sum\n1;2026-01-01;5,00\n2;2026-01-02;6,00\n")
    assert "fields where the header names" in str(run("titled.csv").exception)
    (tmp_path / "a.csv").write_text("x\n1\n")
    assert "no canonical fact" in str(run("a.csv", "--fact", "sale").exception)


@pytest.mark.parametrize(
    ("values", "decimal", "thousands"),
    [
        (["1.234,56", "0,5"], ",", "."), (["1,234.56", "0.5"], ".", ","), (["1 234,56"], ",", " "),
        (["1'234.50"], ".", "'"), (["1.234", "5.678"], ".", ""), (["12", "7"], ".", ""), (["12,5 €", "1.000,00 €"], ",", "."),
    ],
)  # fmt: skip
def test_how_numbers_are_written(values: list[str], decimal: str, thousands: str) -> None:
    columns, style = profile([{"x": value} for value in values], ())
    assert (style.decimal, style.thousands) == (decimal, thousands)
    assert columns[0].is_number
    assert number_style(columns) == style


def test_spellings_of_null_and_names() -> None:
    assert nulls_of([{"a": "N/A", "b": "x"}, {"a": "-", "b": None}]) == ("N/A", "-")
    assert plain("InvoiceDate") == plain("invoice_date") == "invoice date"
    assert plain("Größe (ß)") == "grosse ss"


@pytest.mark.parametrize(
    ("text", "delimiter", "quote", "reader"),
    [
        ("a;b\n1;x\n2;y\n", ";", '"', "csv"), ("a|b\n1|x\n2|y\n", "|", '"', "csv"),
        ("a,b\n1,'x, y'\n2,'z'\n", ",", "'", "csv"), ("1,2026-01-02\n2,2026-01-03\n", ",", '"', "rows"),
    ],
)  # fmt: skip
def test_dialects(text: str, delimiter: str, quote: str, reader: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text)
    found = sniff(tmp_path / "a.csv")
    assert (found.dialect.delimiter, found.dialect.quote, found.reader) == (delimiter, quote, reader)


@pytest.mark.parametrize(
    ("dialect", "message"),
    [
        ({"encoding": "latin-9000"}, "is no encoding"), ({"delimiter": ";;"}, "at most 1 character"),
        ({"quote": ";", "delimiter": ";"}, "the same sign"), ({"zone": "Berlin"}, "no IANA time zone"),
    ],
)  # fmt: skip
def test_a_dialect_that_is_none(dialect: dict[str, str], message: str) -> None:
    facts = {"customer": {"columns": {"customer_id": "a"}}}
    with pytest.raises(ValueError, match=message):
        Mapping.model_validate({"name": "m", "title": "M", "facts": facts, **dialect})


def test_amounts_as_accountants_write_them(run: Run, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(
        "Order ID,Order Date,Customer,Product,Total (USD)\n"
        'A-1,2026-02-01 10:00,c1,Widget,"$1,200.50"\n'
        "A-2,2026-02-01 11:30,c2,Widget,$3.99-\n"
        "A-3,2026-02-02 09:15,c1,Thing,($12.00)\n"
        "A-4,2026-02-30 09:15,c1,Thing,$1.00\n"
    )
    result = run("orders.csv", "--yes")
    assert "3 as payment would land, 1 would not" in result.output
    assert 'expected timestamp (iso), found "2026-02-30 09:15" (first in line 5)' in result.output
