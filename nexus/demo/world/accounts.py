"""Who signs up, when and from where: the accounts of the demo company and what is in their nature.

Belongs here: traits fixed at sign-up. What they do later is decided in health, billing and users.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nexus.demo.catalog import COUNTRIES, Country
from nexus.demo.names import companies, people
from nexus.demo.options import DAY, Options
from nexus.demo.rand import BASE62, PAYPAL_ID, Flags, Floats, Ints, Streams, addresses, pick, tokens

#: Relative sign-ups by weekday (Monday first) and by local hour.
_WEEKDAY = (1.15, 1.25, 1.2, 1.1, 0.95, 0.3, 0.3)
_HOUR = [0.2] * 7 + [0.6, 1.2, 1.8, 2, 2, 1.6, 1.7, 2, 2, 1.8, 1.3, 0.9, 0.7, 0.6, 0.5, 0.4, 0.3]


@dataclass(frozen=True, slots=True)
class Accounts:
    """One entry per account, ordered by sign-up."""

    signed_up_at: Ints
    country: Ints
    is_paypal: Flags
    tier: Ints
    is_annual: Flags
    seats: Ints
    fit: Floats  #: how well the product suits them: the mean around which health moves
    trials: Flags
    has_scanner: Flags  #: their mail gateway follows links
    storage_factor: Floats
    customer_id: list[str]
    payer_id: list[str]
    name: list[str]
    domain: list[str]
    owner: list[tuple[str, str]]
    billing_email: list[str]
    payer_email: list[str]
    office_ip: list[str]

    def __len__(self) -> int:
        return len(self.customer_id)

    def place(self, account: int) -> Country:
        return COUNTRIES[self.country[account]]

    def currency(self, account: int) -> str:
        return COUNTRIES[self.country[account]].currency

    @property
    def utc_offset(self) -> Ints:
        return np.array([c.utc_offset for c in COUNTRIES], dtype=np.int64)[self.country]


def make_accounts(options: Options, streams: Streams) -> Accounts:
    n = options.customers
    rng = streams.get("accounts")
    country = pick(rng, [c.weight for c in COUNTRIES], n)
    offset = np.array([c.utc_offset for c in COUNTRIES])[country]
    signed_up = _sign_ups(options, rng, offset)
    country = country[order := np.argsort(signed_up, kind="stable")]
    signed_up = signed_up[order]
    tier = pick(rng, [46, 38, 16], n)
    seats = np.clip(np.round(np.exp(rng.normal(np.array([0.55, 1.15, 1.8])[tier], 0.7))), 1, 60).astype(np.int64)
    is_paypal = rng.random(n) < 0.12
    names, domains = companies(streams.get("companies"), n)
    owner = list(zip(*people(streams.get("owners"), n), strict=True))
    billing, payer = _addresses(streams.get("addresses"), owner, domains)
    return Accounts(
        signed_up_at=signed_up,
        country=country,
        is_paypal=is_paypal,
        tier=tier,
        is_annual=rng.random(n) < np.array([0.14, 0.24, 0.38])[tier],
        seats=seats,
        fit=rng.normal(0.0, 0.75, n),
        trials=(rng.random(n) < 0.72) & ~is_paypal,
        has_scanner=rng.random(n) < 0.07,
        storage_factor=np.exp(rng.normal(0.0, 0.6, n)),
        customer_id=[f"cus_{t}" for t in tokens(rng, n, 14, BASE62)],
        payer_id=tokens(rng, n, 13, PAYPAL_ID).tolist(),
        name=names,
        domain=domains,
        owner=owner,
        billing_email=billing,
        payer_email=payer,
        office_ip=addresses(rng, n),
    )


def _sign_ups(options: Options, rng: np.random.Generator, offset: Ints) -> Ints:
    """A waiting list in the first days, then growth of about six per cent a month; few in the last three days."""
    n, days = options.customers, options.days
    usable = max(1, days - 3)
    weekday = (np.arange(usable) + options.first_day.weekday()) % 7
    weight = np.array(_WEEKDAY)[weekday] * np.exp(0.0019 * np.arange(usable))
    weight[:10] *= np.linspace(5, 1.5, 10)[: len(weight[:10])]
    day = pick(rng, weight.tolist(), n)
    second = pick(rng, _HOUR, n) * 3600 + rng.integers(0, 3600, n)
    return options.start + day * DAY + (second - offset * 3600) % DAY


def _addresses(
    rng: np.random.Generator, owner: list[tuple[str, str]], domains: list[str]
) -> tuple[list[str], list[str]]:
    """E-mail given to Stripe and to PayPal: the login of the owner up to case and, for Stripe, a plus tag."""
    billing, payer = [], []
    for (given, family), domain, a, b in zip(
        owner, domains, rng.random(len(owner)).tolist(), rng.random(len(owner)).tolist(), strict=True
    ):
        local = f"{given}.{family}"
        plain = f"{local}@{domain}".lower()
        capital = f"{local}@{domain}"
        billing.append(f"{local.lower()}+billing@{domain}" if a < 0.12 else capital if a < 0.25 else plain)
        payer.append(plain.upper() if b < 0.05 else capital if b < 0.25 else plain)
    return billing, payer
