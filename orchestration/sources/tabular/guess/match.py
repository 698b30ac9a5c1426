"""Which canonical fact a table holds, and which column is which.

Belongs here: weighing names and values against each other. Does not belong here: the words (vocabulary.py), the YAML
(draft.py).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from nexus.contracts import Column, Kind, Table
from orchestration.sources.tabular.contract import SOURCE
from orchestration.sources.tabular.guess.columns import Profile
from orchestration.sources.tabular.guess.vocabulary import names_of, values_of

#: Columns whose meaning shows in the values, whatever their name.
_BY_LOOKS = {"email": ("email",), "currency": ("currency",), "ip_address": ("ip",), "country_code": ("country",)}
_ENOUGH = 0.4
_KEPT = ("attributes", "mapping_name")
#: What may be said for all rows at once, where no column says it.
STATED = {"currency", "status", "outcome", "event"}


@dataclass(frozen=True, slots=True)
class Match:
    """`columns` is canonical column → column of the file, `score` what speaks for the fact."""

    fact: str
    columns: dict[str, str]
    score: float


def plain(name: str) -> str:
    """A name in lower case, its words apart, accents and signs off: `InvoiceDate` and `invoice_date` are one."""
    text = unicodedata.normalize("NFKD", name.replace("ß", "ss"))
    text = "".join(char for char in text if not unicodedata.combining(char))
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", text)
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


def fitting(table: Table) -> list[Column]:
    """Columns that a file may fill."""
    return [column for column in table.columns if column.name not in _KEPT]


def match(profiles: Sequence[Profile], name: str, fact: str | None = None) -> list[Match]:
    """The facts that the table may hold, likeliest first; with `fact` only that one. `name` is that of the file."""
    tables = [SOURCE.table(fact)] if fact else list(SOURCE.tables)
    found = [_against(table, profiles, plain(name)) for table in tables]
    return sorted(found, key=lambda m: -m.score)


def _against(table: Table, profiles: Sequence[Profile], file: str) -> Match:
    pairs = [
        (score, -place, column.name, profile.name)
        for place, profile in enumerate(profiles)
        for column in fitting(table)
        if (score := _score(table, column, profile)) >= _ENOUGH
    ]
    columns: dict[str, str] = {}
    total = 0.0
    for score, _, canonical, given in sorted(pairs, reverse=True):
        if canonical not in columns and given not in columns.values():
            columns[canonical] = given
            total += score
    lacking = [c.name for c in table.columns if c.required and c.name not in columns and c.name not in STATED]
    if "amount_value" in lacking and {"quantity", "unit_amount_value"} <= set(columns):
        lacking.remove("amount_value")
    words = plain(table.name.replace("_", " ")).split()
    hinted = 0.5 if any(word in file.split() or f"{word}s" in file.split() for word in words) else 0.0
    return Match(table.name, columns, total + hinted - 2 * len(lacking))


def _score(table: Table, column: Column, profile: Profile) -> float:
    if not profile.values or not _may_be(table, column, profile):
        return 0.0
    named = _named(column.name, profile.name)
    looks = _BY_LOOKS.get(column.name, ("email",) if column.name.endswith("_email") else ())
    if looks:
        seen = bool(profile.looks & set(looks))
        if not seen and looks[0] != "country":
            return 0.0
        return min(1.0, named + 0.5) if seen and (named or looks[0] != "country") else named * 0.5
    if "email" in profile.looks:
        return named * 0.5
    if column.kind is Kind.timestamp and not named:
        return _ENOUGH if column.required else 0.0
    return named


def _named(canonical: str, given: str) -> float:
    """How well a column's name says what the canonical one is, 0 to 1."""
    words = plain(given)
    tokens, compact = set(words.split()), words.replace(" ", "")
    best = 0.0
    for rank, name in enumerate((canonical.replace("_", " "), *names_of(canonical))):
        if words == name or compact == name.replace(" ", ""):
            best = max(best, 1.0 if rank == 0 else 0.95 - 0.01 * rank)
        elif set(name.split()) <= tokens:
            best = max(best, 0.4 + 0.4 * len(name.split()) / len(tokens) - 0.005 * rank)
    return best


def _may_be(table: Table, column: Column, profile: Profile) -> bool:
    """Whether the values can be what the contract asks for."""
    if column.kind is Kind.timestamp:
        return bool(profile.formats)
    if column.kind in (Kind.decimal, Kind.integer):
        return profile.is_number
    if column.kind is Kind.boolean:
        return profile.is_flag
    if column.values:
        known = values_of(table.name, column.name)
        distinct = profile.distinct
        return len(distinct) <= 30 and sum(plain(value) in known for value in distinct) * 2 >= len(distinct)
    if profile.formats and profile.formats[0] != "epoch":
        return False
    if profile.is_flag or (profile.is_number and column.name != "phone"):
        return column.name.endswith(("_id", "_code"))
    return True
