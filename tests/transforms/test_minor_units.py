"""Money in minor units, whatever the currency: the macro on both engines, and what each provider writes."""

from __future__ import annotations

import re
from decimal import Decimal

import duckdb
import psycopg
import pytest
from jinja2 import Environment

from apps.streamlit.components.formats import NO_DECIMALS, THREE_DECIMALS
from nexus.postgres import dsn
from nexus.settings import PROJECT, Settings

MACROS = PROJECT / "transforms" / "dbt" / "macros" / "engine" / "numbers.sql"
#: As providers write them (a decimal in major units), and the minor units: ISO 4217, but hundredths for ISK and UGX,
#: because Stripe writes these so.
AMOUNTS = [
    ("12.34", "usd", 1234), ("12.34", "USD", 1234), ("-0.01", "eur", -1), ("0.005", "usd", 1), ("-0.005", "usd", -1),
    ("1000", "jpy", 1000), ("1000.00", "JPY", 1000), ("-3", "krw", -3), ("1.5", "vnd", 2),
    ("1.234", "kwd", 1234), ("0.001", "BHD", 1), ("-12.3455", "tnd", -12346),
    ("5", "ugx", 500), ("5", "isk", 500), ("2500", "huf", 250_000), ("2500", "TWD", 250_000),
    ("9999999999999.99", "usd", 999_999_999_999_999), ("10000000000000", "jpy", 10**13),
    ("9999999999999.999", "kwd", 9_999_999_999_999_999), (None, "usd", None),
]  # fmt: skip


@pytest.fixture(scope="module")
def expression() -> str:
    source = re.search(r"{% macro to_minor.*?{%- endmacro %}", MACROS.read_text(), re.DOTALL)
    assert source is not None
    template = Environment().from_string(source[0] + "{{ to_minor('amount', 'currency') }}")
    return template.render()


def rows(values: str) -> str:
    return f"from (values {values}) t(amount, currency)"


VALUES = ", ".join(f"(cast({a or 'null'} as decimal(38, 9)), '{c}')" for a, c, _ in AMOUNTS)


def test_on_duckdb(expression: str) -> None:
    found = duckdb.execute(f"select {expression} {rows(VALUES)}").fetchall()
    assert [value for (value,) in found] == [minor for *_, minor in AMOUNTS]


def test_on_postgres(expression: str, session_settings: Settings) -> None:
    with psycopg.connect(dsn(session_settings, "postgres")) as connection:
        found = connection.execute(f"select {expression} {rows(VALUES)}".encode()).fetchall()
    assert [value for (value,) in found] == [minor for *_, minor in AMOUNTS]


def test_what_is_shown_is_what_was_reckoned(expression: str) -> None:
    """Pages divide by the same power of ten as staging multiplied by."""
    written = set(re.findall(r"'([a-z]{3})'", expression))
    assert written == NO_DECIMALS | THREE_DECIMALS
    for currency in written | {"usd", "ugx", "isk"}:
        (minor,) = duckdb.execute(
            f"select {expression} {rows(f'(cast(7 as decimal(38, 9)), {currency!r})')}"
        ).fetchall()[0]
        digits = 0 if currency in NO_DECIMALS else 3 if currency in THREE_DECIMALS else 2
        assert Decimal(minor).scaleb(-digits) == 7, currency
