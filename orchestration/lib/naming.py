"""The one translator: from a relation's name to everything Dagster shows of it.

Belongs here: key, group, kinds, owners and tags, computed from names and never typed (the grammar: nexus/names.py).
Does not belong here: anything read from a file. Sources (raw.py) and dbt (dbt_translator.py) both ask here, so that a
raw table, the dbt source that declares it and the models that read it meet in one graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dagster import AssetKey

from nexus import names


@dataclass(frozen=True, slots=True)
class Named:
    """What the name of a relation says. `source` is the provider of a raw or staging relation."""

    relation: str
    layer: str
    source: str | None

    @property
    def key(self) -> AssetKey:
        return AssetKey([self.relation])


def parse(relation: str) -> Named:
    """The meaning of a relation's name; raises InputError when it does not follow the grammar."""
    layer, source = names.relation(relation)
    return Named(relation, layer, source)


def group(named: Named, domain: str | None) -> str:
    """Raw and staging belong to their source; everything later to its domain, or to its layer where it has none."""
    return named.source or domain or named.layer


def owners(team: str | None) -> list[str]:
    return [f"team:{team}"] if team else []


def kinds(named: Named, engine: str, materialized: str | None = None) -> set[str]:
    """At most three marks: who makes it, on what it lives, as what."""
    maker = "parquet" if named.layer == "raw" else "dbt"
    return {maker, engine, *([materialized] if materialized else [])}


def tags(named: Named, more: Sequence[str] = ()) -> dict[str, str]:
    """The layer, and what dbt tagged."""
    return {"nexus/layer": named.layer, **{f"nexus/{tag}": "" for tag in more}}
