"""How numbers, money, sizes and times are written, in one place.

Belongs here: pure functions from a value to the text a person reads. Does not belong here: colours, layout.
A missing value is always a dash, a minus sign is always U+2212, and no amount is written without its currency.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from decimal import Decimal

DASH = "–"
MINUS = "\u2212"
#: Currencies whose minor unit is the unit itself (ISO 4217 exponent 0), and those with three decimals.
NO_DECIMALS = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"]
)
THREE_DECIMALS = frozenset(["bhd", "iqd", "jod", "kwd", "lyd", "omr", "tnd"])
SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}
Number = int | float | Decimal


def exponent(currency: str) -> int:
    """Decimals of a currency's minor unit."""
    return 0 if currency in NO_DECIMALS else 3 if currency in THREE_DECIMALS else 2


def major(minor: Number, currency: str) -> float:
    """An amount of minor units as a decimal amount, for axes."""
    return float(float(minor) / 10 ** exponent(currency))


def symbol(currency: str) -> str:
    return SYMBOLS.get(currency, currency.upper() + "\u00a0")


def money(minor: Number | None, currency: str | None, *, exact: bool = False, signed: bool = False) -> str:
    """`12345678, usd` → `$123.5k`; exact: `$123,456.78`."""
    if minor is None or currency is None:
        return DASH
    value = Decimal(str(minor)) / 10 ** exponent(currency)
    body = f"{abs(value):,.{exponent(currency)}f}" if exact else _short(abs(value))
    return _sign(value, signed) + symbol(currency) + body


def count(value: Number | None, *, signed: bool = False) -> str:
    """`12345` → `12,345`; a million and more is shortened."""
    if value is None:
        return DASH
    value = float(value)
    body = f"{abs(round(value)):,}" if abs(value) < 1e6 else _short(abs(Decimal(str(value))))
    return _sign(value, signed) + body


def ratio(value: Number | None, *, digits: int = 1) -> str:
    """`0.9642` → `96.4%`. A share that is not quite all or nothing is never rounded to it."""
    if value is None:
        return DASH
    value = float(value)
    # below one per cent a digit more: rates of complaints are judged there
    text = f"{abs(value) * 100:.{digits if abs(value) >= 0.01 or not value else max(digits, 2)}f}"
    if float(text) == 0 and value:
        text = f"{abs(value) * 100:.2g}" if abs(value) >= 1e-5 else "<0.001"
    elif float(text) == 100 and abs(value) < 1:
        text = f"{abs(value) * 100:.3f}" if abs(value) <= 0.99999 else ">99.999"
    return _sign(value, False) + text + "%"


def size(value: Number | None) -> str:
    """Bytes in decimal units: `1536000` → `1.5 MB`."""
    if value is None:
        return DASH
    amount, unit = abs(float(value)), "B"
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if amount < 999.95 or unit == "PB":
            break
        amount /= 1000
    digits = 0 if unit == "B" or amount >= 100 else 1
    return f"{_sign(value, False)}{amount:,.{digits}f} {unit}"


def day(value: date | None, *, year: bool = True) -> str:
    """`31 Oct 2026`, the same in every locale."""
    if value is None:
        return DASH
    return f"{value.day} {value:%b}" + (f" {value.year}" if year else "")


def month(value: date | None) -> str:
    return DASH if value is None else f"{value:%b %Y}"


def span(start: date, end: date) -> str:
    """Two days inclusive: `2–31 Oct 2026`, `28 Sep – 27 Oct 2026`."""
    if start == end:
        return day(start)
    if (start.year, start.month) == (end.year, end.month):
        return f"{start.day}–{day(end)}"
    return f"{day(start, year=start.year != end.year)} – {day(end)}"


def instant(value: datetime | None) -> str:
    """A point in time, whose zone is UTC everywhere in the warehouse and is named."""
    return DASH if value is None else f"{day(value)}, {value:%H:%M} UTC"


def ago(value: datetime | None, now: datetime) -> str:
    """`3 h ago`, coarse on purpose."""
    if value is None:
        return "never"
    seconds = (now - value).total_seconds()
    if seconds < 90:
        return "just now"
    if seconds < 3600:
        return f"{int(seconds // 60)} min ago"
    return f"{int(seconds // 3600)} h ago" if seconds < 48 * 3600 else f"{int(seconds // 86400):,} days ago"


def duration(value: timedelta) -> str:
    minutes = int(value.total_seconds() // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} days"


def plural(number: int, one: str, many: str = "") -> str:
    """`1 customer`, `2,000 customers`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def value(amount: Number | None, unit: str, currency: str | None = None) -> str:
    """A governed figure by its unit: minor, count, ratio, bytes."""
    if unit == "minor":
        return money(amount, currency)
    if unit == "ratio":
        return ratio(amount)
    return size(amount) if unit == "bytes" else count(amount)


def change(current: Number | None, before: Number | None, unit: str) -> str | None:
    """The change against a comparison: points for ratios, per cent otherwise. None where nothing can be compared."""
    if current is None or before is None:
        return None
    if unit == "ratio":
        points = (float(current) - float(before)) * 100
        return f"{_sign(points, True)}{abs(points):.1f} pp" if abs(points) >= 0.05 else "0"
    if not before:
        return None if current else "0"
    share = (float(current) - float(before)) / abs(float(before)) * 100
    if abs(share) < 0.05:
        return "0"
    return f"{_sign(share, True)}{abs(share):,.0f}%" if abs(share) >= 100 else f"{_sign(share, True)}{abs(share):.1f}%"


#: Names that are not made of ordinary words.
NAMES = {
    "paypal": "PayPal",
    "sendgrid": "SendGrid",
    "ses": "SES",
    "mailgun": "Mailgun",
    "postmark": "Postmark",
    "s3": "S3",
    "mfa": "Second factor",
    "iam": "IAM",
}
ACRONYMS = frozenset({"mrr", "arr", "nrr", "arpa", "id", "ip", "url", "utc"})


def words(code: str | None) -> str:
    """A code as words: `card_declined` → `Card declined`."""
    if not code:
        return DASH
    if code in NAMES:
        return NAMES[code]
    parts = code.replace("_", " ").replace(".", " ").split()
    text = " ".join(part.upper() if part in ACRONYMS else part for part in parts)
    return text[:1].upper() + text[1:]


_MARKUP = re.compile(r"([\\`*_\[\](){}!<>#|~:$&])")


def md(text: object) -> str:
    """Text from the data for a place that reads Markdown: nothing in it is markup, a link or an image."""
    return _MARKUP.sub(r"\\\1", " ".join(str(text).split()))


def campaign(code: str | None) -> str:
    """A campaign's code as its name: `cmp_018_review_links` → `Review links (018)`."""
    match = re.fullmatch(r"(?:cmp|campaign)[_-](\d+)[_-](.+)", code or "")
    return f"{words(match[2].replace('-', '_'))} ({match[1]})" if match else words(code)


def _sign(value: Number, plus: bool) -> str:
    return MINUS if value < 0 else "+" if plus and value > 0 else ""


def _short(value: Decimal) -> str:
    for limit, letter in ((Decimal(10**9), "B"), (Decimal(10**6), "M"), (Decimal(10**4), "k")):
        if value >= limit:
            scaled = value / (1000 if letter == "k" else limit)
            return f"{scaled:,.{0 if scaled >= 1000 else 1 if scaled >= 100 else 2 if letter != 'k' else 1}f}{letter}"
    return f"{value:,.0f}"
