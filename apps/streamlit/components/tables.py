"""Tables with names people use, links to what they name, and downloads that are safe to open.

Belongs here: columns, links, CSV and XLSX. Does not belong here: which rows.
A spreadsheet runs a text that begins with = + - @ as a formula: in CSV such a text gets an apostrophe in front, in XLSX
every text is written as text.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import quote

import polars as pl
import streamlit as st

from apps.streamlit.components import formats
from apps.streamlit.components.page import View

Kind = Literal[
    "text", "count", "money", "ratio", "pct", "size", "day", "month", "instant", "flag", "customer", "words", "score"
]
_RISKY = ("=", "+", "-", "@", "\t", "\r")
PAGE_ROWS = 500
#: Currencies that the grid can write by itself, with separators and decimals.
MONEY_FORMATS = {"usd": "dollar", "eur": "euro", "jpy": "yen"}


@dataclass(frozen=True, slots=True)
class Column:
    """How a column of a result is called and shown. `money` reads the row's `currency`; `customer` links its name."""

    name: str
    label: str
    kind: Kind = "text"
    help: str | None = None


def safe_text(value: object) -> object:
    """A value that no spreadsheet takes for a formula."""
    if isinstance(value, str) and value.lstrip().startswith(_RISKY):
        return "'" + value
    return value


def export_rows(frame: pl.DataFrame, columns: Sequence[Column]) -> tuple[list[str], list[list[Any]]]:
    """Headings and plain values: money as decimals in major units, ids beside the names they stand for."""
    headings: list[str] = []
    makers: list[Any] = []
    for column in columns:
        if column.kind == "money":
            headings.append(column.label)
            makers.append(lambda row, n=column.name: _amount(row[n], row.get("currency")))
        elif column.kind == "customer":
            headings += [column.label, f"{column.label} id"]
            makers += [lambda row, n=column.name: row.get(f"{n}_name") or row[n], lambda row, n=column.name: row[n]]
        else:
            headings.append(column.label)
            makers.append(lambda row, n=column.name: row[n])
    if any(column.kind == "money" for column in columns) and "currency" in frame.columns:
        headings.append("Currency")
        makers.append(lambda row: (row["currency"] or "").upper())
    return headings, [[make(row) for make in makers] for row in frame.iter_rows(named=True)]


def to_csv(frame: pl.DataFrame, columns: Sequence[Column]) -> bytes:
    headings, rows = export_rows(frame, columns)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([safe_text(h) for h in headings])
    writer.writerows([[safe_text(_plain(value)) for value in row] for row in rows])
    # the mark tells spreadsheets that this is UTF-8
    return ("\ufeff" + out.getvalue()).encode()


def to_xlsx(frame: pl.DataFrame, columns: Sequence[Column], title: str) -> bytes:
    import xlsxwriter

    headings, rows = export_rows(frame, columns)
    out = io.BytesIO()
    book = xlsxwriter.Workbook(
        out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    )
    sheet = book.add_worksheet("".join(c for c in title if c not in "[]:*?/\\'")[:31] or "Table")
    bold = book.add_format({"bold": True, "bottom": 1})
    days, instants = book.add_format({"num_format": "yyyy-mm-dd"}), book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
    for x, heading in enumerate(headings):
        sheet.write_string(0, x, heading, bold)
        sheet.set_column(x, x, max(10, min(40, len(heading) + 4)))
    for y, row in enumerate(rows, 1):
        for x, value in enumerate(row):
            if isinstance(value, bool):
                sheet.write_boolean(y, x, value)
            elif isinstance(value, datetime):
                sheet.write_datetime(y, x, value, instants)
            elif isinstance(value, date):
                sheet.write_datetime(y, x, datetime(value.year, value.month, value.day), days)
            elif isinstance(value, int | float | Decimal):
                sheet.write_number(y, x, float(value))
            elif value is not None:
                sheet.write_string(y, x, str(value))
    sheet.freeze_panes(1, 0)
    if rows:
        sheet.autofilter(0, 0, len(rows), len(headings) - 1)
    book.close()
    return out.getvalue()


def table(
    frame: pl.DataFrame,
    columns: Sequence[Column],
    view: View,
    *,
    name: str,
    height: int | Literal["content"] | None = None,
    caption: str | None = None,
) -> None:
    """A sortable table and its two downloads. At most PAGE_ROWS rows are drawn; the downloads hold all."""
    shown = frame.head(PAGE_ROWS)
    configs, drawn = {}, {}
    for column in columns:
        values, config = _drawn(shown, column, view)
        drawn[column.label] = values
        configs[column.label] = config
    import pandas as pd

    rows = min(len(shown), 10)
    st.dataframe(
        pd.DataFrame(drawn),
        column_config=configs,
        hide_index=True,
        width="stretch",
        height=height if isinstance(height, int) else 36 * (rows + 1) + 2,
        row_height=36,
        placeholder=formats.DASH,
        key=f"table-{name}",
        alt=caption or name,
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        more = (
            f"first {PAGE_ROWS:,} of {len(frame):,} rows; the downloads hold all"
            if len(frame) > PAGE_ROWS
            else formats.plural(len(frame), "row")
        )
        st.caption(more + (f" · {caption}" if caption else ""), width="content")
        stem = f"{view.workspace}-{name}-{view.start}-{view.end}"
        st.download_button(
            "CSV",
            lambda: to_csv(frame, columns),
            f"{stem}.csv",
            "text/csv",
            icon=":material/download:",
            key=f"csv-{name}",
            on_click="ignore",
            type="tertiary",
            help="Download all rows as CSV",
        )
        st.download_button(
            "XLSX",
            lambda: to_xlsx(frame, columns, name),
            f"{stem}.xlsx",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            icon=":material/download:",
            key=f"xlsx-{name}",
            on_click="ignore",
            type="tertiary",
            help="Download all rows as an Excel workbook",
        )


def _drawn(frame: pl.DataFrame, column: Column, view: View) -> tuple[list[Any], Any]:
    """Values and Streamlit's column for them. Numbers stay numbers, so that sorting sorts them."""
    values: list[Any] = frame[column.name].to_list()
    kind, c = column.kind, st.column_config
    if kind == "customer":
        names = frame[f"{column.name}_name"].to_list() if f"{column.name}_name" in frame.columns else values
        base = view.link("customer_360", customer="")
        links = [
            f"{base}{quote(key, safe='')}#{quote(name or key, safe='')}" if key else None
            for key, name in zip(values, names, strict=True)
        ]
        return links, c.LinkColumn(column.label, help=column.help, display_text=r"#(.+)$", width="medium")
    if kind == "money":
        currencies = frame["currency"].to_list()
        if len(set(currencies)) == 1 and currencies[0]:
            code = currencies[0]
            label = column.label if code in MONEY_FORMATS else f"{column.label} ({code.upper()})"
            return [_amount(v, code, as_float=True) for v in values], c.NumberColumn(
                label, help=column.help, format=MONEY_FORMATS.get(code, "localized")
            )
        return [formats.money(v, k, exact=True) for v, k in zip(values, currencies, strict=True)], c.TextColumn(
            column.label, help=column.help, alignment="right"
        )
    if kind in ("ratio", "pct"):
        shares = [None if v is None else float(v) * (1 if kind == "pct" else 100) for v in values]
        return shares, c.NumberColumn(column.label, help=column.help, format="%.1f%%")
    if kind == "size":
        return [None if v is None else int(v) for v in values], c.NumberColumn(
            column.label, help=column.help, format="bytes"
        )
    if kind == "count":
        return [None if v is None else int(v) for v in values], c.NumberColumn(
            column.label, help=column.help, format="localized"
        )
    if kind == "score":
        return [None if v is None else float(v) for v in values], c.ProgressColumn(
            column.label, help=column.help, min_value=0, max_value=1, format="percent"
        )
    if kind == "day":
        return values, c.DateColumn(column.label, help=column.help, format="D MMM YYYY")
    if kind == "month":
        return values, c.DateColumn(column.label, help=column.help, format="MMM YYYY")
    if kind == "instant":
        return values, c.DatetimeColumn(f"{column.label} (UTC)", help=column.help, format="D MMM YYYY HH:mm")
    if kind == "flag":
        return ["Yes" if v else "No" for v in values], c.TextColumn(column.label, help=column.help)
    if kind == "words":
        return [formats.words(v) for v in values], c.TextColumn(column.label, help=column.help)
    return values, c.TextColumn(column.label, help=column.help)


def _amount(minor: Any, currency: str | None, as_float: bool = False) -> Any:
    if minor is None or not currency:
        return None
    value = Decimal(int(minor)) / 10 ** formats.exponent(currency)
    return float(value) if as_float else value


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else value


def named(labels: Mapping[str, str]) -> list[Column]:
    """Plain text columns."""
    return [Column(name, label) for name, label in labels.items()]
