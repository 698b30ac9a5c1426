"""How numbers, money and times are written."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from apps.streamlit.components import formats


@pytest.mark.parametrize(
    ("minor", "currency", "exact", "text"),
    [
        (12_345_678, "usd", False, "$123.5k"),
        (12_345_678, "usd", True, "$123,456.78"),
        (-51_234, "eur", True, "−€512.34"),
        (99_999, "usd", False, "$1,000"),
        (5_000_000, "jpy", False, "¥5.00M"),
        (5_000, "jpy", True, "¥5,000"),
        (1_234, "kwd", True, "KWD\u00a01.234"),
        (0, "gbp", False, "£0"),
        (None, "usd", False, "–"),
    ],
)
def test_money_follows_its_currency(minor: int | None, currency: str, exact: bool, text: str) -> None:
    assert formats.money(minor, currency, exact=exact) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "50.0%"),
        (0.99996, "99.996%"),
        (1, "100.0%"),
        (0, "0.0%"),
        (0.0008, "0.08%"),
        (0.00001, "0.001%"),
        (None, "–"),
    ],
)
def test_a_share_is_never_rounded_to_all_or_nothing(value: float | None, text: str) -> None:
    assert formats.ratio(value) == text


@pytest.mark.parametrize(
    ("now", "before", "unit", "text"),
    [
        (110, 100, "count", "+10.0%"),
        (90, 100, "count", "−10.0%"),
        (0.5, 0.45, "ratio", "+5.0 pp"),
        (0.45, 0.5, "ratio", "−5.0 pp"),
        (100, 100, "count", "0"),
        (5, 0, "count", None),
        (None, 5, "count", None),
        (-50, -100, "minor", "+50.0%"),
    ],
)
def test_change_is_points_for_ratios_and_per_cent_otherwise(now: float, before: float, unit: str, text: str) -> None:
    assert formats.change(now, before, unit) == text


def test_sizes_and_days() -> None:
    assert [formats.size(n) for n in (0, 999, 1_500, 1_536_000, 7_555_778_850)] == [
        "0 B",
        "999 B",
        "1.5 kB",
        "1.5 MB",
        "7.6 GB",
    ]
    assert formats.span(date(2026, 10, 2), date(2026, 10, 31)) == "2–31 Oct 2026"
    assert formats.span(date(2025, 12, 20), date(2026, 1, 3)) == "20 Dec 2025 – 3 Jan 2026"
    assert formats.instant(datetime(2026, 3, 4, 5, 6)) == "4 Mar 2026, 05:06 UTC"


@pytest.mark.parametrize(
    ("age", "text"), [(5, "just now"), (600, "10 min ago"), (7200, "2 h ago"), (86400 * 3, "3 days ago")]
)
def test_ages_are_coarse(age: int, text: str) -> None:
    now = datetime(2026, 1, 10)
    assert formats.ago(now - timedelta(seconds=age), now) == text


@pytest.mark.parametrize(
    "hostile", ["![x](http://evil.example/a.png)", "[go](javascript:alert(1))", "<b>x</b>", ":red[x]", "$a$"]
)
def test_text_of_the_data_is_never_markup(hostile: str) -> None:
    escaped = formats.md(hostile)
    for sign in "[]()<>!$:":
        assert escaped.count(f"\\{sign}") == hostile.count(sign)


def test_codes_become_words() -> None:
    assert formats.words("card_declined") == "Card declined"
    assert formats.words("paypal") == "PayPal"
    assert formats.campaign("cmp_018_review_links") == "Review links (018)"
    assert formats.campaign("mens_email") == "Mens email"
