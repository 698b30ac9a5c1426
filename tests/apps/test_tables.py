"""Downloads: safe to open, exact, and complete."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import date, datetime
from decimal import Decimal

import polars as pl
import pytest

from apps.streamlit.components.tables import Column, export_rows, safe_text, to_csv, to_xlsx

COLUMNS = [
    Column("customer", "Customer", "customer"), Column("amount_minor", "Amount", "money"), Column("note", "Note"),
    Column("paid_at", "Paid", "instant"), Column("day", "Day", "day"), Column("ok", "Fine", "flag"),
]  # fmt: skip
HOSTILE = '=HYPERLINK("http://evil.example","x")'
FRAME = pl.DataFrame(
    {
        "customer": ["cus_1", "cus_2"], "customer_name": [HOSTILE, "Ünal & Söhne"], "amount_minor": [12345, 5000],
        "currency": ["usd", "jpy"], "note": ["@SUM(1)", "a,\"b\"\n c"], "paid_at": [datetime(2026, 1, 2, 3, 4, 5), None],
        "day": [date(2026, 1, 2), None], "ok": [True, None],
    }
)  # fmt: skip


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", " =1", "\r=1"])
def test_formulas_are_disarmed(text: str) -> None:
    assert str(safe_text(text)).startswith("'")


@pytest.mark.parametrize("value", ["plain", "a=b", -5, Decimal("-5.00"), None, ""])
def test_everything_else_is_left_alone(value: object) -> None:
    assert safe_text(value) == value


def test_csv_is_exact_and_safe() -> None:
    rows = list(csv.reader(io.StringIO(to_csv(FRAME, COLUMNS).decode("utf-8-sig"))))
    assert rows[0] == ["Customer", "Customer id", "Amount", "Note", "Paid", "Day", "Fine", "Currency"]
    assert rows[1] == ["'" + HOSTILE, "cus_1", "123.45", "'@SUM(1)", "2026-01-02 03:04:05", "2026-01-02", "True", "USD"]
    assert rows[2] == ["Ünal & Söhne", "cus_2", "5000", 'a,"b"\n c', "", "", "", "JPY"]


def test_negative_amounts_stay_numbers() -> None:
    frame = FRAME.with_columns(pl.lit(-7).alias("amount_minor"))
    rows = list(csv.reader(io.StringIO(to_csv(frame, COLUMNS).decode("utf-8-sig"))))
    assert rows[1][2] == "-0.07"


def test_a_workbook_holds_no_formula_and_no_link() -> None:
    book = zipfile.ZipFile(io.BytesIO(to_xlsx(FRAME, COLUMNS, "Pay/ments: [all]")))
    sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert "hyperlink" not in sheet
    assert "=HYPERLINK" in book.read("xl/sharedStrings.xml").decode()
    assert '<c r="C2"><v>123.45</v></c>' in sheet


def test_downloads_hold_every_row() -> None:
    frame = pl.DataFrame({"note": [str(n) for n in range(2000)]})
    assert len(export_rows(frame, [Column("note", "Note")])[1]) == 2000
    assert to_csv(frame, [Column("note", "Note")]).count(b"\r\n") == 2001
    assert to_xlsx(frame.head(0), [Column("note", "Note")], "x")
