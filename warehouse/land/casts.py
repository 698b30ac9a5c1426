"""SQL of casts: a text as the type that its column promises.

Belongs here: the value of one column, and whether it lies beyond all reason. Does not belong here: what is said about
bad values (checks.py), whole rows (rows.py).
"""

from __future__ import annotations

from nexus.contracts import Column, Kind
from warehouse.land.sql import literal

#: Seconds from 0001-01-01 to 9999-12-31: outside of these a number is no time.
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799


def typed(column: Column, raw: str) -> str:
    """The value as its type, null where the text does not fit.

    Nearly all texts are written as one expects. What is cheap and right for those comes first; the rest, trimmed and
    looked at closely, costs several times as much.
    """
    at_once, at_last = usual(column, raw), thorough(column, raw)
    return f"coalesce({at_once}, {at_last})" if at_once else at_last


def usual(column: Column, raw: str) -> str | None:
    """The value of a text in the usual spelling, null for any other."""
    whole = f"try_cast({raw} as bigint)"
    as_written = f"cast({whole} as varchar) = {raw}"
    match column.kind, column.format:
        case Kind.integer, _:
            return f"case when {as_written} then {whole} end"
        case Kind.decimal, _:
            return f"cast(try_cast({raw} as decimal(18,9)) as decimal(38,9))"
        case Kind.boolean, _:
            return f"try_cast({raw} as boolean)"
        case Kind.timestamp, "iso":
            return _utc(f"try_cast({_digit_first(raw)} as timestamptz)")
        case Kind.timestamp, "epoch" | "epoch_ms":
            scale, first, last = epoch(column)
            return f"make_timestamp(case when {as_written} and {whole} between {first} and {last} then {whole} * {scale} end)"
    return None


def _digit_first(text: str) -> str:
    """Without words such as 'infinity'."""
    return f"case when {text} >= '0' and {text} < ':' then {text} end"


def _utc(moment: str) -> str:
    """A TIMESTAMPTZ as TIMESTAMP in UTC. A cast would ask the calendar of a time zone, and takes five times as long."""
    return f"make_timestamp(epoch_us({moment}))"


def epoch(column: Column) -> tuple[int, int, int]:
    """Microseconds of one unit, and the first and the last unit that are a time."""
    scale = 1_000_000 if column.format == "epoch" else 1_000
    return scale, _FIRST_SECOND * 1_000_000 // scale, _LAST_SECOND * 1_000_000 // scale


def thorough(column: Column, raw: str) -> str:
    text = raw if column.kind in (Kind.string, Kind.json) else f"nullif(trim({raw}), '')"
    match column.kind:
        case Kind.string | Kind.json:
            return raw
        case Kind.integer:
            number = f"try_cast({text} as decimal(38,9))"
            whole = f"case when {number} = trunc({number}) then try_cast({number} as bigint) end"
            return (
                f"case when regexp_full_match({text}, '[+-]?[0-9]+') then try_cast({text} as bigint) else {whole} end"
            )
        case Kind.decimal:
            return _decimal(text)
        case Kind.boolean:
            return f"try_cast({text} as boolean)"
        case Kind.date:
            return f"cast({_moment(column, text)} as date)"
        case Kind.timestamp:
            return _moment(column, text)


def _decimal(text: str) -> str:
    """Nine digits before the point are enough for nearly all values, and twenty times cheaper than 29."""
    return f"coalesce(cast(try_cast({text} as decimal(18,9)) as decimal(38,9)), try_cast({text} as decimal(38,9)))"


def _moment(column: Column, text: str) -> str:
    """A time in UTC. Casting straight to TIMESTAMP would ignore the offset, so it goes by way of TIMESTAMPTZ."""
    match column.format:
        case "iso":
            return _utc(f"try_cast({_digit_first(text)} as timestamptz)")
        case "epoch" | "epoch_ms":
            # whole numbers apart: arithmetic on decimals is fifty times slower, and doubles are exact below 2^53
            scale, first, last = epoch(column)
            whole = f"try_cast({text} as bigint)"
            part = f"try_cast({text} as double)"
            return (
                f"make_timestamp(case when contains({text}, '.') "
                f"then case when {part} between {first} and {last} then cast(round({part} * {scale}) as bigint) end "
                f"else case when {whole} between {first} and {last} then {whole} * {scale} end end)"
            )
        case pattern:
            return f"cast(try_strptime({text}, {literal(pattern)}) as timestamp)"
