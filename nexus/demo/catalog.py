"""What the demo company sells, where, and what its payment providers take: constants only.

The company, Quillhaven, and everything about it is invented. It sells file sharing by the seat.
Amounts are in minor units of their currency.
"""

from __future__ import annotations

from dataclasses import dataclass

COMPANY = "Quillhaven"
COMPANY_DOMAIN = "quillhaven.example"
API_VERSION = "2024-12-18.acacia"
CURRENCIES = ("usd", "eur", "gbp", "jpy")
EXPONENT = {"usd": 2, "eur": 2, "gbp": 2, "jpy": 0}
SEAT_TIERS = ("starter", "team", "business")
ADDON = "archive"


@dataclass(frozen=True, slots=True)
class Country:
    """Where customers are. `utc_offset` in hours (no daylight saving: it only shapes the hours of activity)."""

    code: str
    currency: str
    utc_offset: int
    tax_percent: int
    weight: float
    city: str


COUNTRIES = (
    Country("US", "usd", -6, 0, 38, "Port Alder"),
    Country("CA", "usd", -5, 0, 6, "North Fen"),
    Country("AU", "usd", 10, 0, 4, "Coral Reach"),
    Country("DE", "eur", 1, 19, 14, "Lindenau am Werder"),
    Country("FR", "eur", 1, 20, 8, "Vallonne"),
    Country("NL", "eur", 1, 21, 5, "Oosterwaard"),
    Country("ES", "eur", 1, 21, 3, "Montereal"),
    Country("GB", "gbp", 0, 20, 13, "Harrowmere"),
    Country("JP", "jpy", 9, 10, 9, "Hoshikawa"),
)

PRODUCTS = {
    "starter": ("prod_QhStarter0001A", "Quillhaven Starter", "Shared folders for small teams"),
    "team": ("prod_QhTeam00000001", "Quillhaven Team", "Shared folders, review links and history"),
    "business": ("prod_QhBusiness0001", "Quillhaven Business", "Single sign-on, audit and retention"),
    "archive": ("prod_QhArchive00001", "Quillhaven Archive", "One terabyte of cold storage"),
}
#: Monthly amount of one seat (or unit); a year costs ten months.
MONTHLY = {
    "starter": {"usd": 900, "eur": 900, "gbp": 800, "jpy": 1200},
    "team": {"usd": 1500, "eur": 1400, "gbp": 1250, "jpy": 2000},
    "business": {"usd": 2650, "eur": 2450, "gbp": 2150, "jpy": 3600},
    "archive": {"usd": 2500, "eur": 2300, "gbp": 1990, "jpy": 3500},
}
INTERVALS = ("month", "year")


@dataclass(frozen=True, slots=True)
class Price:
    id: str
    tier: str
    product: str
    currency: str
    interval: str
    amount: int


PRICES = {
    (tier, currency, interval): Price(
        f"price_1Qh{tier[:4].title()}{currency.upper()}{interval.title()}".ljust(30, "0"),
        tier,
        PRODUCTS[tier][0],
        currency,
        interval,
        MONTHLY[tier][currency] * (10 if interval == "year" else 1),
    )
    for tier in PRODUCTS
    for currency in CURRENCIES
    for interval in INTERVALS
}

#: Card fee: parts per ten thousand and fixed amount; fee of a dispute.
STRIPE_FEE = {"usd": (290, 30), "eur": (150, 25), "gbp": (150, 20), "jpy": (360, 0)}
DISPUTE_FEE = {"usd": 1500, "eur": 1500, "gbp": 1500, "jpy": 1500}
PAYPAL_FEE = {"usd": (349, 49), "eur": (299, 39), "gbp": (290, 30), "jpy": (360, 40)}


assert set(MONTHLY) == set(PRODUCTS), "every product has a price in every currency"


def fee(amount: int, rate: tuple[int, int]) -> int:
    """Percentage (rounded half up) and fixed part of a provider's fee."""
    return (amount * rate[0] + 5000) // 10_000 + rate[1]


def item_mrr(price: Price, quantity: int) -> int:
    """Monthly recurring revenue of one item: an integer, halves rounded up."""
    months = 12 if price.interval == "year" else 1
    return (2 * price.amount * quantity + months) // (2 * months)
