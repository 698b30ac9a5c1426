"""A guess in hand: what the mapping would say, what is doubtful in it, and how a person changes it.

Belongs here: putting together and changing. Does not belong here: weighing names and values (match.py), files.

A change is one of: `COLUMN=FIELD`, `COLUMN=` (keep it without a meaning), `FIELD:=VALUE` (the same for every row),
`COLUMN@FORMAT` (strptime pattern of a time).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from nexus.contracts import Column, Kind, Table
from nexus.errors import InputError
from orchestration.sources.tabular.contract import SOURCE
from orchestration.sources.tabular.guess.columns import FLAGS, NumberStyle, Profile
from orchestration.sources.tabular.guess.dialect import Found
from orchestration.sources.tabular.guess.match import Match, fitting, match, plain
from orchestration.sources.tabular.guess.vocabulary import values_of

_SIGNS = {"€": "eur", "$": "usd", "£": "gbp", "¥": "jpy", "₹": "inr"}
_CODES = "eur|usd|gbp|chf|jpy|sek|nok|dkk|pln|czk|huf|cad|aud|nzd|brl|inr|cny|sgd|hkd|mxn|zar"
#: What DuckDB takes for a boolean by itself.
_PLAIN_FLAGS = {"true", "false", "yes", "no", "y", "n", "t", "f", "0", "1"}
_TRUE = {"true", "yes", "y", "t", "1", "ja", "oui", "si", "sí"}


@dataclass
class Draft:
    """`origins` is canonical column → where it comes from, as the YAML of a mapping says it."""

    name: str
    title: str
    found: Found
    style: NumberStyle
    nulls: tuple[str, ...]
    zone: str | None
    profiles: dict[str, Profile]
    table: Table
    origins: dict[str, str | dict[str, Any]] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)
    others: tuple[str, ...] = ()

    def change(self, text: str) -> None:
        """Applies one change; raises InputError that lists what there is."""
        if ":=" in text:
            canonical, value = (part.strip() for part in text.split(":=", 1))
            self.origins[self._canonical(canonical).name] = {"constant": value}
        elif text.rpartition("=")[0].strip() in self.profiles:
            name, _, canonical = (part.strip() for part in text.rpartition("="))
            self._release(name)
            if canonical:
                self._give(self._canonical(canonical), self.profiles[name])
        elif text.partition("@")[0].strip() in self.profiles:
            name, _, pattern = (part.strip() for part in text.partition("@"))
            self._format(name, pattern)
        else:
            raise InputError(
                f"{text!r} is no change: its column is none of {', '.join(self.profiles)}",
                remedy="write COLUMN=FIELD, COLUMN= , FIELD:=VALUE or COLUMN@FORMAT",
            )

    def missing(self) -> list[str]:
        """Required columns that nothing fills yet."""
        return [c.name for c in self.table.columns if c.required and c.name not in self.origins]

    def origin_of(self, column: str) -> str | None:
        """The canonical column that `column` of the file fills."""
        return next((name for name, origin in self.origins.items() if column in _uses(origin)), None)

    def document(self) -> dict[str, Any]:
        """The mapping, ready for YAML: what is as by default is left out."""
        dialect = self.found.dialect
        given: dict[str, Any] = {"name": self.name, "title": self.title}
        if self.found.reader == "rows":
            given["reader"] = "rows"
        if dialect.encoding:
            given["encoding"] = dialect.encoding
        if dialect.delimiter:
            given["delimiter"] = dialect.delimiter
        if dialect.quote != '"':
            given["quote"] = dialect.quote
        if self.style.decimal != ".":
            given["decimal"] = self.style.decimal
        if self.style.thousands:
            given["thousands"] = self.style.thousands
        if self.zone:
            given["zone"] = self.zone
        if self.nulls:
            given["nulls"] = list(self.nulls)
        kept = [name for name in self.profiles if self.origin_of(name) is None]
        if kept:
            given["attributes"] = kept
        fact: dict[str, Any] = {"id": self.identity} if self.identity else {}
        order = [c.name for c in self.table.columns if c.name in self.origins]
        given["facts"] = {self.table.name: fact | {"columns": {name: self.origins[name] for name in order}}}
        return given

    @property
    def identity(self) -> str | None:
        """The canonical id, if every row of the sample has one of its own."""
        own = f"{self.table.name}_id"
        origin = self.origins.get(own)
        if own not in {c.name for c in self.table.columns} or origin is None or own == self.table.id:
            return None
        used = _uses(origin)
        return own if used and self.profiles[used[0]].is_unique else None

    def _canonical(self, name: str) -> Column:
        known = {column.name: column for column in fitting(self.table)}
        if name not in known:
            raise InputError(f"{name!r} is no column of {self.table.name}", remedy=f"there are {', '.join(known)}")
        return known[name]

    def _release(self, column: str) -> None:
        self.origins = {name: origin for name, origin in self.origins.items() if column not in _uses(origin)}

    def _give(self, column: Column, profile: Profile) -> None:
        self.origins[column.name] = _origin(self.table, column, profile)

    def _format(self, name: str, pattern: str) -> None:
        canonical = self.origin_of(name)
        if canonical is None:
            raise InputError(f"{name!r} fills no time yet", remedy=f"first: {name}=FIELD")
        self.origins[canonical] = {"column": name, "format": pattern} if pattern else name


def draft(
    profiles: Sequence[Profile],
    style: NumberStyle,
    found: Found,
    name: str,
    *,
    nulls: tuple[str, ...] = (),
    zone: str | None = None,
    fact: str | None = None,
) -> Draft:
    """The likeliest mapping of a table called `name`."""
    matches = match(profiles, name, fact)
    best = matches[0]
    made = Draft(
        re.sub(r"\W+", "_", plain(name)) or "table", name, found, style, nulls, zone, {p.name: p for p in profiles},
        SOURCE.table(best.fact), others=tuple(m.fact for m in matches[1:3]),
    )  # fmt: skip
    if not made.name[0].isalpha():
        made.name = f"table_{made.name}"
    made.doubts += found.doubts
    for canonical, column in best.columns.items():
        made._give(made._canonical(canonical), made.profiles[column])
    _derive(made)
    _doubt(made, matches)
    return made


def _origin(table: Table, column: Column, profile: Profile) -> str | dict[str, Any]:
    """How a column of the file fills a canonical one."""
    distinct = profile.distinct
    if column.kind is Kind.timestamp:
        pattern = profile.formats[0] if profile.formats else ""
        return {"column": profile.name, "format": pattern} if pattern else profile.name
    if column.kind is Kind.decimal and profile.has_money_marks:
        return {"column": profile.name, "form": "amount"}
    if column.kind is Kind.boolean:
        flags = {v: v.strip().lower() for v in distinct if v.strip().lower() in FLAGS}
        if not set(flags.values()) <= _PLAIN_FLAGS:
            return {"column": profile.name, "case": {v: word in _TRUE for v, word in flags.items()}}
    if column.values and not set(distinct) <= set(column.values):
        known = values_of(table.name, column.name)
        return {"column": profile.name, "case": {v: known[plain(v)] for v in distinct if plain(v) in known}}
    if column.name == "currency" and set(distinct) & set(_SIGNS):
        return {"column": profile.name, "case": {v: _SIGNS.get(v.strip(), v) for v in distinct}}
    if column.name.endswith("_id") and profile.is_float_id:
        return {"column": profile.name, "form": "whole"}
    return profile.name


def _derive(made: Draft) -> None:
    """What no column says: an amount from quantity and price, one currency for all, an outcome that goes without saying."""
    columns = {c.name: c for c in made.table.columns}
    if "amount_value" in columns and "amount_value" not in made.origins:
        parts = [made.origins.get(name) for name in ("quantity", "unit_amount_value")]
        if all(isinstance(part, str) for part in parts):
            made.origins["amount_value"] = {"multiply": parts}
    if "currency" in columns and "currency" not in made.origins:
        code = _currency(made)
        if code:
            made.origins["currency"] = {"constant": code}
    if made.table.name == "payment" and "status" not in made.origins:
        made.origins["status"] = {"constant": "succeeded"}
        made.doubts.append("no column tells how a payment ended: all are taken as succeeded")


def _currency(made: Draft) -> str | None:
    """The currency that signs, codes beside amounts, or names of columns agree on."""
    found = {
        code
        for origin in made.origins.values()
        for name in _uses(origin)
        if made.profiles[name].has_money_marks
        for value in made.profiles[name].values
        for code in [*(_SIGNS[s] for s in _SIGNS if s in value), *re.findall(rf"(?i)\b({_CODES})\b", value)]
    }
    if not found:
        found = {code for name in made.profiles for code in re.findall(rf"\b({_CODES})\b", plain(name))}
    return found.pop().lower() if len({code.lower() for code in found}) == 1 else None


def _doubt(made: Draft, matches: Sequence[Match]) -> None:
    if len(matches) > 1 and matches[1].score > 0 and matches[0].score < 1.15 * matches[1].score:
        made.doubts.append(f"it may also be {matches[1].fact}: --fact {matches[1].fact}")
    if made.style.is_mixed:
        made.doubts.append(f"some numbers have a decimal comma, others a point: taken is {made.style.decimal!r}")
    for name in made.missing():
        hint = f"say it for all rows: {name}:=VALUE" if name != "currency" else "say it: currency:=eur"
        made.doubts.append(f"nothing fills {name}, which every {made.table.name} must have; name its column, or {hint}")
    for canonical, origin in made.origins.items():
        for name in _uses(origin):
            _doubt_column(made, made._canonical(canonical), made.profiles[name], origin)


def _doubt_column(made: Draft, column: Column, profile: Profile, origin: str | dict[str, Any]) -> None:
    if column.kind is Kind.timestamp and profile.formats:
        swapped = [f for f in profile.formats[1:] if _swaps(profile.formats[0], f)]
        if swapped:
            made.doubts.append(
                f"{profile.name}: {profile.values[0]!r} is read as {profile.formats[0]}, but may be {swapped[0]}: "
                f"{profile.name}@{swapped[0]}"
            )
        if not made.zone and not profile.has_zone and not profile.formats[0].startswith("epoch"):
            made.doubts.append(
                f"{profile.name}: times without a zone are taken as UTC; --zone Europe/Berlin says otherwise"
            )
    if column.values and isinstance(origin, dict) and "case" in origin:
        unknown = [v for v in profile.distinct if v not in origin["case"] and v not in column.values]
        if unknown:
            made.doubts.append(
                f"{profile.name}: {', '.join(map(repr, unknown[:5]))} is no word for any of {', '.join(column.values)}: "
                "their rows would go to quarantine; add them under `case` in the YAML"
            )


def _swaps(first: str, second: str) -> bool:
    """Whether two patterns differ in day and month alone."""
    return first != second and first.replace("%d", "%x").replace("%m", "%d").replace("%x", "%m") == second


def _uses(origin: str | dict[str, Any]) -> list[str]:
    if isinstance(origin, str):
        return [origin]
    return [*([origin["column"]] if "column" in origin else []), *origin.get("multiply", [])]
