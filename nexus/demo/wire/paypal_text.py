"""Amounts and moments as PayPal writes them."""

from __future__ import annotations

from datetime import UTC, datetime

from nexus.demo.catalog import EXPONENT


def money(minor: int, currency: str) -> dict[str, str]:
    digits = EXPONENT[currency]
    sign, value = ("-" if minor < 0 else ""), abs(minor)
    text = f"{value // 10**digits}.{value % 10**digits:0{digits}d}" if digits else str(value)
    return {"currency_code": currency.upper(), "value": sign + text}


def offset(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000").replace("+0000", "+00:00")


def zulu(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
