"""What a mapping file may say: how rows of a table become canonical facts.

Belongs here: the shape of the YAML, its checks and their messages. Does not belong here: SQL (extract.py).

    facts:
      invoice_line:
        columns:
          invoice_id: Invoice                                        # a column of the file, as it is
          currency: {constant: gbp}
          line_at: {column: InvoiceDate, format: "%Y-%m-%d %H:%M:%S", zone: Europe/London}
          invoice_kind: {column: Invoice, prefix: {C: credit_note}, otherwise: invoice}
          amount_value: {multiply: [Quantity, Price]}
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from nexus.errors import InputError, NotFoundError
from orchestration.sources.tabular.contract import SOURCE

KNOWN = Path(__file__).with_name("mappings")
Reader = Literal["csv", "rows", "parquet", "jsonl", "json"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Value(_Model):
    """Where one canonical column comes from: exactly one of `column`, `constant`, `multiply`, `join`."""

    column: str | None = Field(default=None, description="column of the file")
    constant: str | None = Field(default=None, description="the same text for every row")
    multiply: tuple[str, str] | None = Field(default=None, description="product of two columns, exact")
    join: tuple[str, ...] | None = Field(default=None, description="columns put together with '/', for ids")
    case: dict[str, str | None] = Field(default_factory=dict, description="value in the file → canonical value")
    prefix: dict[str, str | None] = Field(default_factory=dict, description="beginning of the value → canonical value")
    otherwise: str | None = Field(default=None, description="for values that case or prefix do not name")
    format: str | None = Field(default=None, description="strptime pattern of a date, or epoch, or epoch_ms")
    zone: str | None = Field(default=None, description="IANA zone that times are written in; without it UTC")
    form: Literal["whole", "lower", "upper", "trim", "amount"] | None = Field(
        default=None,
        description="whole: a number without decimals, for ids that a spreadsheet made floats of; "
        "amount: a number with a sign or code of a currency beside it",
    )
    scale: int = Field(default=0, ge=-6, le=6, description="power of ten to multiply by: -2 turns cents into euros")

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str | None) -> str | None:
        return _iana(zone)

    @model_validator(mode="after")
    def _one_origin(self) -> Value:
        given = [n for n in ("column", "constant", "multiply", "join") if getattr(self, n) is not None]
        if len(given) != 1:
            raise ValueError(
                f"give exactly one of column, constant, multiply, join (found: {', '.join(given) or 'none'})"
            )
        if (self.case or self.prefix or self.format or self.form) and self.column is None:
            raise ValueError("case, prefix, format and form need a column")
        if self.case and self.prefix:
            raise ValueError("give either case or prefix")
        if "otherwise" in self.model_fields_set and not (self.case or self.prefix):
            raise ValueError("otherwise needs case or prefix")
        return self

    @property
    def uses(self) -> tuple[str, ...]:
        """Columns of the file that it reads."""
        return tuple(filter(None, [self.column, *(self.multiply or ()), *(self.join or ())]))


def _iana(zone: str | None) -> str | None:
    import pytz  # type: ignore[import-untyped]

    if zone is not None and zone not in pytz.all_timezones_set:
        raise ValueError(f"{zone!r} is no IANA time zone; write it like Europe/Berlin")
    return zone


def _text(value: Any) -> Any:
    """`invoice_id: Invoice` is short for `{column: Invoice}`; YAML's 1 and true are meant as written."""
    if isinstance(value, str):
        return {"column": value}
    if isinstance(value, dict):
        plain = {k: _plain(v) if k in ("constant", "otherwise") else v for k, v in value.items()}
        for table in ("case", "prefix"):
            if isinstance(plain.get(table), dict):
                plain[table] = {_plain(k): _plain(v) for k, v in plain[table].items()}
        return plain
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


class Condition(_Model):
    """Rows that give the fact: those where the column is not null, or is one of `values`."""

    column: str
    values: tuple[Annotated[str, BeforeValidator(_plain)], ...] = ()


class Fact(_Model):
    """How a row becomes one canonical record."""

    columns: dict[str, Annotated[Value, BeforeValidator(_text)]]
    id: str | None = Field(
        default=None, description="canonical column that identifies a record: repeats are merged by it"
    )
    when: Condition | None = None
    distinct: bool = Field(
        default=False, description="rows that give the same record count once, for customers of lines"
    )


class Mapping(_Model):
    """One table of somebody's, understood."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    description: str = ""
    recognise: tuple[str, ...] = Field(default=(), description="columns that tell the file; default: all that are used")
    reader: Reader | None = Field(default=None, description="how to read the file, where its name does not tell")
    encoding: str | None = Field(default=None, description="codec of a text file; default: UTF-8")
    delimiter: str | None = Field(default=None, min_length=1, max_length=1, description="default: found out")
    quote: str = Field(default='"', max_length=1, description="what quotes fields of CSV; empty: nothing does")
    zone: str | None = Field(default=None, description="IANA zone of times whose column names none; without it UTC")
    nulls: tuple[str, ...] = Field(default=(), description="spellings of null besides the empty text")
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", " ", "'"] = ""
    attributes: tuple[str, ...] = Field(default=(), description="columns to keep without giving them a meaning")
    facts: dict[str, Fact] = Field(min_length=1)

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str | None) -> str | None:
        return _iana(zone)

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, encoding: str | None) -> str | None:
        try:
            "".encode(encoding or "utf-8")
        except LookupError:
            raise ValueError(f"{encoding!r} is no encoding; write it like utf-8, cp1252 or utf-16") from None
        return encoding

    @model_validator(mode="after")
    def _canonical(self) -> Mapping:
        for name, fact in self.facts.items():
            tables = {table.name: table for table in SOURCE.tables}
            if name not in tables:
                raise ValueError(f"facts: {name!r} is no canonical fact; there are {', '.join(tables)}")
            known = [c.name for c in tables[name].columns if c.name not in ("attributes", "mapping_name")]
            for column in fact.columns:
                if column not in known:
                    raise ValueError(
                        f"facts.{name}.columns: {column!r} is no column of it; there are {', '.join(known)}"
                    )
            missing = [c.name for c in tables[name].columns if c.required and c.name not in fact.columns]
            if missing:
                raise ValueError(f"facts.{name}.columns: {', '.join(missing)} must be mapped")
            if fact.id is not None and fact.id not in fact.columns:
                raise ValueError(f"facts.{name}.id: {fact.id!r} is not among its mapped columns")
        if self.quote and self.quote == (self.delimiter or ","):
            raise ValueError("quote and delimiter are the same sign")
        if self.decimal == self.thousands:
            raise ValueError("decimal and thousands are the same sign")
        return self

    @property
    def uses(self) -> tuple[str, ...]:
        """Columns of the file that get a meaning, in the order of the mapping."""
        found: dict[str, None] = {}
        for fact in self.facts.values():
            for value in fact.columns.values():
                found |= dict.fromkeys(value.uses)
            if fact.when:
                found[fact.when.column] = None
        return tuple(found)

    @property
    def signature(self) -> frozenset[str]:
        """Columns that a file must have to be recognised."""
        return frozenset(self.recognise or (*self.uses, *self.attributes))


def known() -> dict[str, Path]:
    """Mappings that come with Nexus, by name."""
    return {path.stem: path for path in sorted(KNOWN.glob("*.yml"))}


def load(name_or_path: str) -> Mapping:
    """The mapping with this name, or in this YAML file. Raises NotFoundError, or InputError with what is wrong."""
    path = known().get(name_or_path, Path(name_or_path))
    if not path.is_file():
        raise NotFoundError(
            f"there is no mapping {name_or_path!r}",
            remedy=f"known mappings: {', '.join(known())}; or give the path of a YAML file",
        )
    try:
        return Mapping.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable as YAML: {error}", remedy="see docs/mapping-a-table.md") from error
    except ValidationError as error:
        raise InputError(
            f"{path} is no mapping:\n" + "\n".join(f"  - {_problem(e)}" for e in error.errors()),
            remedy=f"compare it with {KNOWN / 'online_retail.yml'}",
        ) from error


def _problem(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"])
    message = error["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if where else message
